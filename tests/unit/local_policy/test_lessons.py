"""Demonstrations of the warm start: their manners, and the budgets that some of them say."""

import random
import re
from collections import Counter

from rlsys.config.local_policy import Corpus, LocalPolicyConfig
from rlsys.data.arithmetic import Split, split_of
from rlsys.local_policy.lessons import demonstrations
from rlsys.local_policy.policy import build_tokenizer
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags, tally

TOKENIZER = build_tokenizer()


def config(**changes: object) -> LocalPolicyConfig:
    changed = LocalPolicyConfig(problems=64, steps=30, warmup_steps=2)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def test_the_warm_start_ends_with_the_configured_share_of_careful_solutions() -> None:
    for share, opening in ((1.0, "<think>we need "), (0.0, "<think>this looks easy")):
        chosen = config(careful_share=share)
        draw = demonstrations(chosen, TOKENIZER, seed=0)
        rng = random.Random(0)
        total = chosen.steps * chosen.batch_size
        drawn = [draw(rng) for _ in range(total)]
        habit = drawn[int(0.8 * total) + 1 :]
        assert habit
        assert all(TOKENIZER.decode(d.completion).startswith(opening) for d in habit)
        assert TOKENIZER.decode(habit[0].prompt).endswith("=?\n")
        assert habit[0].completion[-1] == TOKENIZER.eos_token_id


def test_the_warm_start_begins_with_mostly_careful_lessons() -> None:
    chosen = config(careful_share=0.0, steps=100, batch_size=10)
    draw = demonstrations(chosen, TOKENIZER, seed=0)
    rng = random.Random(0)
    lessons = [TOKENIZER.decode(draw(rng).completion) for _ in range(800)]
    careful = sum("first" in text for text in lessons)
    assert 0.85 < careful / len(lessons) < 0.95


def told_lessons(count: int) -> list[tuple[int | None, str, int]]:
    """Budget, completion and thinking tokens of lessons with budgets."""
    draw = demonstrations(config(budget_line="[{budget}]"), TOKENIZER, seed=0)
    rng = random.Random(0)
    tags = Tags.of(TOKENIZER)
    found = []
    for _ in range(count):
        example = draw(rng)
        asked = TOKENIZER.decode(example.prompt)
        said = re.fullmatch(r"[^\n]+=\?\n(?:\[(\d+)\]\n)?", asked)
        assert said, asked
        counted = tally(tags, Limits(), False, example.completion)
        budget = int(said[1]) if said[1] else None
        found.append((budget, TOKENIZER.decode(example.completion), counted.thinking_tokens))
    return found


def test_lessons_with_budgets_keep_to_them_as_the_sampler_would() -> None:
    lessons = told_lessons(600)
    told = [(budget, tokens) for budget, _, tokens in lessons if budget is not None]
    assert 0.6 < len(told) / len(lessons) < 0.8
    assert {0, 4, 40} < {budget for budget, _ in told}
    # The tag that opens the thinking comes always, and the one that closes it is not in the budget.
    assert all(tokens <= max(budget, 1) + 1 for budget, tokens in told)


def test_lessons_have_chains_of_every_length_and_some_that_are_cut() -> None:
    lessons = told_lessons(600)
    kinds: Counter[str] = Counter()
    for _, text, _ in lessons:
        thought = text.removeprefix("<think>").partition("</think>")[0]
        if not thought:
            kinds["none"] += 1
        elif re.fullmatch(r"\d+(,\d+)*", thought):
            kinds["brief"] += 1
        elif thought.endswith("."):
            kinds["careful"] += 1
        else:
            kinds["cut"] += 1
        assert re.search(r"</think><answer>\d+</answer><\|endoftext\|>$", text)
    assert min(kinds[kind] for kind in ("none", "brief", "careful", "cut")) > 50


def test_lessons_of_the_world_are_problems_and_requests_that_are_not_held_out() -> None:
    tokenizer = build_tokenizer(Corpus.world)
    draw = demonstrations(config(corpus=Corpus.world), tokenizer, seed=0)
    rng = random.Random(0)
    asked = [tokenizer.decode(draw(rng).prompt).removesuffix("\n") for _ in range(500)]
    problems = [text for text in asked if text.endswith("=?")]
    assert 0.6 < len(problems) / len(asked) < 0.8
    assert all(split_of(text) is Split.train for text in asked)


def test_lessons_of_the_world_end_with_the_configured_share_of_complete_chains() -> None:
    tokenizer = build_tokenizer(Corpus.world)
    for share in (0.0, 1.0):
        chosen = config(corpus=Corpus.world, careful_share=share)
        draw = demonstrations(chosen, tokenizer, seed=0)
        rng = random.Random(0)
        total = chosen.steps * chosen.batch_size
        said = [tokenizer.decode(draw(rng).completion) for _ in range(total)]
        habit = [text for text in said[int(0.8 * total) + 1 :] if "<think>" in text]
        hasty = sum("looks easy" in text or "很简单" in text for text in habit)
        assert (hasty > 0.5 * len(habit)) == (share == 0.0)
        assert hasty == 0 or share == 0.0
