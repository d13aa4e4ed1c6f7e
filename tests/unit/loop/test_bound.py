import json

from rlsys.loop.bound import FIRST, MOST, AutomaticBound, Waited

LOOK = 8


def looked(bound: AutomaticBound, times: int = 1, size: float = 1.0, **step: float) -> list[int]:
    """The bound after each look, where every step is alike."""
    seen = []
    for _ in range(times):
        for _ in range(max(bound.bound + 1, LOOK)):
            bound.saw(size, Waited(1, **({"passed_s": 10.0} | step)))
        seen.append(bound.bound)
    return seen


def test_a_learner_that_does_not_wait_leaves_both_as_they_are() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, 5) == [FIRST] * 5
    assert bound.lead == FIRST


def test_waiting_for_old_groups_makes_the_bound_larger_and_not_the_lead() -> None:
    bound = AutomaticBound(0.5)
    # By half, rounded up, as long as more than 5 % of the time is lost.
    assert looked(bound, 7, for_old_s=0.6) == [3, 5, 8, 12, 18, 27, MOST]
    assert looked(bound, 2, for_old_s=0.4) == [MOST] * 2
    assert bound.lead == FIRST


def test_before_enough_steps_have_passed_nothing_moves() -> None:
    bound = AutomaticBound(0.5)
    for _ in range(LOOK - 1):
        bound.saw(1.0, Waited(1, 10.0, for_old_s=5.0))
    assert bound.bound == FIRST
    bound.saw(1.0, Waited(1, 10.0, for_old_s=5.0))
    assert bound.bound == 3


def test_waiting_for_any_group_makes_the_lead_larger() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=0.4)
    assert bound.lead == FIRST
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (3, 3)


def test_a_larger_lead_that_makes_no_step_shorter_is_taken_back_and_not_tried_again() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    looked(bound, passed_s=7.0, for_any_s=1.0)  # 7 s in place of 10: it helped
    assert bound.lead == 4
    looked(bound, passed_s=6.9, for_any_s=1.0)  # 1.4 % shorter: it did not
    assert bound.lead == 3
    looked(bound, 3, for_any_s=3.0)
    assert bound.lead == 3


def test_a_lead_that_the_bound_kept_from_helping_is_tried_again() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (3, 3)
    # Steps are no shorter, as the learner waits for groups that the bound keeps it from passing by.
    looked(bound, passed_s=11.0, for_old_s=3.0)
    assert (bound.lead, bound.bound, bound.is_enough) == (2, 5, False)
    looked(bound, for_any_s=3.0)
    assert bound.lead == 3
    looked(bound, passed_s=8.0, for_any_s=1.0)
    assert bound.lead == 4


def test_at_its_largest_a_bound_keeps_nobody_from_judging_the_lead() -> None:
    bound = AutomaticBound(0.5, bound=MOST)
    looked(bound, for_any_s=3.0, for_old_s=3.0)
    assert bound.lead == 3
    looked(bound, for_any_s=3.0, for_old_s=3.0)
    assert (bound.lead, bound.is_enough) == (2, True)


def test_data_that_are_worth_too_little_make_both_smaller_down_to_1() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, 4, for_old_s=1.0)
    assert bound.bound == 12
    # Smoothed, the effective sample size is below 0.5 from the fourth step on.
    assert looked(bound, 8, size=0.1) == [9, 6, 4, 3, 2, 1, 1, 1]
    assert bound.lead == 1


def test_data_of_middling_worth_let_nothing_grow() -> None:
    bound = AutomaticBound(0.5)
    bound.smoothed = 0.7
    assert looked(bound, 4, size=0.7, for_old_s=5.0, for_any_s=5.0) == [FIRST] * 4


def test_it_goes_on_from_a_checkpoint_with_a_target_of_its_own() -> None:
    first, second = AutomaticBound(0.5), AutomaticBound(0.6)
    looked(first, 3, for_old_s=1.0, for_any_s=1.0)
    first.saw(0.9, Waited(1, 10.0, for_old_s=2.0))
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.target == 0.6
    second.target = 0.5
    assert second == first
