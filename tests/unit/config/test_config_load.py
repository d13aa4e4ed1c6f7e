import subprocess
import sys
from pathlib import Path

import pytest

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.renamed import RENAMED
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError

ALL = sorted(CONFIGS.glob("*.yaml"))
PRESETS = sorted((CONFIGS / "algorithms").glob("*.yaml"))


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A config file of the given text."""

    def writer(text: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return writer


def error_of(path: Path, overrides: list[str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    return str(caught.value)


# --- what ships -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_every_config_loads_and_survives_its_own_yaml(path: Path, tmp_path: Path) -> None:
    config = load(path)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(config))
    assert load(resolved) == config


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.stem)
def test_every_algorithm_preset_loads(path: Path) -> None:
    config = load(CONFIGS / "local.yaml", [f"algorithm={path.stem}"])
    assert config.algorithm.preset == path.stem


def test_there_are_configs_and_presets_to_load() -> None:
    assert {"base", "local"} <= {p.stem for p in ALL}
    assert {"grpo", "dapo", "dr_grpo", "gspo", "ppo"} <= {p.stem for p in PRESETS}


def test_the_default_preset_is_the_defaults() -> None:
    config = load(CONFIGS / "base.yaml", ["algorithm=grpo"])
    assert config.algorithm == AlgorithmConfig()


def test_loading_imports_nothing_heavy() -> None:
    program = (
        "import sys; from rlsys.config.load import load; load(sys.argv[1]); "
        "print(*[m for m in ('torch', 'ray', 'vllm', 'transformers', 'numpy') if m in sys.modules])"
    )
    path = CONFIGS / "local.yaml"
    result = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=CONFIGS.parent,
    )
    assert result.stdout.strip() == ""


# --- layers -----------------------------------------------------------------------------------


def test_a_plain_object_comes_back_and_no_dictconfig(write) -> None:  # type: ignore[no-untyped-def]
    config = load(write("loop: {steps: 7}"))
    assert type(config) is RunConfig
    assert config.loop.steps == 7
    assert type(config.verifiers.rewards) is list
    assert config.loop.groups_per_step == RunConfig().loop.groups_per_step


def test_an_empty_file_is_base_yaml(write) -> None:  # type: ignore[no-untyped-def]
    assert load(write("")) == load(CONFIGS / "base.yaml")


def test_the_file_wins_over_base_yaml_and_lists_are_replaced(write) -> None:  # type: ignore[no-untyped-def]
    config = load(write("verifiers: {rewards: [{name: math}]}"))
    assert [r.name for r in config.verifiers.rewards] == ["math"]


def test_the_command_line_wins_over_the_file_and_its_last_word_counts(write) -> None:  # type: ignore[no-untyped-def]
    path = write("loop: {steps: 7}")
    assert load(path, ["loop.steps=8", "loop.steps=9"]).loop.steps == 9


def test_a_preset_wins_over_defaults_and_loses_to_the_file(write) -> None:  # type: ignore[no-untyped-def]
    path = write("algorithm: {preset: dapo, kl: {coefficient: 0.5}}")
    config = load(path)
    assert config.algorithm.clip.high == 0.28
    assert config.algorithm.drop_no_signal
    assert config.algorithm.kl.coefficient == 0.5


def test_a_preset_on_the_command_line_replaces_the_files_preset(write) -> None:  # type: ignore[no-untyped-def]
    path = write("algorithm: {preset: dapo}")
    config = load(path, ["algorithm=cispo"])
    assert config.algorithm.preset == "cispo"
    assert config.algorithm.loss.name == "cispo"
    assert not config.algorithm.drop_no_signal


def test_the_command_line_wins_over_the_preset_in_any_order(write) -> None:  # type: ignore[no-untyped-def]
    path = write("")
    for overrides in (
        ["algorithm=dapo", "algorithm.clip.high=0.4"],
        ["algorithm.clip.high=0.4", "algorithm=dapo"],
    ):
        assert load(path, overrides).algorithm.clip.high == 0.4


def test_a_preset_may_set_other_sections(write) -> None:  # type: ignore[no-untyped-def]
    assert load(write(""), ["algorithm=r1_zero"]).loop.group_size == 16


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("run.name=a=b", lambda c: c.run.name, "a=b"),
        ("run.name=123", lambda c: c.run.name, "123"),
        ("run.name=", lambda c: c.run.name, ""),
        ("sampling.stop=[a,b]", lambda c: c.sampling.stop, ["a", "b"]),
        ("learner.optimizer.learning_rate=3e-4", lambda c: c.learner.optimizer.learning_rate, 3e-4),
        ("learner.share_prompts=true", lambda c: c.learner.share_prompts, True),
        ("learner.dtype=bfloat16", lambda c: c.learner.dtype.value, "bfloat16"),
        ("sampling.temperature=2", lambda c: c.sampling.temperature, 2.0),
    ],
)
def test_overrides_are_read_as_yaml_values(write, override, read, value) -> None:  # type: ignore[no-untyped-def]
    found = read(load(write(""), [override]))
    assert found == value
    assert type(found) is type(value)


# --- bad input ----------------------------------------------------------------------------------


def test_an_unknown_key_names_file_key_and_the_nearest(write) -> None:  # type: ignore[no-untyped-def]
    path = write("loop: {stepz: 3}")
    assert error_of(path) == f"{path}: unknown key 'loop.stepz'; did you mean 'loop.steps'?"


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("lop: {steps: 3}", "lop", "loop"),
        ("steps: 3", "steps", "loop.steps"),
        ("loop: {zero_stage: 3}", "loop.zero_stage", "learner.zero_stage"),
        ("learner: {optimizer: {lerning_rate: 1}}", "lerning_rate", "learner.optimizer.learning"),
        (
            "verifiers: {rewards: [{name: math}, {name: x, wieght: 1}]}",
            "verifiers.rewards[1].wieght",
            "verifiers.rewards[1].weight",
        ),
    ],
)
def test_the_nearest_key_is_found_at_any_depth(write, text, key, nearest) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(text))
    assert f"{key}'; did you mean '{nearest}" in message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("loop.steps: 3", "; in a file a key has no dots: loop: {steps: ...}"),
        ("beta: 0.1", "; there are: run, model, data, "),
        ("learner: {optimizer: {lr: 1}}", "; there are: learner.optimizer.learning_rate, "),
        ("algorithm: dapo", "; nearest valid: algorithm: {preset: dapo}"),
        ("verifiers: {plugins: mine.py}", "; nearest valid: [mine.py]"),
    ],
)
def test_what_is_written_in_another_way_is_told_in_this_one(write, text, hint) -> None:  # type: ignore[no-untyped-def]
    assert hint in error_of(write(text))


def test_all_unknown_keys_of_file_and_command_line_are_in_one_error(write) -> None:  # type: ignore[no-untyped-def]
    path = write("lop: {steps: 3}\nloop: {stepz: 3, grup_size: 4}")
    first, *others = error_of(path, ["sampling.top=1"]).splitlines()
    assert first == "4 settings cannot work:"
    assert [other.split("'")[1] for other in others] == [
        *("lop", "loop.stepz", "loop.grup_size", "sampling.top")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loop: {steps: abc}", "loop.steps='abc': expected a whole number"),
        ("loop: {steps: 1.5}", "loop.steps=1.5: expected a whole number"),
        ("algorithm: {clip: {low: x}}", "algorithm.clip.low='x': expected a number"),
        ("data: {shuffle: maybe}", "data.shuffle='maybe': expected true or false"),
        ("data: {train: [a, b]}", "data.train=['a', 'b']: expected a text"),
        (
            "verifiers: {rewards: [{name: math, range: [a, 1]}]}",
            "verifiers.rewards[0].range[0]='a': expected a number",
        ),
    ],
)
def test_a_value_of_another_type_says_what_is_expected(write, text, said) -> None:  # type: ignore[no-untyped-def]
    path = write(text)
    assert error_of(path) == f"{path}: {said}"


def test_an_unknown_key_on_the_command_line_says_so(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(""), ["loop.stepz=3"])
    assert message == "the command line: unknown key 'loop.stepz'; did you mean 'loop.steps'?"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loop: {steps: abc}", "loop.steps='abc'"),
        ("loop: {steps: 1.5}", "loop.steps=1.5"),
        ("loop: {steps: true}", "loop.steps=True"),
        ("loop: {steps: null}", "loop.steps=None"),
        ("loop: {steps: [1]}", "loop.steps=[1]"),
        ("learner: {share_prompts: maybe}", "learner.share_prompts='maybe'"),
        ("verifiers: {rewards: [{name: math, weight: x}]}", "verifiers.rewards[0].weight='x'"),
        ("verifiers: {rewards: math}", "verifiers.rewards='math'"),
        ("verifiers: {rewards: {name: math}}", "verifiers.rewards={'name': 'math'}"),
        ("verifiers: {rewards: [math]}", "verifiers.rewards[0]='math'"),
        ("loop: 3", "loop=3"),
        ("loop: null", "loop=None"),
        ("loop: [1]", "loop=[1]"),
        ("algorithm: dapo", "algorithm='dapo'"),
    ],
)
def test_a_mistyped_value_is_shown_with_its_full_path(write, text: str, shown: str) -> None:  # type: ignore[no-untyped-def]
    path = write(text)
    assert error_of(path).startswith(f"{path}: {shown}: ")


def test_a_wrong_choice_names_the_choices(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write("algorithm: {kl: {placement: los}}"))
    assert "algorithm.kl.placement='los'" in message
    assert "loss, reward" in message
    message = error_of(write("algorithm: {loss: {name: ppo_clp}}"))
    assert message.startswith("algorithm.loss.name: no loss 'ppo_clp'; did you mean 'ppo_clip'?")


def test_an_unknown_preset_names_the_nearest(write) -> None:  # type: ignore[no-untyped-def]
    for typed, meant in (("gspoo", "gspo"), ("dappo", "dapo"), ("gpro", "grpo")):
        message = error_of(write(""), [f"algorithm={typed}"])
        assert message == f"algorithm.preset: no preset {typed!r}; did you mean {meant!r}?"


@pytest.mark.parametrize("override", ["loop.steps", "=3", "loop.steps 4", ""])
def test_an_override_without_key_or_value_is_refused(write, override: str) -> None:  # type: ignore[no-untyped-def]
    assert "expected section.key=value" in error_of(write(""), [override])


def test_one_item_of_a_list_cannot_be_overridden(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(""), ["verifiers.rewards[0].weight=0.1"])
    assert "verifiers.rewards=" in message
    assert "replaced as a whole" in message


def test_a_mapping_in_the_place_of_a_preset_is_told_how_its_settings_are_named(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(""), ["algorithm={kl: {coefficient: 0}}"])
    assert message.endswith("nearest valid: algorithm.kl.coefficient=0")


def test_a_folder_is_no_config_and_what_is_in_it_is_named(write) -> None:  # type: ignore[no-untyped-def]
    folder = write("").parent
    assert error_of(folder).startswith(f"{folder} is a folder, and no config file; there are: ")
    assert str(folder / "mine.yaml") in error_of(folder)


def test_an_override_that_is_no_yaml_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(""), ["loop.steps=3", "sampling.stop=["])
    assert message.startswith("override 'sampling.stop=[': did not find")
    assert "\n" not in message


@pytest.mark.parametrize("text", ["a: [", "loop:\n\tsteps: 1", "loop: {}\nloop: {}"])
def test_a_file_that_is_no_yaml_is_refused_with_its_name(write, text: str) -> None:  # type: ignore[no-untyped-def]
    path = write(text)
    message = error_of(path)
    assert message.startswith(f"{path} is not valid YAML: line ")
    assert "\n" not in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert error_of(path).startswith(f"{path} is not valid YAML: ")


def test_a_list_is_no_config(write) -> None:  # type: ignore[no-untyped-def]
    assert "must hold a mapping of sections" in error_of(write("- loop"))


def test_a_tab_is_named(write) -> None:  # type: ignore[no-untyped-def]
    tab = "; there is a tab, and YAML is indented by spaces alone"
    for text in ("loop:\n\tsteps: 3\n", "loop:\n  steps: 3\n\tepochs: 1\n"):
        assert error_of(write(text)).endswith(tab)
    assert tab not in error_of(write("loop: [\n"))


def test_a_reference_to_a_missing_setting_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write("run: {name: '${lop.steps}'}"))
    assert "run.name: Interpolation key 'lop.steps' not found" in message


def test_a_missing_file_names_the_nearest(write) -> None:  # type: ignore[no-untyped-def]
    path = write("")
    missing = path.with_name("mime.yaml")
    assert error_of(missing) == f"no config file {missing}; did you mean {str(path)!r}?"


def test_a_missing_file_names_what_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user would type it: from the folder of the installation without that folder."""
    monkeypatch.chdir(tmp_path)
    assert error_of(Path("loacl.yaml")).endswith(f"did you mean '{CONFIGS / 'local.yaml'}'?")
    assert str(CONFIGS / "base.yaml") in error_of(Path("nowhere.yaml"))
    monkeypatch.chdir(CONFIGS.parent)
    for wrong in ("config/local.yaml", "configs/loacl.yaml", "local.yaml"):
        assert error_of(Path(wrong)).endswith("did you mean 'configs/local.yaml'?")


def test_the_end_that_all_names_share_makes_no_name_the_nearest() -> None:
    assert "did you mean" not in error_of(Path("configs/nope.yaml"))


def test_settings_are_validated_after_loading(write) -> None:  # type: ignore[no-untyped-def]
    assert error_of(write("loop: {group_size: 1}")).startswith("loop.group_size=1: ")


# --- how long a run is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "overrides", "epochs"),
    [
        ("loop: {epochs: 3}", [], 3.0),
        ("loop: {steps: 7}", [], 0.0),
        ("loop: {steps: 7}", ["loop.epochs=0.5"], 0.5),
        ("loop: {epochs: 3}", ["loop.steps=7"], 0.0),
        ("loop: {epochs: 3}", ["loop.groups_per_step=8"], 3.0),
        ("loop: {epochs: 0, steps: 7}", [], 0.0),
        ("loop: {epochs: 3}", ["loop.epochs=0", "loop.steps=7"], 0.0),
    ],
)
def test_of_steps_and_epochs_the_one_set_last_decides(write, text, overrides, epochs) -> None:  # type: ignore[no-untyped-def]
    config = load(write(text), overrides)
    assert config.loop.epochs == epochs
    assert epochs or config.loop.steps == 7


@pytest.mark.parametrize(
    ("text", "overrides", "place"),
    [
        ("loop: {steps: 7, epochs: 3}", [], "mine.yaml"),
        ("", ["loop.steps=7", "loop.epochs=3"], "the command line"),
    ],
)
def test_steps_and_epochs_in_one_place_are_refused(write, text, overrides, place) -> None:  # type: ignore[no-untyped-def]
    message = error_of(write(text), overrides)
    assert f"{place}: loop.steps=7 and loop.epochs=3: only one of them" in message


def test_a_key_that_was_documented_under_another_name_is_told_by_its_new_one(tmp_path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("loop:\n  groups_per_message: 2\n")
    assert error_of(path) == (
        f"{path}: unknown key 'loop.groups_per_message'; it is called 'loop.groups_per_call' now"
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("algorithm.clip_high=0.3", "it is called 'algorithm.clip.high' now"),
        ("algorithm.kl_coef=0", "did you mean 'algorithm.kl.coefficient'?"),
        ("algorithm.weightcap=3", "did you mean 'algorithm.off_policy.weight_cap'?"),
        ("kl_coefficient=0", "did you mean 'algorithm.kl.coefficient'?"),
        ("algorithm.advantage=rloo", "nearest valid: algorithm.advantage.estimator=rloo"),
        ("algorithm.clip=none", "nearest valid: algorithm.loss.name=unclipped"),
        ("algorithm.off_policy=bypass", "nearest valid: algorithm.off_policy.mode=bypass"),
        ("algorithm=./mine.yaml", "algorithm.preset: no file mine.yaml"),
    ],
)
def test_an_algorithms_setting_of_before_is_told_by_its_new_place(  # type: ignore[no-untyped-def]
    write, override: str, said: str
) -> None:
    assert said in error_of(write(""), [override])


def test_every_new_place_of_a_setting_is_one() -> None:
    for new in RENAMED.values():
        value = RunConfig()
        for part in new.split("."):
            value = getattr(value, part)
