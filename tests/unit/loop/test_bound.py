import json

from rlsys.loop.bound import FIRST, MOST, AutomaticBound, Waited

LOOK = 8


def looked(bound: AutomaticBound, times: int = 1, size: float = 1.0, **step: float) -> list[int]:
    """The bound after each look, where every step is alike."""
    seen = []
    for _ in range(times):
        for _ in range(steps_until_a_look(bound)):
            bound.saw(size, Waited(1, **({"passed_s": 10.0} | step)))
        seen.append(bound.bound)
    return seen


def steps_until_a_look(bound: AutomaticBound) -> int:
    """Those whose groups the change before still binds, then whole cycles."""
    cycle = bound.bound + 1
    return bound.unsettled + cycle * -(-LOOK // cycle)


def varied(bound: AutomaticBound, *cycles_s: float, **step: float) -> None:
    """Cycles of which each has steps of its own length."""
    for _ in range(bound.unsettled):
        bound.saw(1.0, Waited(1, **({"passed_s": cycles_s[0]} | step)))
    for seconds in cycles_s:
        for _ in range(bound.bound + 1):
            bound.saw(1.0, Waited(1, **({"passed_s": seconds} | step)))


def test_a_learner_that_does_not_wait_leaves_both_as_they_are() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, 5) == [FIRST] * 5
    assert bound.lead == FIRST


def test_waiting_for_old_groups_makes_the_bound_larger_and_not_the_lead() -> None:
    bound = AutomaticBound(0.5)
    # Twice as large, as long as more than 5 % of the time is lost and that makes steps shorter.
    assert looked(bound, passed_s=10.0, for_old_s=4.0) == [4]
    assert looked(bound, passed_s=8.0, for_old_s=2.0) == [8]
    assert looked(bound, passed_s=7.0, for_old_s=1.0) == [16]
    assert looked(bound, passed_s=6.5, for_old_s=0.5) == [MOST]
    assert looked(bound, 2, passed_s=6.3, for_old_s=0.3) == [MOST] * 2
    assert bound.lead == FIRST


def test_a_wait_of_less_than_a_twentieth_of_the_time_moves_nothing() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, 2, for_old_s=0.4, for_any_s=0.4) == [FIRST] * 2
    assert bound.lead == FIRST


def test_before_enough_steps_have_passed_nothing_moves() -> None:
    bound = AutomaticBound(0.5)
    # Two steps whose groups were admitted before anything was known, then three cycles of three.
    for _ in range(2 + 9 - 1):
        bound.saw(1.0, Waited(1, 10.0, for_old_s=5.0))
    assert bound.bound == FIRST
    bound.saw(1.0, Waited(1, 10.0, for_old_s=5.0))
    assert bound.bound == 4


def test_waiting_for_any_group_makes_the_lead_larger() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (3, 3)


def test_a_larger_bound_that_makes_no_step_shorter_is_taken_back_and_not_tried_again() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, for_old_s=3.0) == [4]
    # 1.4 % shorter, as the learner waits as long as before.
    assert looked(bound, passed_s=9.86, for_old_s=2.9) == [FIRST]
    assert looked(bound, 20, for_old_s=3.0) == [FIRST] * 20
    assert bound.lead == FIRST


def test_a_larger_lead_that_makes_no_step_shorter_is_taken_back_and_not_tried_again() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    looked(bound, passed_s=8.0, for_any_s=1.0)  # 8 s in place of 10: it helped
    assert bound.lead == 4
    looked(bound, passed_s=7.9, for_any_s=0.9)  # 1.2 % shorter: it did not
    assert (bound.lead, bound.bound) == (3, 3)
    looked(bound, 20, passed_s=8.0, for_any_s=1.0)
    assert (bound.lead, bound.bound) == (3, 3)


def test_the_bound_that_a_larger_lead_needs_goes_with_it() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (3, 3)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (FIRST, FIRST)


def test_a_bound_that_helps_only_together_with_a_lead_is_kept_with_it() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_old_s=4.0)
    assert (bound.lead, bound.bound) == (2, 4)
    # Now samplers have too few groups: no step is shorter, and it waits for any.
    looked(bound, for_any_s=4.0)
    assert (bound.lead, bound.bound) == (3, 4)
    looked(bound, passed_s=7.0, for_any_s=1.0)
    assert (bound.lead, bound.bound) == (4, 4)  # the next growth of the lead, after one that helped
    assert bound.trial is not None
    assert (bound.trial.lead, bound.trial.bound) == (3, 4)


def test_a_lead_that_helps_only_together_with_a_bound_is_kept_with_it() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    looked(bound, passed_s=11.0, for_old_s=3.0)
    assert (bound.lead, bound.bound) == (3, 6)
    looked(bound, passed_s=8.0)
    assert (bound.lead, bound.bound) == (3, 6)


def test_two_growths_that_help_neither_alone_nor_together_are_taken_back_together() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_old_s=3.0)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (3, 4)
    looked(bound, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (2, 2)


def test_a_growth_is_tried_again_once_steps_are_longer_than_they_were_with_it() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_old_s=3.0)
    assert looked(bound, for_old_s=3.0) == [FIRST]
    # Completions have grown: the learner waits for longer, and works as long as before.
    assert looked(bound, passed_s=13.0, for_old_s=6.0) == [4]
    looked(bound, passed_s=10.0, for_old_s=3.0)
    assert bound.bound == 8  # the next growth, after one that helped


def test_longer_completions_are_no_reason_for_older_data_where_the_learner_waits_no_more() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_old_s=3.0)
    assert looked(bound, for_old_s=3.0) == [FIRST]
    assert looked(bound, 10, passed_s=20.0, for_old_s=6.0) == [FIRST] * 10


def test_shorter_completions_do_not_prove_a_growth() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, for_any_s=3.0)
    # Steps are half as long, and the learner waits for as large a share of them.
    looked(bound, passed_s=5.0, for_any_s=1.5)
    assert (bound.lead, bound.bound) == (FIRST, FIRST)


def test_a_check_of_held_out_prompts_beside_the_steps_before_does_not_prove_a_growth() -> None:
    bound = AutomaticBound(0.5)
    looked(bound, passed_s=14.0, for_any_s=3.0)
    looked(bound, passed_s=10.0, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (FIRST, FIRST)


def test_what_chance_could_have_saved_is_looked_at_again_and_then_taken_back() -> None:
    bound = AutomaticBound(0.5)
    varied(bound, 6.0, 10.0, 14.0, for_any_s=3.0)
    assert bound.lead == 3
    # 7 % shorter, where cycles differ by a third; 25 % would have been the lead's share.
    varied(bound, 6.3, 12.3, for_any_s=3.0)
    assert bound.lead == 3
    varied(bound, 6.3, 12.3, for_any_s=3.0)
    assert (bound.lead, bound.bound) == (FIRST, FIRST)


def test_what_was_expected_is_kept_though_steps_differ_too_much_to_be_sure() -> None:
    bound = AutomaticBound(0.5)
    varied(bound, 4.0, 16.0, 10.0, for_any_s=3.0)
    assert bound.lead == 3
    # A quarter shorter.
    varied(bound, 4.0, 11.0, for_any_s=0.3)
    assert bound.trial is not None
    varied(bound, 4.0, 11.0, for_any_s=0.3)
    assert bound.trial is None
    assert bound.lead == 3


def test_a_saving_that_is_small_beside_chance_is_no_proof_of_a_growth() -> None:
    bound = AutomaticBound(0.5)
    varied(bound, 6.0, 10.0, 14.0, for_old_s=0.8)
    assert bound.bound == 4
    for _ in range(2):
        varied(bound, 6.0, 13.2, for_old_s=0.4)  # 4 %, which is all that could be expected
    assert bound.bound == FIRST


def test_at_its_largest_a_bound_keeps_nobody_from_judging_the_lead() -> None:
    bound = AutomaticBound(0.5, bound=MOST)
    looked(bound, for_any_s=3.0, for_old_s=3.0)
    assert (bound.lead, bound.bound) == (3, MOST)
    looked(bound, for_any_s=3.0, for_old_s=3.0)
    assert (bound.lead, bound.bound) == (FIRST, MOST)
    looked(bound, 3, for_any_s=3.0, for_old_s=3.0)
    assert bound.lead == FIRST


def test_data_that_are_worth_too_little_make_both_smaller_down_to_1() -> None:
    bound = AutomaticBound(0.5, bound=12, lead=3)
    seen = [(bound.bound, bound.lead)]
    for _ in range(80):
        # Smoothed, the effective sample size is below 0.5 from the fourth step on.
        bound.saw(0.1, Waited(1, 10.0))
        if (bound.bound, bound.lead) != seen[-1]:
            seen.append((bound.bound, bound.lead))
    assert seen == [(12, 3), (9, 2), (6, 1), (4, 1), (3, 1), (2, 1), (1, 1)]


def test_a_growth_whose_data_are_worth_too_little_is_taken_back_before_both_shrink() -> None:
    bound = AutomaticBound(0.5, bound=8)
    assert looked(bound, for_old_s=3.0) == [16]
    for _ in range(17):
        bound.saw(0.1, Waited(1, 10.0))
    assert (bound.bound, bound.lead) == (6, 1)


def test_data_of_middling_worth_let_nothing_grow() -> None:
    bound = AutomaticBound(0.5)
    bound.smoothed = 0.7
    assert looked(bound, 4, size=0.7, for_old_s=3.0, for_any_s=3.0) == [FIRST] * 4


def test_it_goes_on_from_a_checkpoint_with_a_target_of_its_own() -> None:
    first, second = AutomaticBound(0.5), AutomaticBound(0.6)
    looked(first, for_old_s=4.0)
    looked(first, size=0.9, passed_s=8.0, for_old_s=0.3)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.target == 0.6
    assert (second.bound, second.lead) == (4, 2)
    assert second.smoothed == first.smoothed < 0.95


def test_a_checkpoint_holds_no_growth_that_has_not_proved_itself() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, for_old_s=4.0, for_any_s=1.0) == [4]
    state = bound.state_dict()
    assert (state["bound"], state["lead"], state["smoothed"]) == (FIRST, FIRST, 1.0)
    resumed = AutomaticBound(0.5)
    resumed.load_state_dict(state)
    # Groups that were admitted under the growth live for four steps more.
    assert (resumed.bound, resumed.unsettled) == (FIRST, 4)


def test_steps_that_take_no_time_and_a_learner_that_takes_none_break_nothing() -> None:
    bound = AutomaticBound(0.5)
    assert looked(bound, 3, passed_s=0.0) == [FIRST] * 3
    # Nothing but waits, which are half as long with a larger lead.
    idle = AutomaticBound(0.5)
    looked(idle, passed_s=10.0, for_any_s=10.0)
    looked(idle, passed_s=5.0, for_any_s=5.0)
    assert idle.trial is not None
    assert (idle.trial.lead, idle.lead) == (3, 4)
