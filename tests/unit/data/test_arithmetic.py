"""The generated arithmetic task."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.data import arithmetic
from rlsys.data.arithmetic import Problem, Split, Step, generate
from rlsys.data.generated import generated_rows
from rlsys.errors import ConfigError
from verifiers.base import Completion
from verifiers.form.reasoning import ReasoningVerifier

PROBLEM = Problem((Step(3, "*", 4, 12), Step(12, "+", 5, 17), Step(17, "-", 2, 15)))


def test_a_problem_reads_as_its_question_and_answer() -> None:
    assert PROBLEM.question == "3*4+5-2=?"
    assert PROBLEM.answer == "15"
    assert PROBLEM.difficulty == 3


def test_the_careful_solution_takes_each_step() -> None:
    assert arithmetic.careful_solution(PROBLEM) == (
        "<think>we need 3 steps. first 3*4=12. then 12+5=17. then 17-2=15. "
        "so the answer is 15.</think><answer>15</answer>"
    )


def test_the_hasty_solution_has_the_right_answer_and_no_steps() -> None:
    assert arithmetic.hasty_solution(PROBLEM) == (
        "<think>this looks easy. so the answer is 15.</think><answer>15</answer>"
    )


def test_the_brief_solution_is_the_values_and_the_bare_one_has_no_thinking() -> None:
    brief = arithmetic.brief_solution(PROBLEM)
    assert brief == "<think>12,17,15</think><answer>15</answer>"
    assert arithmetic.bare_solution(PROBLEM) == "<think></think><answer>15</answer>"


@given(st.integers(0, 10**6), st.sampled_from(Split))
def test_answers_follow_the_usual_order_of_operations(seed: int, split: Split) -> None:
    for problem in generate(6, seed, split):
        expression = problem.question.removesuffix("=?")
        assert re.fullmatch(r"[0-9]+([-+*][0-9]+)+", expression)
        assert problem.answer == str(eval(expression))


@given(st.integers(0, 10**6))
def test_each_step_is_right_and_goes_on_from_the_one_before(seed: int) -> None:
    for problem in generate(6, seed):
        for step in problem.steps:
            left, right = str(step).split("=")
            assert eval(left) == int(right)
            assert 0 <= step.result <= 20
        for before, after in zip(problem.steps, problem.steps[1:], strict=False):
            assert before.result == after.left


def test_equal_seeds_give_equal_problems_and_other_seeds_others() -> None:
    assert generate(50, 3) == generate(50, 3)
    assert generate(50, 3) != generate(50, 4)


def test_no_problem_is_in_both_splits_or_twice_in_one() -> None:
    train = {problem.question for problem in generate(2000, 1)}
    held_out = {problem.question for problem in generate(300, 2, Split.held_out)}
    assert len(train) == 2000
    assert len(held_out) == 300
    assert not train & held_out


def test_levels_come_in_turn() -> None:
    assert [p.difficulty for p in generate(5, 0, levels=(2, 4))] == [2, 4, 2, 4, 2]


def test_asking_for_more_problems_than_there_are_names_the_level() -> None:
    with pytest.raises(ConfigError, match="level 1 has hardly more than"):
        generate(10_000, 0, levels=(1,))


def test_a_level_without_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"levels \[0\]"):
        generate(1, 0, levels=(0,))


def test_careful_solutions_satisfy_the_reasoning_verifier_and_hasty_ones_do_not() -> None:
    verifier = ReasoningVerifier()
    for problem in generate(30, 0):
        careful = Completion(problem.question, arithmetic.careful_solution(problem), problem.answer)
        hasty = Completion(problem.question, arithmetic.hasty_solution(problem), problem.answer)
        assert verifier.verify(careful).reward == 1.0
        assert verifier.verify(hasty).reward == 0.0


def test_the_task_is_imported_without_torch() -> None:
    code = "import rlsys.data.arithmetic, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_more_held_out_problems_than_there_are_name_the_setting_and_the_most_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        generated_rows(100_000, seed=3)
    message = str(caught.value)
    assert message.startswith("data.holdout=100000: 100000 arithmetic problems are too many: ")
    most = int(message.rpartition("nearest valid: ")[2])
    assert len(generated_rows(most, seed=3).held_out) == most
