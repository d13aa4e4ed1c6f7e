"""Reward that is not earned is found, and reward that is earned is not."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, DataError
from rlsys.inquiry.audit import Finding, audit
from rlsys.inquiry.last_number import LastNumber
from rlsys.run.folder import FAILURE
from tests.helpers.reported_run import cut_in_half, make_run, metrics, write_samples
from verifiers.base import Completion, Status

FORM = """
verifiers:
  rewards:
  - {name: accuracy, verifier: format, weight: 1.0}
"""
QUESTION = "How many apples are 17 and 25?"
HONEST = "<think>17 and 25 apples make 42.</think><answer>42</answer>"


def found_in(run: Path, most: int = 10_000) -> dict[str, Finding]:
    return {one.check: one for one in audit(run, LastNumber(), most)}


def asked(folder: Path, text: str, expected: str = '"42"', question: str = QUESTION) -> Path:
    """Forty completions, all of them paid as right, and for their form."""
    run = make_run(folder, [metrics(step) for step in range(1, 11)], settings=FORM)
    write_samples(run, 1, groups=20, text=text, expected=expected, prompt_text=question)
    return run


def test_a_run_that_earns_what_it_is_paid_has_nothing_to_look_at(tmp_path: Path) -> None:
    found = found_in(asked(tmp_path / "a", HONEST))
    assert {one.check: (one.count, one.of) for one in found.values()} == {
        "paid_wrong": (0, 40),
        "unpaid_right": (0, 0),
        "one_text": (0, 40),
        "no_chain": (0, 40),
        "held_out_fell": (0, 0),
    }
    assert not any(one.is_suspicious for one in found.values())


def test_right_by_the_run_and_wrong_by_another_verifier(tmp_path: Path) -> None:
    found = found_in(asked(tmp_path / "a", HONEST.replace("42<", "41<")))["paid_wrong"]
    assert (found.count, found.of, found.is_suspicious) == (40, 40, True)
    assert len(found.examples) == 3


def test_wrong_by_the_run_and_right_by_another_verifier(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=5, text=HONEST, expected='"42"', status="wrong")
    found = found_in(run)["unpaid_right"]
    assert (found.count, found.of, found.is_suspicious) == (10, 10, True)


def test_one_text_that_is_paid_whatever_is_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    for step in (1, 2, 3):
        write_samples(run, step, groups=2, text="pass\n all", expected=f'"{step}"')
    found = found_in(run)["one_text"]
    assert (found.count, found.of, found.is_suspicious) == (12, 12, True)


@pytest.mark.parametrize(
    "chain",
    ["First we think. Then we conclude. So it is.", QUESTION],
    ids=["nothing of the question", "a copy of it"],
)
def test_form_without_a_chain(tmp_path: Path, chain: str) -> None:
    text = f"<think>{chain}</think><answer>42</answer>"
    found = found_in(asked(tmp_path / "a", text))["no_chain"]
    assert (found.count, found.of, found.is_suspicious) == (40, 40, True)


def test_form_is_looked_at_where_its_component_is_called_as_its_verifier(tmp_path: Path) -> None:
    settings = "verifiers: {rewards: [{verifier: math}, {name: '', verifier: format}]}"
    run = make_run(tmp_path / "a", [metrics(1)], settings=settings + "\n")
    write_samples(run, 1, groups=20, text=HONEST, expected='"42"')
    path = run / "samples" / "step-000001.parquet"
    table = pq.read_table(path)
    at, kind = table.column_names.index("components"), table.schema.field("components").type
    paid = pa.array([[("format", 1.0)]] * table.num_rows, type=kind)
    pq.write_table(table.set_column(at, "components", paid), path)
    assert found_in(run)["no_chain"].of == 40


def test_a_reward_that_rises_while_held_out_falls(tmp_path: Path) -> None:
    lines = [metrics(step) for step in range(1, 21)]
    well, badly = [1.0, 0.75, 1.0, 0.75] * 8, [0.25, 0.0, 0.5, 0.25] * 8
    fell = make_run(tmp_path / "fell", lines, {0: well, 20: badly})
    rose = make_run(tmp_path / "rose", lines, {0: badly, 20: well})
    for run in (fell, rose):
        write_samples(run, 1)
    assert found_in(fell)["held_out_fell"].is_suspicious
    assert "reward 0.300 and 1.800" in found_in(fell)["held_out_fell"].told
    assert not found_in(rose)["held_out_fell"].is_suspicious


def test_so_few_as_chance_brings_are_not_suspicious() -> None:
    assert not Finding("paid_wrong", 1, 64).is_suspicious
    assert not Finding("paid_wrong", 110, 10_000).is_suspicious
    assert Finding("paid_wrong", 130, 10_000).is_suspicious
    assert Finding("held_out_fell", 1, 1).is_suspicious


def test_a_share_above_its_bound_that_is_no_finding_says_why() -> None:
    few = Finding("no_chain", 9, 312)
    assert not few.is_suspicious
    assert few.measure == "2.88%; up to 2% says nothing, nor do so few above it"
    assert Finding("no_chain", 1, 312).measure == "0.32%; up to 2% says nothing"
    assert Finding("no_chain", 90, 312).measure == "28.85%; up to 2% says nothing"
    assert Finding("held_out_fell", 1, 1).measure == "100.00%"


def test_completions_are_looked_at_evenly_over_the_steps(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    for step in range(1, 11):
        write_samples(run, step, groups=10, text=HONEST, expected='"42"')
    assert found_in(run, most=40)["paid_wrong"].of == 40
    assert found_in(run, most=5)["paid_wrong"].of == 10


def test_a_run_that_paid_nothing_yet_is_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [])
    with pytest.raises(ConfigError, match=r"no completion was trained on yet, so nothing is paid$"):
        audit(run, LastNumber(), 10)
    (run / FAILURE).write_text('{"error": "MemoryError: no 8 GiB"}')
    with pytest.raises(ConfigError, match=r"nothing is paid \(it failed: MemoryError: no 8 GiB\)"):
        audit(run, LastNumber(), 10)


@pytest.mark.parametrize(
    ("text", "answer", "status"),
    [
        ("<think>9</think><answer>x = 1,200.50</answer>", "1200.5", Status.CORRECT),
        ("<think>9</think>it is 8, or -7", "-7", Status.CORRECT),
        ("<answer>7</answer>", "8", Status.WRONG),
        ("<answer>seven</answer>", "7", Status.UNPARSABLE),
        ("<answer>x</answer>", "x + 1", Status.ABSTAINED),
        ("<answer>1</answer>", "nan", Status.ABSTAINED),
    ],
)
def test_the_last_number_of_an_answer_is_what_counts(
    text: str, answer: str, status: Status
) -> None:
    assert LastNumber().verify(Completion("", text, answer)).status is status


def test_the_command_ends_with_1_where_somebody_should_look(tmp_path: Path) -> None:
    asked(tmp_path / "runs" / "well", HONEST)
    asked(tmp_path / "runs" / "badly", "<answer>41\x1b[2J</answer>")
    runs = ["--directory", str(tmp_path / "runs")]
    well = CliRunner().invoke(app, ["audit", "well", *runs])
    badly = CliRunner().invoke(app, ["audit", "badly", *runs])
    assert (well.exit_code, badly.exit_code) == (0, 1), badly.output
    assert well.output.endswith("well: nothing to look at\n")
    assert "LOOK  paid_wrong" in badly.output
    assert (
        "rlsys trace badly 1 100 0  expected '\"42\"': '<answer>41\\x1b[2J</answer>'"
        in badly.output
    )
    by_math = CliRunner().invoke(app, ["audit", "well", "--verifier", "math", *runs])
    assert "are not by 'math'" in by_math.output


def test_samples_that_a_copy_cut_off_are_an_error_that_names_them(tmp_path: Path) -> None:
    run = asked(tmp_path / "a", HONEST)
    cut_in_half(run / "samples" / "step-000001.parquet")
    with pytest.raises(DataError, match=r"step-000001\.parquet cannot be read"):
        audit(run, LastNumber(), 100)
