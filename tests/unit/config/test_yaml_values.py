"""What YAML would read as something else than was written."""

from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.yaml_values import require_plain_numbers
from rlsys.errors import ConfigError

_LOCAL = CONFIGS / "local.yaml"


@pytest.mark.parametrize(
    "name", ["010", "0012345", "1e3", "1234e56", "1_000", "1:30", "on", "0x1f"]
)
def test_a_text_of_the_command_line_stays_as_it_was_typed(tmp_path: Path, name: str) -> None:
    config = load(_LOCAL, [f"run.name={name}"])
    assert config.run.name == name
    written = tmp_path / "config.yaml"
    written.write_text(to_yaml(config))
    assert load(written).run.name == name


@pytest.mark.parametrize(("typed", "name"), [("'010'", "010"), ('"on"', "on"), ("mine", "mine")])
def test_quotes_of_the_command_line_are_still_quotes(typed: str, name: str) -> None:
    assert load(_LOCAL, [f"run.name={typed}"]).run.name == name


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("010", "010: YAML reads that as 8 (base 8); nearest valid: 10, or '010' in quotes"),
        ("-0_20", "-0_20: YAML reads that as -16 (base 8); nearest valid: -20, or"),
        ("1:30", "1:30: YAML reads that as 90 (base 60); nearest valid: 90, or"),
    ],
)
def test_a_number_that_yaml_reads_as_another_is_refused(
    tmp_path: Path, written: str, said: str
) -> None:
    with pytest.raises(ConfigError) as typed:
        load(_LOCAL, [f"run.seed={written}"])
    assert f"override 'run.seed={written}': {said}" in str(typed.value)
    file = tmp_path / "mine.yaml"
    file.write_text(f"loop:\n  steps: 3\nrun: {{seed: {written}}}\n")
    with pytest.raises(ConfigError) as read:
        load(file)
    assert f"{file}: line 3: {said}" in str(read.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: '010'",
        "a: 0",
        "a: 0.5",
        "a: 1_000",
        "a: x010",
        "a: 2026-01-02",
        "a: [10, 0x8]",
        "a: 007",
    ],
)
def test_numbers_and_texts_that_are_read_as_written_pass(text: str) -> None:
    require_plain_numbers(text, "here")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run: {name: on}", "run.name=True: expected a text"),
        ("run: {name: 1e3}", "run.name=1000.0: expected a text"),
        ("data: {shuffle: 2}", "data.shuffle=2: expected true or false"),
        ("loop:\n  steps: ???", "loop.steps=???: expected a value"),
    ],
)
def test_a_value_that_would_be_taken_as_another_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml") as refused:
        load(file)
    assert said in str(refused.value)


@pytest.mark.parametrize("value", ["9" * 5000, "\udcff", "[" * 3000])
def test_a_value_that_no_reader_of_yaml_takes_is_an_error_that_names_the_setting(
    tmp_path: Path, value: str
) -> None:
    with pytest.raises(ConfigError, match=r"override 'loop\.steps="):
        load(_LOCAL, [f"loop.steps={value}"])
    file = tmp_path / "mine.yaml"
    file.write_text(f"loop: {{steps: {value}}}", errors="surrogateescape")
    with pytest.raises(ConfigError, match=r"mine\.yaml is not valid YAML"):
        load(file)


def test_a_file_that_is_a_number_alone_is_no_config(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("5\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml is not valid YAML: Invalid loaded object"):
        load(file)
