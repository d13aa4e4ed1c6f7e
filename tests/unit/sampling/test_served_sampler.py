"""A served model is asked conversations; a small server in the test plays it."""

import asyncio
import json
from typing import Any

import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.config.run import SamplingConfig
from rlsys.config.served import ServedConfig
from rlsys.errors import SamplerError
from rlsys.sampling.served_sampler import ServedSampler, require_answer
from tests.unit.verifiers.models.test_judge import says, serving

SAMPLING = SamplingConfig(max_tokens=9, temperature=0.5, stop=["\n\n"])


def prompts(*questions: str) -> pa.RecordBatch:
    rows = [
        {
            "prompt_id": f"p{i}",
            "source": "sums",
            "text": question,
            "token_ids": [1],
            "expected": "2",
            "info": json.dumps({"messages": [{"role": "user", "content": question}]}),
            "difficulty": None,
            "token_budget": None,
        }
        for i, question in enumerate(questions)
    ]
    return schema.build(schema.PROMPTS, {n: [r[n] for r in rows] for n in schema.PROMPTS.names})


def sampled(
    answer: Any, *questions: str, size: int = 1, **options: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows, and the requests that the server got."""
    with serving(answer) as server:
        sampler = ServedSampler("rollout-0", ServedConfig(server.url, "big", **options), 0)
        ids = list(range(7, 7 + len(questions)))
        batch = asyncio.run(sampler.sample(prompts(*questions), ids, size, SAMPLING))
    schema.check(batch, schema.ROLLOUTS)
    return batch.to_pylist(), [request for _, _, request in server.requests]


def echo(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Says the question and the seed."""
    said = f"{request['messages'][-1]['content']} {request['seed']}"
    return 200, says(said) | {"usage": {"completion_tokens": 5}}


def test_a_group_is_asked_completion_by_completion_with_seeds_of_their_own() -> None:
    rows, requests = sampled(echo, "a", "b", size=3, request={"top_k": 4})
    assert [row["text"].split()[0] for row in rows] == ["a"] * 3 + ["b"] * 3
    assert [row["sample_index"] for row in rows] == [0, 1, 2] * 2
    assert [row["group_id"] for row in rows] == [7] * 3 + [8] * 3
    assert len({request["seed"] for request in requests}) == 6
    again, _ = sampled(echo, "a", "b", size=3)
    assert [row["text"] for row in again] == [row["text"] for row in rows]
    first = requests[0]
    assert (first["model"], first["top_k"], first["max_tokens"]) == ("big", 4, 9)
    assert (first["temperature"], first["stop"]) == (0.5, ["\n\n"])


def test_tokens_are_counted_by_the_server_and_have_no_ids() -> None:
    (row,), _ = sampled(echo, "a")
    assert (row["answer_tokens"], row["token_ids"], row["policy_versions"]) == (5, [], [])
    assert row["finish_reason"] == "stop"


def test_reasoning_that_a_server_has_taken_out_is_put_back() -> None:
    message = {"content": "<answer>2</answer>", "reasoning_content": "1 and 1"}
    choice = {"message": message, "finish_reason": "stop"}
    (row,), _ = sampled(lambda request: (200, {"choices": [choice]}), "a")
    assert row["text"] == "<think>1 and 1</think><answer>2</answer>"


def test_a_completion_that_was_cut_off_is_one() -> None:
    (row,), _ = sampled(lambda request: (200, says("so far", "length")), "a")
    assert (row["text"], row["finish_reason"]) == ("so far", "length")


def test_a_server_that_fails_once_is_asked_again() -> None:
    seen: list[int] = []

    def second(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        seen.append(1)
        return (503, {}) if len(seen) == 1 else echo(request)

    (row,), _ = sampled(second, "a")
    assert row["text"].startswith("a")


def test_what_a_server_says_of_a_refusal_is_told_with_its_place() -> None:
    said = {"message": "The model `big` does not exist."}
    with pytest.raises(SamplerError, match=r"served\.model='big': HTTP 404: .*does not exist"):
        sampled(lambda request: (404, said), "a")


def test_a_server_that_is_away_and_a_key_that_is_not_set_are_told_before_anything_starts() -> None:
    config = ServedConfig("http://127.0.0.1:9/v1", "big", api_key_env="NO_SUCH_KEY", attempts=1)
    with pytest.raises(SamplerError, match=r"refused .served\.api_key_env='NO_SUCH_KEY' is not se"):
        require_answer(config)
