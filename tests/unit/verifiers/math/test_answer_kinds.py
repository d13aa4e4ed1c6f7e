"""Each kind of answer is paid as its table says, and the docs show that table."""

import re

import pytest

from tests.helpers.answer_tables.kinds import EQUALITIES, PLACES, table
from tests.helpers.answer_tables.places import CUT_OFF
from tests.helpers.places import DOCS
from verifiers.base import Completion
from verifiers.extract import Marker, final_answer
from verifiers.math import tree
from verifiers.math.reading import read_answer, read_expected
from verifiers.math.words import algebra

DOCS = DOCS / "verifiers.md"
BEGIN, END = "<!-- kinds of answers -->\n", "\n<!-- end of kinds -->"


def cases(kinds, write):
    return [
        pytest.param(
            Completion(kind.prompt, write(given), expected),
            reward,
            id=f"{kind.name}: {given!r} for {expected!r} is {reward:g}",
        )
        for kind in kinds
        for expected, given, reward in kind.rows()
    ]


def boxed(answer):
    return rf"\boxed{{{answer}}}"


@pytest.mark.parametrize(("completion", "reward"), cases(PLACES, str))
def test_answer_is_found_where_it_stands(verifier, completion, reward):
    verdict = verifier.verify(completion)
    assert verdict.reward == reward, verdict.reason


@pytest.mark.parametrize(("completion", "reward"), cases((CUT_OFF,), str))
def test_of_a_completion_that_was_cut_off_only_what_is_complete_counts(
    verifier, completion, reward
):
    cut_off = Completion("", completion.text, completion.answer, finish_reason="length")
    verdict = verifier.verify(cut_off)
    assert verdict.reward == reward, verdict.reason


@pytest.mark.parametrize(("completion", "reward"), cases(EQUALITIES, boxed))
def test_answer_is_equal_by_the_rule_of_its_kind(verifier, completion, reward):
    verdict = verifier.verify(completion)
    assert verdict.reward == reward, verdict.reason


@pytest.mark.parametrize("kind", [k for k in EQUALITIES if not k.one_way], ids=lambda k: k.name)
def test_expected_and_given_can_change_places(verifier, kind):
    for expected, given, reward in kind.rows():
        if reward == 1.0 and isinstance(expected, str):
            swapped = Completion(kind.prompt, boxed(expected), given)
            assert verifier.verify(swapped).reward == 1.0, (given, expected)


@pytest.mark.parametrize("kind", [*PLACES, CUT_OFF, *EQUALITIES], ids=lambda k: k.name)
def test_each_kind_has_near_misses(kind):
    rewards = [reward for *_, reward in kind.rows()]
    assert rewards.count(1.0) >= 3
    assert rewards.count(0.0) >= 3


def test_every_marker_has_a_row_that_is_paid():
    found = {
        final_answer(given).marker
        for kind in PLACES
        for _, given, reward in kind.rows()
        if reward == 1.0
    }
    assert found == set(Marker)


def test_every_operation_of_the_tree_has_a_row():
    read = [
        answer.tree
        for kind in EQUALITIES
        for expected, given, _ in kind.rows()
        for answer in (read_expected(str(expected)), read_answer(given))
    ]
    met = {part.op for made in read if made is not None for part in tree.walk(algebra(made))}
    documented = set(re.findall(r"\b[a-z]+\b", tree.__doc__.partition("operations:")[2]))
    assert met <= documented
    rules = {"num", "sym", "const", "word", "text", "mixed", "repeating", "fn", "unit", "percent"}
    rules |= {"add", "mul", "div", "pow", "neg", "pm", "fact", "binom", "mod", "deg", "list"}
    rules |= {"tuple", "set", "matrix", "row", "chain", "union", "meet", "minus", "ratio", "based"}
    assert met == rules | {"or", "and", "residue"}


def test_docs_show_the_table():
    shown = DOCS.read_text().partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), "paste what `python tests/helpers/answer_tables/kinds.py` prints"
