"""What is read of a run's folder, whatever state it is in."""

from pathlib import Path
from typing import Any

import pytest

from rlsys.errors import ConfigError, DataError
from rlsys.report.folder import differing, read_record
from tests.helpers.reported_run import make_run, metrics


def test_half_a_line_is_not_there_yet(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [metrics(1), metrics(2)])
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "reward/me')
    assert [line["step"] for line in read_record(folder).lines] == [1, 2]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [metrics(1), metrics(2)])
    text = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text(text.replace("{", "", 1))
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 1: no JSON"):
        read_record(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (b"\xff\xfe{", r"line 2: no JSON"),
        (b"[1, 2]", r"line 2: \[1, 2\] has no step"),
        (b'{"members": {}}', r"line 2: .* has no step"),
        (b'{"step": [2]}', r"line 2: .* has no step"),
        (b'{"step": 2, "members": {"learner-0": 1}}', r"step 2: not as a run writes it"),
        (b'{"step": 2, "parts": {"learner-0": {"busy": [100]}}}', r"step 2: .* 20 in `parts`"),
        (b'{"step": 2, "parts": {"learner-0": {"busy": 100}}}', r"step 2: not as a run"),
    ],
)
def test_a_damaged_line_of_members_is_named(tmp_path: Path, damage: bytes, said: str) -> None:
    folder = make_run(tmp_path / "a", [metrics(1), metrics(2)])
    line = b'{"step": 1, "members": {"learner-0": {"busy": 1.0}}}'
    (folder / "members.jsonl").write_bytes(line + b"\n" + damage + b"\n")
    with pytest.raises(DataError, match=r"members\.jsonl, " + said):
        read_record(folder)


def test_steps_of_two_runs_in_one_file_are_not_drawn_as_one(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [metrics(1), metrics(2), metrics(2)])
    with pytest.raises(DataError, match=r"metrics\.jsonl: step 2 stands behind step 2"):
        read_record(folder)


def test_a_metric_that_is_no_number_is_named(tmp_path: Path) -> None:
    odd: dict[str, Any] = {"reward/mean": "high"}
    with pytest.raises(DataError, match=r"metrics\.jsonl, step 1: reward/mean is 'high', and no"):
        read_record(make_run(tmp_path / "a", [metrics(1) | odd]))


def test_a_line_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    for name in ("metrics.jsonl", "heldout.jsonl"):
        folder = make_run(tmp_path / name.partition(".")[0], [metrics(1)])
        with (folder / name).open("a") as file:
            file.write("[" * 100_000 + "\n")
        with pytest.raises(DataError, match=rf"{name}, (last )?line"):
            read_record(folder)


def test_an_infinite_figure_is_not_there(tmp_path: Path) -> None:
    endless: dict[str, Any] = {"policy/kl": float("inf"), "policy/ratio": float("nan")}
    line = read_record(make_run(tmp_path / "a", [metrics(1) | endless])).lines[0]
    assert not {"policy/kl", "policy/ratio"} & set(line)


def test_a_figure_that_was_no_number_is_not_there(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"policy/kl": None, "throughput/step_s": None}
    record = read_record(make_run(tmp_path / "a", [metrics(1) | nothing, metrics(2)]))
    assert "policy/kl" not in record.lines[0]
    assert record.times()["rollout"].wall_s == 2.0


def test_a_run_that_has_just_begun_has_nothing_yet(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [])
    (folder / "metrics.jsonl").unlink()
    record = read_record(folder)
    assert (record.lines, record.checks, record.summary, record.times()) == ([], [], {}, {})


def test_a_folder_with_a_config_alone_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("loop: {steps: 3}\n")
    with pytest.raises(ConfigError, match="no run has begun there"):
        read_record(tmp_path)


def test_settings_that_differ_are_shown_and_names_are_not(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", [], settings="run:\n  name: a\nmodel:\n  path: ''\n  n: 1\n")
    b = make_run(tmp_path / "b", [], settings="run:\n  name: b\nmodel:\n  path: x\n  n: 1\n")
    records = [read_record(a), read_record(b)]
    assert differing(records) == [("model.path", ['""', "x"])]
    assert ("model.n", ["1"]) in differing(records[:1])


def test_a_setting_that_a_run_did_not_have_is_empty(tmp_path: Path) -> None:
    a = make_run(tmp_path / "a", [], settings="new:\n  one: true\n")
    b = make_run(tmp_path / "b", [])
    assert differing([read_record(a), read_record(b)]) == [("new.one", ["true", ""])]
