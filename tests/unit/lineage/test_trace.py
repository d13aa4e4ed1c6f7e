"""From a policy back to the first input, and what is said where the way is broken."""

import shutil
import time
from pathlib import Path

import pytest

from rlsys.config.run import RunConfig
from rlsys.errors import LineageError
from rlsys.lineage.manifest import write_manifest
from rlsys.lineage.trace import lineage, lines


def stage(folder: Path, kind: str, output: str, **inputs: Path) -> Path:
    """A stage that has left a policy or a table; returns that."""
    made = folder / ("policy" if output == "policy" else "results.json")
    (made if output == "policy" else folder).mkdir(parents=True)
    content = made / "config.json" if output == "policy" else made
    content.write_text(f"made by {kind} of {sorted(inputs)}")
    write_manifest(folder, kind, RunConfig(), inputs, {output: made}, {}, time.monotonic())
    return made


@pytest.fixture
def table(tmp_path: Path, rows: Path, policy: Path) -> Path:
    """A table of a policy that was taught and then reinforced."""
    taught = stage(tmp_path / "sft1", "sft", "policy", policy=policy)
    reinforced = stage(tmp_path / "rl", "rl", "policy", policy=taught, rows=rows)
    return stage(tmp_path / "after", "evaluate", "table", policy=reinforced)


def told(path: Path) -> list[str]:
    """Each step as `DEPTH NAME KIND REMARK`."""
    return [
        f"{depth} {step.name} {step.made_by.kind if step.made_by else '-'} {step.remark}".strip()
        for depth, step in lines(lineage(path))
    ]


WAY = ["0 table evaluate", "1 policy rl", "2 policy sft", "3 policy -", "2 rows -"]


def test_the_way_back_ends_at_what_comes_from_outside(table: Path) -> None:
    assert told(table) == WAY


def test_a_stages_folder_has_the_way_of_what_it_made(table: Path) -> None:
    assert told(table.parent) == ["0 evaluate evaluate", *WAY[1:]]


def test_an_outside_input_that_is_another_now_is_said(table: Path, rows: Path) -> None:
    rows.write_text("other rows\n")
    assert told(table)[-1] == "2 rows - is another now than was read"


def test_an_input_that_is_gone_is_said(table: Path, rows: Path) -> None:
    rows.unlink()
    assert told(table)[-1] == "2 rows - is not there any more"


def test_a_policy_that_was_changed_by_hand_is_said(table: Path, tmp_path: Path) -> None:
    changed = tmp_path / "rl" / "policy"
    (changed / "config.json").write_text("by hand")
    assert told(changed)[0].startswith("0 policy rl was changed since")
    assert told(table)[1] == "1 policy rl is another now than was read"


def test_a_stage_that_was_run_again_no_longer_says_what_made_the_old_policy(
    table: Path, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "sft1")
    stage(tmp_path / "sft1", "sft", "policy")
    assert told(table)[2] == (
        f"2 policy - {tmp_path / 'sft1'}, which made it, is gone or was run again since"
    )


def test_a_path_that_is_not_there_names_the_nearest(table: Path) -> None:
    with pytest.raises(LineageError, match=r"did you mean 'results\.json'"):
        lineage(table.with_name("result.json"))


def test_a_file_without_a_manifest_is_one_clear_error(rows: Path) -> None:
    with pytest.raises(LineageError, match=r"no rows\.jsonl\.manifest\.json, so nothing says"):
        lineage(rows)
