"""The maths verifier: right, nearly right, and hostile answers."""

import os
import threading
import time

import pytest

from rlsys.errors import VerifierError
from verifiers.base import Completion, Status
from verifiers.math.process import Comparison, Outcome
from verifiers.math.verifier import MathVerifier


def grade(verifier, expected, text, finish_reason="stop"):
    return verifier.verify(Completion("", text, expected, finish_reason=finish_reason))


def grade_answer(verifier, expected, answer):
    return grade(verifier, expected, f"<think>so</think><answer>{answer}</answer>")


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("025", "25"),
        (25, "025"),
        (2.5, "5/2"),
        ("#### 70,000", "$70000"),
        (r"so it is \boxed{\frac{1}{2}}", "0.5"),
        (["7", "8"], "8"),
        ("145^\\circ", "145"),
        ("x=5", "5"),
        (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
        ("p - q", "-q + p"),
        ("1,-2", r"\{-2, 1\}"),
        (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
        (r"\begin{pmatrix} -2 \\ -14 \end{pmatrix}", r"\begin{bmatrix}-2\\-14\end{bmatrix}"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\text{(E)}", "E"),
        ("40_9", "40_{9}"),
        ("40_9", "40"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\dfrac{\pi}{2})"),
        ("2^{4950}", r"\boxed{2^{4950}}"),
    ],
)
def test_equal_answers_are_correct(verifier, expected, answer):
    verdict = grade_answer(verifier, expected, answer)
    assert (verdict.reward, verdict.status) == (1.0, Status.CORRECT)


@pytest.mark.parametrize(
    ("expected", "answer", "status"),
    [
        ("25", "24", Status.WRONG),
        ("25", "-25", Status.WRONG),
        ("25", "25.0000001", Status.WRONG),
        ("25", "", Status.UNPARSABLE),
        ("25", "25 or 26", Status.WRONG),
        ("25", "25, 26", Status.WRONG),
        ("25", "25x", Status.WRONG),
        ("25", "definitely not 25, I think it is 12", Status.UNPARSABLE),
        ("25", r"\pm 25", Status.WRONG),
        ("1/3", "0.333", Status.WRONG),
        ("40_9", "40_8", Status.WRONG),
        ("40_9", "41_9", Status.WRONG),
        ("40_9", "36 in base ten", Status.UNPARSABLE),
        ("p - q", "q - p", Status.WRONG),
        (r"\sqrt{51}", r"\pm\sqrt{51}", Status.WRONG),
        (r"\sqrt{51}", r"\sqrt{51} \text{ or } \sqrt{5}", Status.WRONG),
        (r"\sqrt{51}", r"\sqrt{51}" + " " * 200 + r"\sqrt{5}", Status.WRONG),
        (r"(2,\infty)", r"[2,\infty)", Status.WRONG),
        (r"\text{Evelyn}", "Angela", Status.WRONG),
        (r"\text{(E)}", "A, B, C, D, E", Status.WRONG),
        (r"\frac{\sqrt{3}}{3}", r"\frac{\sqrt{3}}{4}", Status.WRONG),
        ("2^{2008} - 2", "2^{2008}", Status.WRONG),
    ],
)
def test_near_misses_get_nothing(verifier, expected, answer, status):
    verdict = grade_answer(verifier, expected, answer)
    assert (verdict.reward, verdict.status) == (0.0, status)


COPIED = ["3*4+5", "4*3+5", "(5+3*4)", "3 \\times 4 + 5 + 0", "12+5", "x = 5 + 3 \\cdot 4"]


@pytest.mark.parametrize("answer", COPIED)
def test_the_questions_own_expression_is_no_answer(verifier, answer):
    completion = Completion("What is 3 * 4 + 5?", f"<answer>{answer}</answer>", "17")
    assert verifier.verify(completion).status is Status.WRONG


@pytest.mark.parametrize(
    ("question", "expected", "answer"),
    [
        ("Expand (x+2)(x-3).", "x^2-x-6", "(x-3)(x+2)"),
        ("Simplify $\\frac{6}{8}$.", r"\frac{3}{4}", r"\frac{6}{8}"),
        ("Compute $\\binom{6}{2}$.", "15", r"\binom{6}{2}"),
        ("Compute $6!$.", "720", "6!"),
        ("Factor $x^2-1$.", "(x-1)(x+1)", "x^2-1"),
    ],
)
def test_what_was_to_be_worked_out_is_no_answer(verifier, question, expected, answer):
    copied = verifier.verify(Completion(question, rf"\boxed{{{answer}}}", expected))
    assert copied.status is Status.WRONG
    assert "not worked out" in copied.reason
    assert verifier.verify(Completion("", rf"\boxed{{{answer}}}", expected)).reward == 1.0


@pytest.mark.parametrize("answer", ["17", "3*4+5 = 17", "x = 17", r"\sqrt{289}"])
def test_worked_out_answer_beside_such_a_question_is_one(verifier, answer):
    completion = Completion("What is 3 * 4 + 5?", f"<answer>{answer}</answer>", "17")
    assert verifier.verify(completion).reward == 1.0


def test_completion_that_was_cut_off_has_no_answer(verifier):
    assert grade(verifier, "12", "3 * 4 = 12", "length").status is Status.UNPARSABLE
    assert grade(verifier, "12", "3 * 4 = 12", "stop").status is Status.CORRECT


@pytest.mark.parametrize("expected", ["", None, True, {"numbers": [1]}, [], [None]])
def test_unreadable_expected_answer_is_an_error_and_no_verdict(verifier, expected):
    with pytest.raises(VerifierError, match="expected answer"):
        grade_answer(verifier, expected, "1")


REFUSED_OR_HARMLESS = [
    *("9**9**9", "9^{9^{9}}", "((10!)!)!", "9" * 5000, "(" * 5000, "{" * 900, r"\frac" * 150),
    *("x^{" * 9 + "2" + "}" * 9, r"\sqrt{" * 10 + "2" + "}" * 10, "$" * 900, "\\" * 900, "|" * 40),
    *("nan", r"\infty", r"\frac{0}{0}", "0^0", "\x00", "\ud800", "１２", "1_0", " " * 900),
    *("__import__('os').abort()", r"\text{" * 9 + "}" * 9, r"\boxed{" * 900, "^" * 300, "!" * 300),
    *(r"\gcd(9^{9999},6^{9999})", r"\sum_{k=1}^{9999999} k^k", r"\begin{pmatrix}" * 9),
]


@pytest.mark.parametrize("answer", REFUSED_OR_HARMLESS, ids=range(len(REFUSED_OR_HARMLESS)))
@pytest.mark.parametrize("expected", ["17", r"\frac{3\sqrt{2}}{7}"], ids=["number", "symbolic"])
def test_hostile_answer_gets_nothing_and_leaves_the_process_running(verifier, expected, answer):
    verdict = grade_answer(verifier, expected, answer)
    assert verdict.reward == 0.0
    assert verdict.status is not Status.INFRASTRUCTURE
    keeper = verifier.process.pid
    assert grade_answer(verifier, r"\sqrt{2}", r"\frac{2}{\sqrt{2}}").reward == 1.0
    assert verifier.process.pid is not None
    assert keeper in (None, verifier.process.pid)


def test_number_that_is_too_large_is_refused_at_once(verifier):
    began = time.monotonic()
    for answer in ("9^{5000\\cdot 5000\\cdot 50}", "(10^6)!", "9^{9^{9}}", r"\binom{10^9}{10^8}"):
        assert grade_answer(verifier, "17", answer).status is Status.REJECTED
    assert time.monotonic() - began < 0.5


def test_proof_that_would_take_for_ever_times_out(verifier, monkeypatch):
    monkeypatch.setattr(verifier.process, "compare", lambda *_: Comparison(Outcome.TIMEOUT, "2 s"))
    verdict = grade_answer(verifier, r"\sqrt{2}", r"\frac{2}{\sqrt{2}}")
    assert (verdict.status, verdict.reward) == (Status.TIMEOUT, 0.0)


def test_verifier_works_from_several_threads_at_once(verifier):
    verdicts = []

    def ask(number):
        given = rf"\frac{{{number}\sqrt{{2}}}}{{2}}"
        verdicts.append((number, grade_answer(verifier, r"\sqrt{2}", given).reward))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == [(n, float(n == 2)) for n in range(1, 7)]


def test_numbers_never_start_the_process():
    verifier = MathVerifier()
    for answer in ("12", "3*4", "twelve", "9**9**9"):
        grade_answer(verifier, "12", answer)
    assert verifier.process.pid is None


def test_process_cannot_be_talked_into_running_code(verifier, tmp_path):
    target = tmp_path / "made"
    answer = rf"\operatorname{{__import__}}('os').mkdir('{target}')"
    assert grade_answer(verifier, r"\sqrt{2}", answer).reward == 0.0
    assert not os.path.exists(target)
