"""Multiple choice: letters, texts, and what names two options at once."""

import pytest

from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, verify_all
from verifiers.compose import Composite, run_self_test
from verifiers.math.choice import ChoiceVerifier, index_of, read_options

OPTIONS = {"options": ["21", r"\frac{1}{2}", "Paris", "none of these"]}


@pytest.fixture(scope="module")
def choice():
    made = ChoiceVerifier()
    yield made
    made.close()


def grade(choice, answer, text, info=OPTIONS):
    return choice.verify(Completion("", text, answer, info))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("A", "The answer is A."),
        ("A", r"\boxed{\textbf{(A)}\ 21}"),
        ("A", "<answer>21</answer>"),
        (0, "(A)"),
        ("21", "Answer: A) 21"),
        ("B", r"\boxed{0.5}"),
        (r"\frac{1}{2}", "so it is 1/2, **B**"),
        ("Paris", "<answer>paris</answer>"),
        ("(C)", "故选C。"),
        ("D", r"\boxed{\text{none of these}}"),
        ("A", "The answer is 21, which is option A."),
        ("A", "The answer is 21 (option A)."),
    ],
)
def test_the_right_option_is_paid_by_letter_or_text(choice, answer, text):
    assert grade(choice, answer, text).status is Status.CORRECT


@pytest.mark.parametrize(
    ("answer", "text", "status"),
    [
        ("A", "The answer is B.", Status.WRONG),
        ("A", r"\boxed{\text{(A) } \frac12}", Status.UNPARSABLE),
        ("A", r"\boxed{A, B}", Status.UNPARSABLE),
        ("A", "<answer>22</answer>", Status.UNPARSABLE),
        ("A", "The answer is 21, which is option B.", Status.UNPARSABLE),
        ("A", "The answer is 21 (choice C).", Status.UNPARSABLE),
        ("A", "答案是21，即选项B。", Status.UNPARSABLE),
        ("A", "<answer>0.5</answer>", Status.WRONG),
        ("C", "<answer>Paris or London</answer>", Status.UNPARSABLE),
        ("A", "", Status.UNPARSABLE),
        ("A", r"\boxed{" + "1" * 2000 + "}", Status.REJECTED),
    ],
)
def test_another_option_or_none_earns_nothing(choice, answer, text, status):
    verdict = grade(choice, answer, text)
    assert (verdict.status, verdict.reward) == (status, 0.0)


@pytest.mark.parametrize(
    ("info", "texts"),
    [
        ({"choices": ["1", "2"]}, ("1", "2")),
        ({"options": {"A": "x", "B": "y"}}, ("x", "y")),
        ({"choices": {"label": ["1", "2"], "text": ["x", "y"]}}, ("x", "y")),
        ({"options": ["A)21", "B)22"]}, ("21", "22")),
    ],
)
def test_options_are_read_as_the_data_sets_write_them(info, texts):
    assert read_options(info).texts == texts


@pytest.mark.parametrize(
    ("answer", "info"),
    [
        ("E", OPTIONS),
        (7, OPTIONS),
        (True, OPTIONS),
        ("London", OPTIONS),
        ("A", {}),
        ("A", {"options": ["1"]}),
        ("A", {"options": 5}),
    ],
)
def test_row_without_its_options_or_its_answer_has_no_verdict(choice, answer, info):
    (verdict,) = verify_all(choice, [Completion("", "(A)", answer, info)])
    assert verdict.reward is None
    assert "choice: " in verdict.reason


def test_number_is_counted_from_zero():
    assert index_of(3, read_options(OPTIONS)) == 3
    with pytest.raises(VerifierError, match="none of the options; there are: A, B, C, D"):
        index_of(4, read_options(OPTIONS))


def test_it_passes_its_own_cases():
    composite = Composite(VerifiersConfig(rewards=[RewardConfig("choice")]))
    assert run_self_test(composite) == 8
    composite.close()
