"""Runs with a fault at step 20, put in on purpose, and runs without one."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, DataError
from rlsys.inquiry.explain import Explanation, explain
from rlsys.inquiry.explain_text import lines
from rlsys.inquiry.figures import Figures
from rlsys.run.folder import FAILURE
from tests.helpers.faulty_run import World, faulty_run
from tests.helpers.reported_run import cut_in_half, make_run

WELL = World()


def explained(folder: Path, after: World, step: int | None = None, seed: int = 0) -> Explanation:
    found = explain(faulty_run(folder, WELL, after, 20, seed=seed), step, 10)
    assert found is not None
    return found


def test_a_verifier_that_breaks_is_named_with_completions_that_show_it(tmp_path: Path) -> None:
    after = replace(WELL, right=0.1, slope=0.0, reason="answer server said 503")
    found = explained(tmp_path / "a", after)
    assert found.step == 20
    (told,) = found.points_to
    assert told == (
        "a verifier: from step 20 on it says what it hardly said before ('answer server said #'), "
        "while completions were as they had been"
    )
    change = next(one for one in found.changes if one.name == "reason/answer server said #")
    assert len(change.examples) == 3
    assert {row["reason"] for _, row in change.examples} == {"answer server said 503"}
    assert all(step >= 20 for step, _ in change.examples)
    names = {one.name for one in found.changes}
    assert {"reward/mean", "status/wrong"} <= names
    assert not {"policy/kl", "completion/mean_tokens", "policy/learning_rate"} & names


def test_an_outage_of_the_verifiers_is_named(tmp_path: Path) -> None:
    found = explained(tmp_path / "a", replace(WELL, infrastructure=0.3), step=20)
    assert "verifiers that gave no verdict, from step 20 on (reward/missing)" in found.points_to
    change = next(one for one in found.changes if one.name == "status/infrastructure")
    assert {row["status"] for _, row in change.examples} == {"infrastructure"}


def test_a_data_set_that_gets_harder_is_named(tmp_path: Path) -> None:
    harder = replace(WELL, right=0.25, source="hard", asked="12*13+14-15/3=?", tokens=35.0)
    found = explained(tmp_path / "a", harder)
    assert found.step == 20
    assert found.points_to[0].startswith("the data: other prompts from step 20 on ('source/")
    assert "completion/mean_tokens" in {one.name for one in found.changes}
    assert not any("verifier" in told for told in found.points_to)


def test_a_learning_rate_ten_times_too_high_is_named_before_what_it_does(tmp_path: Path) -> None:
    after = replace(WELL, right=0.3, slope=0.0, learning_rate=1e-3, kl=0.4, gradient=5.0)
    found = explained(tmp_path / "a", after)
    assert found.points_to == ["a setting: policy/learning_rate is another from step 20 on"]
    assert found.changes[0].name == "policy/learning_rate"
    assert {"policy/kl", "policy/gradient_norm"} <= {one.name for one in found.changes}


def test_a_worker_whose_completions_are_wrong_is_named_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    found = explained(tmp_path / "a", replace(WELL, bad_worker=True))
    assert found.points_to == ["a worker: the reward of rollout-1 from step 20 on"]
    assert "worker/rollout-0" not in {one.name for one in found.changes}


@pytest.mark.parametrize("seed", range(5))
def test_a_run_without_a_fault_has_nothing_to_explain(tmp_path: Path, seed: int) -> None:
    run = faulty_run(tmp_path / "a", WELL, WELL, 20, seed=seed)
    assert explain(run, None, 10) is None
    asked = explain(run, 20, 10)
    assert asked is not None
    assert (asked.changes, asked.points_to) == ([], [])


def test_figures_of_all_steps_so_far_do_not_explain_a_step() -> None:
    figures = Figures([1])
    figures.add_metrics({1: {"reward/mean": 0.5, "sampler/running": 9.0, "sampler/step_s": 0.006}})
    assert set(figures.values) == {"reward/mean", "sampler/running"}


def test_a_step_without_neighbours_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    run = faulty_run(tmp_path / "a", WELL, WELL, 5, steps=10)
    with pytest.raises(ConfigError, match=r"STEP 10: 3 steps before .* nearest valid: 8"):
        explain(run, 10, 10)
    short = faulty_run(tmp_path / "b", WELL, WELL, 5, steps=4)
    with pytest.raises(ConfigError, match="4 steps are done; two windows need 6"):
        explain(short, None, 10)
    (short / FAILURE).write_text('{"error": "MemoryError: no 8 GiB"}')
    with pytest.raises(ConfigError, match=r"two windows need 6 at least \(it failed: MemoryError"):
        explain(short, None, 10)


@pytest.mark.parametrize("step", [None, 5])
def test_a_run_that_is_paid_no_reward_has_none_to_explain(tmp_path: Path, step: int | None) -> None:
    losses = [{"step": n, "policy/loss": 1.0 / n} for n in range(1, 11)]
    run = make_run(tmp_path / "sft", losses)
    with pytest.raises(ConfigError, match=r"sft: its steps have no reward/mean.* `rlsys train`"):
        explain(run, step, 10)


def test_the_command_tells_it_in_lines_that_a_terminal_does_not_obey(tmp_path: Path) -> None:
    after = replace(WELL, right=0.1, slope=0.0, reason="\x1b[2J gone")
    run = faulty_run(tmp_path / "runs" / "a", WELL, after, 20)
    done = CliRunner().invoke(app, ["explain", "a", "--directory", str(run.parent)])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert "a: steps 20 to 29 against 10 to 19; reward/mean fell from 0.6" in done.output
    assert "rlsys trace a 20 2000 0  wrong, reward 0, '\\x1b[2J gone'" in done.output
    found = explain(run, None, 10)
    assert found is not None
    assert "\n".join(lines("a", found)) in done.output


def test_steps_where_nothing_changed_have_no_heading_above_nothing(tmp_path: Path) -> None:
    found = replace(explained(tmp_path / "a", WELL, step=20), changes=[])
    assert list(lines("a", found))[-1] == (
        f"none of {found.unchanged} figures changed beyond its noise"
    )


def test_samples_that_a_copy_cut_off_are_an_error_that_names_them(tmp_path: Path) -> None:
    run = tmp_path / "a"
    faulty_run(run, WELL, WELL, 20)
    cut_in_half(run / "samples" / "step-000020.parquet")
    with pytest.raises(DataError, match=r"step-000020\.parquet cannot be read"):
        explain(run, 20, 10)
