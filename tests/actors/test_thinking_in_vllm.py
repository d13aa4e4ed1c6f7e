"""Sampling in the real vLLM: budgets, what they write and mark, and that progress is seen."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rlsys import schema
from rlsys.config.run import SamplingConfig
from rlsys.sampling.sampler import Sampler

pytestmark = pytest.mark.slow

PROMPT = "1+2=?<think>"


def test_thinking_is_cut_at_its_budget_and_kept_open_until_its_minimum(
    sampler: Sampler, event_loop: asyncio.Runner
) -> None:
    async def scenario() -> list[list[dict[str, Any]]]:
        ids = sampler.tokenizer.encode(PROMPT, add_special_tokens=False)
        prompts = _prompts(ids, [None, 3])
        free = SamplingConfig(max_tokens=24)
        cut = SamplingConfig(max_tokens=24, max_reasoning_tokens=6)
        held = SamplingConfig(max_tokens=24, min_reasoning_tokens=20)
        batches = await asyncio.gather(
            *(sampler.sample(prompts, [0, 1], 8, s) for s in (free, cut, held))
        )
        return [batch.to_pylist() for batch in batches]

    free, cut, held = event_loop.run(scenario())
    close = sampler.tags.close_ids[0]
    end = sampler.tokenizer.eos_token_id
    assert not any(any(row["forced"]) for row in free[:8])
    # A prompt's own budget of 3 comes before the run's.
    for row, budget in [*((r, 6) for r in cut[:8]), *((r, 3) for r in cut[8:])]:
        ended = [t for t in row["token_ids"][:budget] if t in (close, end)]
        # This policy knows nothing and may open further blocks: each is closed at once.
        assert row["reasoning_tokens"] <= budget + 1 + 2 * row["text"].count("<think>")
        assert any(row["forced"]) is (not ended)
        for token, logprob, forced in zip(
            row["token_ids"], row["rollout_logprobs"], row["forced"], strict=True
        ):
            assert not forced or (token == close and logprob == 0.0)
    assert any(any(row["forced"]) for row in cut)
    for row in held[:8]:
        assert len(row["token_ids"]) > 20
        assert close not in row["token_ids"][:20]


def test_a_sampler_is_seen_to_sample_while_it_does_and_not_else(
    sampler: Sampler, event_loop: asyncio.Runner
) -> None:
    async def scenario() -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
        ids = sampler.tokenizer.encode(PROMPT, add_special_tokens=False)
        held = SamplingConfig(max_tokens=400, min_reasoning_tokens=390)
        work = asyncio.create_task(sampler.sample(_prompts(ids, [None]), [0], 4, held))
        during = await _looks(sampler, work.done)
        await work
        looks = iter(range(20))
        return during, await _looks(sampler, lambda: next(looks, None) is None)

    during, after = event_loop.run(scenario())
    assert len({tokens for _, tokens in during}) > 10
    assert max(tokens for _, tokens in during) > 400
    assert len(after) == 1


async def _looks(sampler: Sampler, over: Callable[[], bool]) -> set[tuple[int, int]]:
    """What was seen of the sampler, look by look."""
    seen = set()
    while not over():
        seen.add(sampler.sampled_so_far)
        await asyncio.sleep(0.01)
    return seen


def test_a_server_counts_thinking_that_its_prompt_began(tiny_policy: str) -> None:
    from transformers import AutoTokenizer

    from rlsys.serving.vllm_parser import MarkupParser

    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)

    def count(text: str, prompt: str = "1+2=?") -> int:
        parser = MarkupParser(tokenizer)
        parser.adjust_initial_state_from_prompt(tokenizer.encode(prompt))
        return parser.count_reasoning_tokens(tokenizer.encode(text))

    assert count("<think>1+2=3</think><answer>3</answer>") == 7
    assert count("1+2=3</think><answer>3</answer>", "1+2=?<think>") == 6
    assert MarkupParser(tokenizer).count_reasoning_tokens(tokenizer.encode("1</think>2")) == 2
    assert count("1+2=3", "1+2=?<think>") == 5  # cut off while it thought
    assert count("1+2=3") == 0
    assert count("<think></think>3") == 2


def test_a_server_asks_the_template_whether_a_completion_without_tags_is_thinking(
    tiny_policy: str,
) -> None:
    from transformers import AutoTokenizer

    from rlsys.serving.vllm_parser import MarkupParser

    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    tokenizer.chat_template = (
        "{{ messages[0]['content'] }}{% if add_generation_prompt %}<think>{% endif %}"
    )
    # As vLLM's server hands on what a request says of its template.
    for begins in (True, False):
        said = {"add_generation_prompt": begins}
        parser = MarkupParser(tokenizer, chat_template_kwargs=said)
        found = parser.extract_reasoning("1+2=3", None)
        assert found == (("1+2=3", None) if begins else (None, "1+2=3"))


@pytest.mark.parametrize(
    ("prompt", "answer", "thinking", "content"),
    [
        ("1+2=?", "<think>1+2=3</think><answer>3</answer>", "1+2=3", "3"),
        ("1+2=?<think>", "1+2=3</think>It is <answer>3</answer>", "1+2=3", "It is \n3"),
        ("1+2=?", "It is 3, for 2 < 3", None, "It is 3, for 2 < 3"),
        ("1+2=?<think>", "1+2", "1+2", None),
        ("1+2=?", "3</ans", None, "3</ans"),
    ],
)
def test_a_server_strips_the_tags_in_whole_answers_as_in_streams(
    tiny_policy: str, prompt: str, answer: str, thinking: str | None, content: str | None
) -> None:
    from transformers import AutoTokenizer

    from rlsys.serving.vllm_parser import MarkupParser

    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    parser = MarkupParser(tokenizer)
    ids = tokenizer.encode(prompt)
    assert not parser.is_reasoning_end(ids)
    parser.adjust_initial_state_from_prompt(ids)
    assert parser.extract_reasoning(answer, None) == (thinking, content)
    streamed: dict[str, str] = {"reasoning": "", "content": ""}
    for character in answer:
        delta = parser.extract_reasoning_streaming("", "", character, [], [], [])
        if delta is not None:
            streamed["reasoning"] += delta.reasoning or ""
            streamed["content"] += delta.content or ""
        assert not parser.is_reasoning_end_streaming([], [])
    streamed["content"] += parser.get_streaming_fallback_content("", None) or ""
    assert streamed == {"reasoning": thinking or "", "content": content or ""}


def test_a_parser_of_tool_calls_takes_over_where_the_thinking_ends(tiny_policy: str) -> None:
    from transformers import AutoTokenizer

    from rlsys.serving.vllm_parser import ToolsParser

    parser = ToolsParser(AutoTokenizer.from_pretrained(tiny_policy))
    ends = []
    for piece in ("<think>", "1+2", "</think>", "3"):
        parser.extract_reasoning_streaming("", "", piece, [], [], [])
        ends.append(parser.is_reasoning_end_streaming([], []))
    assert ends == [False, False, False, True]


def test_a_grammar_holds_from_the_end_of_the_thinking_on(tiny_policy: str) -> None:
    """In the sampler, which has a parser of its own that sees no text."""
    from transformers import AutoTokenizer

    from rlsys.serving.vllm_parser import MarkupParser

    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    parser = MarkupParser(tokenizer)
    whole = tokenizer.encode("1+2=?<think>1</think>")
    assert [
        parser.is_reasoning_end_streaming(whole[:end], whole[end - 1 : end])
        for end in range(len(whole) - 2, len(whole) + 1)
    ] == [False, False, True]
    assert parser.is_reasoning_end(tokenizer.encode("1+2=?<think></think>"))


def _prompts(ids: list[int], budgets: list[int | None]) -> Any:
    count = len(budgets)
    return schema.build(
        schema.PROMPTS,
        {
            "prompt_id": [f"p{i}" for i in range(count)],
            "source": ["arithmetic"] * count,
            "text": [PROMPT] * count,
            "token_ids": [ids] * count,
            "expected": ['"3"'] * count,
            "info": ["{}"] * count,
            "difficulty": [None] * count,
            "token_budget": budgets,
        },
    )
