"""A recipe run to its end, again, after a change, and after whatever can happen on the way."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rlsys.errors import RecipeError
from rlsys.lineage.manifest import read_manifest
from rlsys.recipes.check import Checked, check
from rlsys.recipes.folder import About, RecipeFolder
from rlsys.recipes.read import read_recipe
from rlsys.recipes.runner import Runner, own_cluster
from rlsys.recipes.status import State, standings
from tests.helpers.fake_stage import FakeStages

Write = Callable[[dict], Path]
ALL = ["sft1", "rl_a", "rl_b", "table_a", "table_b"]


@pytest.fixture
def stages() -> FakeStages:
    return FakeStages()


def run(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, branches: int = 1
) -> tuple[Runner, list[str]]:
    """The runner, and what it told."""
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.describe(About(str(checked.recipe.file), checked.recipe.scale, []))
    told: list[str] = []
    runner = Runner(checked, folder, branches, told.append, stages.start)
    stages.ran.clear()
    asyncio.run(runner.run())
    return runner, told


def again(file: Path, folder: RecipeFolder, stages: FakeStages) -> list[str]:
    """The stages that run when the recipe is run once more."""
    run(check(read_recipe(file)), folder, stages)
    return [line.partition(" ")[2] for line in stages.ran]


def states(checked: Checked, folder: RecipeFolder) -> dict[str, State]:
    """Of all stages."""
    return {one.stage.name: one.state for one in standings(checked, folder)}


def test_every_stage_runs_once_and_takes_what_the_ones_before_left(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    assert stages.ran == [f"begin {name}" for name in ALL]
    made = read_manifest(folder.stage("rl_a"))
    left = read_manifest(folder.stage("sft1")).outputs["policy"]
    assert made.inputs["policy"] == left
    assert set(states(checked, folder).values()) == {State.DONE}


def test_a_second_run_runs_nothing(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    _, told = run(checked, folder, stages)
    assert stages.ran == []
    assert "rl_a: done before, and nothing has changed" in told


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("chains", ALL),
        ("reasoning", ["rl_a", "table_a"]),
        ("general", ["rl_b", "table_b"]),
    ],
)
def test_one_byte_of_an_input_makes_exactly_the_stages_behind_it_out_of_date(
    checked: Checked,
    folder: RecipeFolder,
    stages: FakeStages,
    workplace: Path,
    name: str,
    stale: list[str],
) -> None:
    run(checked, folder, stages)
    file = workplace / f"{name}.jsonl"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"1 +", b"3 +", 1))
    found = standings(checked, folder)
    assert [s.stage.name for s in found if s.state is State.OUT_OF_DATE] == stale
    reasons = {s.stage.name: s.remarks for s in found}
    assert f"({name}.jsonl) is not what it was" in reasons[stale[0]][0]
    assert reasons["table_a" if "table_a" in stale else "table_b"] == [
        f"behind rl_{'a' if 'table_a' in stale else 'b'}, which is out of date"
    ]
    run(checked, folder, stages)
    assert stages.ran == [f"begin {one}" for one in stale]
    assert set(states(checked, folder).values()) == {State.DONE}


def test_a_file_that_was_written_anew_with_the_same_bytes_changes_nothing(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, workplace: Path
) -> None:
    run(checked, folder, stages)
    file = workplace / "chains.jsonl"
    file.write_bytes(file.read_bytes())
    os.utime(file, (0, 0))
    run(checked, folder, stages)
    assert stages.ran == []


def test_a_stage_that_makes_the_same_bytes_again_leaves_those_behind_it_alone(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    (folder.stage("sft1") / "manifest.json").unlink()
    run(checked, folder, stages)
    assert stages.ran == ["resume sft1"]


def test_a_setting_makes_its_stage_out_of_date_and_is_told_then_and_now(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, write: Write, content: dict
) -> None:
    run(checked, folder, stages)
    content["stages"][2]["overrides"] = {"loop.steps": 9}
    changed = check(read_recipe(write(content)))
    reasons = {s.stage.name: s.remarks for s in standings(changed, folder)}
    assert reasons["rl_b"] == ["loop.steps: 6 then, 9 now"]
    assert again(write(content), folder, stages) == ["rl_b", "table_b"]


def test_a_setting_that_rlsys_has_got_since_makes_nothing_out_of_date_at_its_default(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, write: Write, content: dict
) -> None:
    run(checked, folder, stages)
    for name in ("rl_a", "rl_b"):
        begun = folder.begun(name)
        del begun.asked["loop.max_staleness"]
        folder.note(name, begun)
    run(checked, folder, stages)
    assert stages.ran == []
    content["stages"][2]["overrides"] = {"loop.max_staleness": 3}
    changed = check(read_recipe(write(content)))
    remarks = {s.stage.name: s.remarks for s in standings(changed, folder)}
    assert remarks["rl_b"] == ["loop.max_staleness: 'auto' then, 3 now"]
    assert again(write(content), folder, stages) == ["rl_b"]


def test_a_setting_that_stages_of_its_kind_do_not_read_makes_nothing_out_of_date(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    for name, setting in (("rl_a", "sft.rows_per_step"), ("sft1", "merge.density")):
        begun = folder.begun(name)
        begun.asked[setting] = 0.25
        folder.note(name, begun)
    run(checked, folder, stages)
    assert stages.ran == []
    begun = folder.begun("sft1")
    begun.asked["sft.rows_per_step"] = 3
    folder.note("sft1", begun)
    remarks = {s.stage.name: s.remarks for s in standings(checked, folder)}
    assert remarks["sft1"] == ["sft.rows_per_step: 3 then, 64 now"]


def test_a_setting_that_rlsys_has_no_more_makes_its_stage_out_of_date(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    begun = folder.begun("rl_a")
    begun.asked["loop.hurry"] = True
    folder.note("rl_a", begun)
    remarks = {s.stage.name: s.remarks for s in standings(checked, folder)}
    assert remarks["rl_a"] == ["loop.hurry: True then, not there now"]


def test_an_input_from_elsewhere_with_the_same_bytes_is_the_same_input(
    checked: Checked,
    folder: RecipeFolder,
    stages: FakeStages,
    write: Write,
    content: dict,
    workplace: Path,
) -> None:
    run(checked, folder, stages)
    (workplace / "copy.jsonl").write_bytes((workplace / "reasoning.jsonl").read_bytes())
    content["stages"][1]["inputs"]["rows"] = "copy.jsonl"
    assert again(write(content), folder, stages) == []


def test_the_machine_and_the_gate_are_no_reason_to_run_again(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, write: Write, content: dict
) -> None:
    stages.figures["rl_a"] = {"steps": 6}
    run(checked, folder, stages)
    content["stages"][1] |= {"gate": ["steps > 5"], "overrides": {"cluster.num_cpus": 64}}
    assert again(write(content), folder, stages) == []
    assert read_manifest(folder.stage("rl_a")).gate[0].passed


def test_an_output_that_was_changed_is_made_again(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    config = folder.stage("rl_a") / "policy" / "config.json"
    config.write_text(config.read_text() + " ")
    [changed] = [s for s in standings(checked, folder) if s.stage.name == "rl_a"]
    assert "its own policy" in changed.remarks[0]
    run(checked, folder, stages)
    assert stages.ran == ["begin rl_a"]  # and it is the same policy again


def test_what_was_out_of_date_is_put_aside_and_not_away(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, workplace: Path
) -> None:
    run(checked, folder, stages)
    (workplace / "general.jsonl").write_text('{"question": "2 + 2 =", "answer": "4"}\n')
    run(checked, folder, stages)
    assert (folder.root / "superseded" / "rl_b-1" / "policy" / "config.json").is_file()
    assert (folder.root / "superseded" / "table_b-1" / "results.json").is_file()


@pytest.mark.parametrize("name", ALL)
def test_a_stage_that_was_killed_goes_on_and_those_before_it_stay(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, name: str
) -> None:
    stages.killed.add(name)
    with pytest.raises(RecipeError, match=rf"stage {name} ended by SIGKILL; its log: .*\n  a line"):
        run(checked, folder, stages)
    behind = ALL[ALL.index(name) + 1 :]
    (stands,) = [one for one in standings(checked, folder) if one.stage.name == name]
    assert stands.state is State.FAILED
    assert stands.remarks[0].startswith("ended by SIGKILL; ")
    run(checked, folder, stages)
    # An evaluation goes on by the same command.
    first = f"resume {name}" if not name.startswith("table") else f"begin {name}"
    assert stages.ran == [first, *(f"begin {one}" for one in behind)]


def test_a_stage_that_was_killed_begins_anew_where_its_input_changed_meanwhile(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, workplace: Path
) -> None:
    stages.killed.add("rl_a")
    with pytest.raises(RecipeError):
        run(checked, folder, stages)
    (workplace / "reasoning.jsonl").write_text('{"question": "2 + 2 =", "answer": "4"}\n')
    run(checked, folder, stages)
    assert stages.ran[0] == "begin rl_a"


def test_a_stage_that_fails_ends_the_recipe_with_its_last_lines(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    stages.fails.add("rl_a")
    with pytest.raises(RecipeError, match=r"stage rl_a ended by exit status 2; .*\n  .*\n  the l"):
        run(checked, folder, stages)
    assert stages.ran == ["begin sft1", "begin rl_a"]


def test_a_branch_that_fails_lets_the_other_come_to_its_end(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    stages.fails.add("rl_a")
    with pytest.raises(RecipeError, match="stage rl_a"):
        run(checked, folder, stages, branches=2)
    found = states(checked, folder)
    assert (found["rl_a"], found["rl_b"]) == (State.FAILED, State.DONE)
    assert found["table_b"] is State.WAITING


def test_two_branches_run_side_by_side_where_two_may(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages, branches=2)
    assert stages.at_once == 2
    assert sorted(stages.ran) == sorted(f"begin {name}" for name in ALL)


def test_a_gate_that_fails_stops_the_recipe_with_its_figure(
    folder: RecipeFolder, stages: FakeStages, write: Write, content: dict
) -> None:
    content["stages"][1]["gate"] = ["pass_at_1.low > 0.5", "steps > 1"]
    checked = check(read_recipe(write(content)))
    stages.figures["rl_a"] = {"pass_at_1": {"mean": 0.52, "low": 0.41, "high": 0.6}, "steps": 6}
    with pytest.raises(RecipeError) as failed:
        run(checked, folder, stages)
    assert "gate of stage rl_a failed: pass_at_1.low > 0.5: 0.520 [0.410, 0.600]. Look at" in str(
        failed.value
    )
    assert stages.ran == ["begin sft1", "begin rl_a"]
    assert states(checked, folder)["rl_a"] is State.GATE_FAILED
    assert [one.passed for one in read_manifest(folder.stage("rl_a") / "policy").gate] == [
        False,
        True,
    ]
    content["stages"][1]["gate"] = ["pass_at_1.low > 0.4"]
    assert again(write(content), folder, stages) == ["rl_b", "table_a", "table_b"]


def test_a_signal_is_passed_on_and_no_other_stage_begins(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    stages.hangs["rl_a"] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    runner, told = run(checked, folder, stages)
    assert runner.stopped_by is signal.SIGTERM
    assert [line for line in told if " stages are done" in line][-1].startswith("1 of 5 stages")
    assert stages.heard == [("rl_a", signal.SIGTERM)]
    assert states(checked, folder)["rl_a"] is State.STOPPED
    run(checked, folder, stages)
    assert stages.ran == ["resume rl_a", "begin rl_b", "begin table_a", "begin table_b"]


def test_another_recipe_does_not_take_the_folder(
    checked: Checked, folder: RecipeFolder, stages: FakeStages
) -> None:
    run(checked, folder, stages)
    with pytest.raises(Exception, match="name another folder"):
        folder.describe(About("other.yaml", "", []))


def test_stages_side_by_side_have_a_cluster_each_where_none_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert own_cluster(2, "")
    assert not own_cluster(1, "")
    assert not own_cluster(2, "head:6379")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert not own_cluster(2, "")


def test_each_of_several_files_counts(
    write: Write, content: dict, folder: RecipeFolder, stages: FakeStages, workplace: Path
) -> None:
    content["stages"][0]["inputs"] = {
        "demonstrations_1": "chains.jsonl",
        "demonstrations_2": "general.jsonl",
    }
    checked = check(read_recipe(write(content)))
    run(checked, folder, stages)
    made = read_manifest(folder.stage("sft1"))
    assert [Path(made.inputs[f"demonstrations_{n}"].path).stem for n in (1, 2)] == [
        "chains",
        "general",
    ]
    assert set(states(checked, folder).values()) == {State.DONE}
    (workplace / "general.jsonl").write_text('{"prompt": "2 + 2 =", "completion": "4"}\n')
    (stale, *_) = standings(checked, folder)
    assert stale.state is State.OUT_OF_DATE
    assert "demonstrations_2 (general.jsonl) is not what it was" in stale.remarks[0]


def test_how_many_stages_are_done_is_said_with_the_time_that_others_took_before(
    checked: Checked, folder: RecipeFolder, stages: FakeStages, workplace: Path
) -> None:
    _, told = run(checked, folder, stages)
    far = [line for line in told if " stages are done" in line]
    assert far[0] == "1 of 5 stages are done; left: 4 stages that never ended here"
    assert far[-1] == "5 of 5 stages are done"
    for name in ALL:
        path = folder.stage(name) / "manifest.json"
        made = json.loads(path.read_text())
        begun = datetime.fromisoformat(made["ended"]) - timedelta(seconds=90)
        path.write_text(json.dumps(made | {"started": begun.isoformat()}))
    chains = workplace / "chains.jsonl"
    chains.write_bytes(chains.read_bytes().replace(b"1 +", b"3 +", 1))
    _, told = run(checked, folder, stages)
    far = [line for line in told if " stages are done" in line]
    assert far[0] == "1 of 5 stages are done; 6:00 left as before"
