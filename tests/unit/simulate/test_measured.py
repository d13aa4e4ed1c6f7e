"""The laws of a run are those that it was made by."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlsys.errors import ConfigError, DataError
from rlsys.simulate import decoding, measured
from rlsys.simulate.replay import replay
from tests.helpers.measured_run import STEP_S, config, leave_run
from tests.helpers.reported_run import cut_in_half


def test_the_laws_of_a_run_are_what_its_steps_were_made_by(tmp_path: Path) -> None:
    found = measured.read(leave_run(tmp_path / "run"), config())
    costs = found.laws.costs
    assert (found.steps, found.step_s) == (8, STEP_S)
    assert costs.learn_step_s == pytest.approx(1.0)
    assert costs.learn_token_s == pytest.approx(0.01)
    assert costs.pack_s == pytest.approx(0.25)
    assert costs.pull_s == pytest.approx(0.5)
    assert costs.grade_s == pytest.approx(0.8 / 8)
    # 2 s of each of 7 steps, for 8 completions each.
    lengths = range(30, 100, 10)
    assert costs.reference_token_s == pytest.approx(2 * 7 / (8 * sum(lengths)))
    law = found.laws.sampler
    for tokens in (lengths[0] * 8, lengths[-1] * 8):
        at_once = tokens * 0.05 / 6
        assert law.step_s + law.sequence_s * at_once == pytest.approx(0.05)
    assert set(found.laws.lengths.tokens) == set(lengths)


def test_a_simulation_by_calibrated_laws_is_as_busy_and_as_long_as_the_run(tmp_path: Path) -> None:
    found = measured.read(leave_run(tmp_path / "run"), config())
    laws = measured.calibrated(found, cores=2)
    scenario = laws.scenario(config(), measured.members_of(config(), laws.costs), ranks=1)
    again = replay(scenario, 1, found.steps, cores=2)
    assert again.step_s == pytest.approx(STEP_S, rel=0.05)
    assert again.busy_s == pytest.approx(found.busy_s, rel=0.05)


def test_the_learner_waits_while_the_driver_works(tmp_path: Path) -> None:
    laws = measured.read(leave_run(tmp_path / "run"), config()).laws
    assert laws.costs.driver_s == pytest.approx(1.2)
    quick, slow = (replace(laws, costs=replace(laws.costs, driver_s=own)) for own in (0.0, 2.0))
    step_s = [
        replay(one.scenario(config(), measured.members_of(config(), one.costs), 1), 0, 8, 9).step_s
        for one in (quick, slow)
    ]
    assert step_s[1] - step_s[0] == pytest.approx(2.0)


def test_cores_that_others_take_make_a_fleet_that_fills_them_slower(tmp_path: Path) -> None:
    laws = measured.read(leave_run(tmp_path / "run"), config()).laws
    none, half = (replace(laws, costs=replace(laws.costs, beside=share)) for share in (0.0, 0.5))
    step_s = [
        replay(one.scenario(config(), measured.members_of(config(), one.costs), 1), 1, 8, 2).step_s
        for one in (none, half)
    ]
    assert step_s[1] > 1.2 * step_s[0]


def test_steps_in_which_nothing_new_was_sampled_say_nothing_of_the_sampler(tmp_path: Path) -> None:
    folder, settings = leave_run(tmp_path / "run"), config()
    before = measured.read(folder, settings).laws.sampler
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines[-1]["time/rollout/busy"] = 1e-4
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert measured.read(folder, settings).laws.sampler == before


def test_ranks_share_the_learners_tokens_and_not_its_fixed_costs(tmp_path: Path) -> None:
    laws = measured.read(leave_run(tmp_path / "run"), config()).laws
    costs = laws.scenario(config(), measured.members_of(config(), laws.costs), ranks=4).costs
    assert costs.learn_token_s == pytest.approx(0.01 / 4)
    assert costs.learn_step_s == pytest.approx(1.0)


def test_a_run_of_few_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="3 steps of reinforcement are there to measure, at leas"):
        measured.read(leave_run(tmp_path / "run", steps=3), config())
    with pytest.raises(ConfigError, match="0 steps"):
        measured.read(tmp_path, config())


def test_a_law_that_the_samplers_recorded_is_taken_and_stays(tmp_path: Path) -> None:
    folder = leave_run(tmp_path / "run", recorded=(0.004, 0.006, 0.05))
    found = measured.read(folder, config())
    assert found.is_recorded
    law = found.laws.sampler
    assert (law.step_s, law.sequence_s, law.begin_s) == (0.004, 0.006, 0.05)
    laws = measured.calibrated(found, cores=2)
    # They worked longer than it says beside others, so two cores are worth less than two.
    assert laws.sampler.step_s == pytest.approx(law.step_s, rel=0.02)
    assert laws.costs.beside > 0.1
    scenario = laws.scenario(config(), measured.members_of(config(), laws.costs), ranks=1)
    again = replay(scenario, 1, found.steps, cores=2)
    assert again.busy_s == pytest.approx(found.busy_s, rel=0.05)


def test_samplers_that_were_quicker_than_the_law_with_all_cores_scale_it(tmp_path: Path) -> None:
    found = measured.read(leave_run(tmp_path / "run", recorded=(0.2, 0.02, 0.1)), config())
    laws = measured.calibrated(found, cores=2)
    assert laws.costs.beside == pytest.approx(0.0, abs=0.01)
    assert laws.sampler.step_s < 0.15
    assert laws.sampler.begin_s == pytest.approx(laws.sampler.step_s / 2)


def test_a_run_without_a_recorded_law_is_read_by_guessing(tmp_path: Path) -> None:
    assert not measured.read(leave_run(tmp_path / "run"), config()).is_recorded


def test_other_groups_cost_what_is_computed_of_them(tmp_path: Path) -> None:
    found = measured.read(leave_run(tmp_path / "run"), config())
    wanted = config()
    wanted.learner.share_prompts = True
    members = measured.members_of(wanted, found.laws.costs)
    costs = found.laws.scenario(wanted, members, ranks=1).costs
    # Completions of 30 to 90 tokens that all differ, after a prompt of 5: once for both of a group.
    more = (5 + 2 * 60) / (2 * 60) / ((5 + 60) / 60)
    assert costs.learn_token_s == pytest.approx(0.01 * more)
    assert costs.reference_token_s == pytest.approx(found.laws.costs.reference_token_s * more)


@pytest.mark.parametrize(
    ("x", "y", "line"),
    [
        ([1.0, 2.0, 3.0], [3.0, 5.0, 7.0], (1.0, 2.0)),
        ([1.0, 2.0, 3.0], [5.0, 4.0, 3.0], (4.0, 0.0)),  # falls: it does not depend on x
        ([1.0, 2.0, 3.0], [1.0, 3.0, 5.0], (0.0, 22 / 14)),  # would begin below zero
        ([3.0, 4.0, 5.0], [7.0, 9.0, 8.0], (2.0, 1.5)),  # too narrow: a quarter of it is fixed
    ],
)
def test_a_line_has_no_negative_part_and_narrow_points_say_nothing_of_it(
    x: list[float], y: list[float], line: tuple[float, float]
) -> None:
    assert decoding.line(np.array(x), np.array(y), fixed=0.25) == pytest.approx(line)


def test_samples_that_a_copy_cut_off_are_an_error_that_names_them(tmp_path: Path) -> None:
    run = leave_run(tmp_path / "run")
    cut_in_half(run / "samples" / "step-000003.parquet")
    with pytest.raises(DataError, match=r"step-000003\.parquet cannot be read"):
        measured.read(run, config())
