from itertools import pairwise

import pytest

from rlsys.data.demonstrations import Lesson
from rlsys.data.generated import generated_lessons
from rlsys.data.steps import steps_of, without_first_steps
from rlsys.errors import DataError

LESSON = generated_lessons(0)[0]


def shortened(completion: str, count: int) -> str:
    return without_first_steps(Lesson(LESSON.prompt, completion), count).completion


def test_a_step_is_a_sentence_of_one_line_or_a_line_of_several() -> None:
    assert steps_of("first 2*3=6. then 6+1.5=7.5. so 7.5.") == [
        "first 2*3=6.",
        "then 6+1.5=7.5.",
        "so 7.5.",
    ]
    assert steps_of("one. two.\n\nthree.\n") == ["one. two.\n", "three.\n"]
    assert steps_of(" ") == []


def test_the_first_steps_of_a_chain_are_left_out_and_all_else_stays() -> None:
    said = "<think>we need 2 steps. first 2*3=6. then 6+1=7.</think><answer>7</answer>"
    assert shortened(said, 0) == said
    assert shortened(said, 1) == "<think>first 2*3=6. then 6+1=7.</think><answer>7</answer>"
    assert shortened(said, 2) == "<think>then 6+1=7.</think><answer>7</answer>"
    for count in (3, 9):
        assert shortened(said, count) == "<think></think><answer>7</answer>"


def test_lines_keep_their_ends() -> None:
    assert shortened("<think>\na. b\nc\n</think>7", 1) == "<think>c\n</think>7"


def test_a_chain_that_the_prompt_has_opened_is_shortened_too() -> None:
    assert shortened("first. second.</think>7", 1) == "second.</think>7"


def test_every_generated_chain_loses_its_steps_one_by_one() -> None:
    for lesson in generated_lessons(0)[:50]:
        lengths = [len(without_first_steps(lesson, n).completion) for n in range(8)]
        assert lengths[0] == len(lesson.completion)
        assert all(a > b for a, b in pairwise(lengths[:4]))
        assert lengths[6] == lengths[7]


def test_a_completion_without_a_chain_is_an_error_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 1.*sft.dropped_steps=2.*</think>"):
        shortened("7", 2)
