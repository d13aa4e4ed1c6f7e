"""The rules of rejection sampling on small tables: what is kept, and what counts the others."""

from typing import Any

import pytest

from rlsys.config.sample import Prefer, SampleConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.evaluation.rejection import Candidate, Choice, Rules, normalised
from tests.helpers.candidates import candidate

REWARDS = {
    "accuracy": RewardConfig("accuracy", "math"),
    "language": RewardConfig("language", weight=0.0, sources=["sums"]),
}


def rules(**settings: Any) -> Rules:
    return Rules(SampleConfig(**settings), REWARDS)


def kept(choice: Choice) -> list[int]:
    return [one.sample_index for one in choice.kept]


@pytest.mark.parametrize(
    ("completion", "rule"),
    [
        ({}, None),
        ({"reward": None, "status": "infrastructure"}, "no verdict"),
        ({"text": " \n"}, "no text"),
        ({"finish_reason": "length"}, "sample.finished"),
        ({"status": "wrong", "reward": 0.3}, "sample.right"),
        ({"reward": 0.59}, "sample.min_reward"),
        ({"reward": 0.6}, None),
        ({"components": {"language": 0.89}}, "sample.least.language"),
        # As 0.9 comes out of float32.
        ({"components": {"language": 0.8999999761581421}}, None),
        # It abstained, and so gave no mark; then, it does not grade the source.
        ({"components": {}}, "sample.least.language"),
        ({"components": {}, "source": "greetings"}, None),
        ({"tokens": 4}, "sample.tokens"),
        ({"tokens": 5}, None),
        ({"tokens": 20}, None),
        ({"tokens": 21}, "sample.tokens"),
    ],
)
def test_a_completion_is_counted_at_the_rule_that_throws_it_away(
    completion: dict[str, Any], rule: str | None
) -> None:
    asking = rules(min_reward=0.6, least={"language": 0.9}, tokens=[5, 20])
    choice = asking.of_prompt([candidate(**{"components": {"language": 1.0}} | completion)])
    assert dict(choice.thrown) == ({rule: 1} if rule else {})
    assert len(choice.kept) == (rule is None)


def test_the_first_rule_that_holds_against_a_completion_counts_it() -> None:
    worst = candidate(finish_reason="length", status="wrong", reward=0.0, tokens=99)
    choice = rules(min_reward=0.5, tokens=[0, 9]).of_prompt([worst])
    assert dict(choice.thrown) == {"sample.finished": 1}


def test_what_is_thrown_away_and_what_is_kept_add_up() -> None:
    table = [
        candidate(0, text="Two."),
        candidate(1, text="two. "),
        candidate(2, status="wrong", reward=0.0),
        candidate(3),
        candidate(4),
        candidate(5, finish_reason="length"),
    ]
    choice = rules(per_prompt=2).of_prompt(table)
    assert kept(choice) == [0, 3]
    assert dict(choice.thrown) == {
        "sample.finished": 1,
        "sample.right": 1,
        "sample.distinct": 1,
        "sample.per_prompt": 1,
    }


def test_rules_that_are_switched_off_keep_what_they_are_about() -> None:
    loose = rules(finished=False, right=False, distinct=False)
    table = [
        candidate(0, text="same"),
        candidate(1, text="same"),
        candidate(2, status="wrong", reward=0.0, finish_reason="length"),
    ]
    assert kept(loose.of_prompt(table)) == [0, 1, 2]
    assert loose.names() == ["no verdict", "no text"]


@pytest.mark.parametrize(
    ("prefer", "most", "wanted"),
    [
        (Prefer.first, 2, [0, 1]),
        (Prefer.short, 2, [1, 3]),
        (Prefer.long, 2, [0, 2]),
        (Prefer.short, 1, [1]),
        (Prefer.long, 1, [2]),
    ],
)
def test_a_preference_says_which_ones_are_kept_and_the_numbers_in_which_order(
    prefer: Prefer, most: int, wanted: list[int]
) -> None:
    table = [candidate(i, tokens=tokens) for i, tokens in enumerate([30, 10, 40, 10])]
    assert kept(rules(per_prompt=most, prefer=prefer).of_prompt(table)) == wanted


def test_of_equal_texts_the_preferred_one_is_kept() -> None:
    table = [candidate(i, text="Same", tokens=tokens) for i, tokens in enumerate([12, 10, 11])]
    assert kept(rules(prefer=Prefer.short).of_prompt(table)) == [1]
    assert kept(rules(prefer=Prefer.long).of_prompt(table)) == [0]
    assert kept(rules().of_prompt(table)) == [0]


def test_an_equal_text_takes_no_place_of_those_that_are_kept() -> None:
    texts = ["a", "b", "A ", "c", "d"]
    table = [candidate(i, text=text) for i, text in enumerate(texts)]
    assert kept(rules(per_prompt=3).of_prompt(table)) == [0, 1, 3]


def test_texts_are_equal_but_for_case_and_white_space() -> None:
    assert normalised(" Straße\n  is\tthe ANSWER ") == normalised("STRASSE is the answer")
    assert normalised("x^2") != normalised("x2")


def test_a_source_has_its_share_and_is_spread_over_its_prompts() -> None:
    table = [
        candidate(i, prompt_id=f"{source}{prompt}", source=source)
        for source, prompts in (("sums", 4), ("greetings", 2), ("others", 1))
        for prompt in range(prompts)
        for i in range(3)
    ]
    choice = rules(per_source={"sums": 5, "greetings": 1}).of_sources(table)
    count = {
        source: [one.prompt_id for one in choice.kept if one.source == source]
        for source in ("sums", "greetings", "others")
    }
    assert len(count["sums"]) == 5
    assert set(count["sums"]) == {"sums0", "sums1", "sums2", "sums3"}
    assert (len(count["greetings"]), len(count["others"])) == (1, 3)
    assert dict(choice.thrown) == {"sample.per_source": 7 + 5}
    order = [table.index(one) for one in choice.kept]
    assert order == sorted(order)


def test_a_share_does_not_depend_on_the_order_of_the_prompts() -> None:
    table = [candidate(0, prompt_id=f"p{i}") for i in range(20)]

    def chosen(of: list[Candidate]) -> set[str]:
        return {one.prompt_id for one in rules(per_source={"sums": 6}).of_sources(of).kept}

    assert chosen(table) == chosen(table[::-1])
    assert chosen(table) != {f"p{i}" for i in range(6)}


def test_the_rules_in_force_are_named_by_their_settings_in_their_order() -> None:
    asking = rules(
        min_reward=0.0, least={"language": 0.9}, tokens=[1, 9], per_prompt=1, per_source={"sums": 1}
    )
    assert asking.names() == [
        "no verdict",
        "no text",
        "sample.finished",
        "sample.right",
        "sample.min_reward",
        "sample.least.language",
        "sample.tokens",
        "sample.distinct",
        "sample.per_prompt",
        "sample.per_source",
    ]
