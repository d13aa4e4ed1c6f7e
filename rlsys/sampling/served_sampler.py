"""Sampling from a model that others serve: conversations out, text back.

No token ids come back, so none are in the rows: what is sampled this way can be graded and learned
from as demonstrations, but no gradient can be taken of it.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rlsys import schema
from rlsys.config.run import SamplingConfig
from rlsys.config.served import ServedConfig
from rlsys.determinism import group_seed
from rlsys.errors import SamplerError
from rlsys.markup import END_THINK, THINK
from verifiers.models.chat_client import ChatClient, Reply

MESSAGES = "messages"
"""In a prompt's info: the conversation that is asked."""
_SEEDS = 1 << 31
"""An endpoint takes seeds of 31 bits."""


class ServedSampler:
    """What a rollout worker has in the place of a vLLM engine of its own."""

    is_dead = False
    """Nothing here can die: a server that does not answer is an error of its request."""

    def __init__(self, name: str, config: ServedConfig, seed: int) -> None:
        """Raises VerifierError: the URL is not one."""
        self.name, self.config, self.seed = name, config, seed
        self._answers = 0

    async def start(self, limits: bool = True) -> None:
        """Nothing is loaded; limits of thinking are the server's own."""

    async def sample(
        self, prompts: pa.RecordBatch, group_ids: list[int], size: int, sampling: SamplingConfig
    ) -> pa.RecordBatch:
        """As Sampler.sample, but without tokens.

        Raises:
            SamplerError: the server does not answer, or refuses a request, with what it says.
        """
        began = time.monotonic()
        asked = [
            (prompt, group_id, index)
            for prompt, group_id in zip(prompts.to_pylist(), group_ids, strict=True)
            for index in range(size)
        ]
        payloads = [self._payload(prompt, g, index, sampling) for prompt, g, index in asked]
        replies = await asyncio.to_thread(ask, self.config, payloads)
        self._answers += len(replies)
        seconds = time.monotonic() - began
        rows = [
            _row(prompt, group_id, index, reply) | {"worker": self.name, "sampled_s": seconds}
            for (prompt, group_id, index), reply in zip(asked, replies, strict=True)
        ]
        columns = {name: [row[name] for row in rows] for name in schema.ROLLOUTS.names}
        return schema.build(schema.ROLLOUTS, columns)

    @property
    def sampled_so_far(self) -> tuple[int, int]:
        """Completions that have come; tokens are not seen."""
        return self._answers, 0

    def shutdown(self) -> None:
        """Nothing is held."""

    def _payload(
        self, prompt: Mapping[str, Any], group_id: int, index: int, sampling: SamplingConfig
    ) -> dict[str, Any]:
        """A request for one completion, whose random numbers are its own."""
        seed = (group_seed(self.seed, group_id) + index) % _SEEDS
        stop = {"stop": list(sampling.stop)} if sampling.stop else {}
        return {
            **self.config.request,
            "model": self.config.model,
            "messages": json.loads(prompt["info"])[MESSAGES],
            "seed": seed,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            **stop,
        }


def ask(config: ServedConfig, payloads: Sequence[dict[str, Any]]) -> list[Reply]:
    """All replies.

    Raises:
        SamplerError: one did not come; with what the server says of it.
    """
    key = os.environ.get(config.api_key_env, "") if config.api_key_env else ""
    client = ChatClient("served.url", config.url, key, max(1, len(payloads)), config.attempts)
    replies = client.ask_all(payloads, config.timeout_s)
    if fault := next((reply.fault for reply in replies if reply.content is None), ""):
        raise SamplerError(
            f"served.url={config.url!r}, served.model={config.model!r}: {fault}"
            + (f" (served.api_key_env={config.api_key_env!r} is not set)" if _lacks(config) else "")
        )
    return replies


def require_answer(config: ServedConfig) -> None:
    """Ask for one token, so that a server that is away, or has no such model, is told of before
    anything is started.

    Raises:
        SamplerError: with what the server says.
    """
    question = [{"role": "user", "content": "1+1=?"}]
    ask(config, [{**config.request, "model": config.model, "messages": question, "max_tokens": 1}])


def _lacks(config: ServedConfig) -> bool:
    """Whether a key was named and is not there."""
    return bool(config.api_key_env) and not os.environ.get(config.api_key_env)


def _row(prompt: Mapping[str, Any], group_id: int, index: int, reply: Reply) -> dict[str, Any]:
    """A row of the `rollouts` contract, without ids."""
    thought = f"{THINK}{reply.reasoning}{END_THINK}" if reply.reasoning else ""
    return {
        "prompt_id": prompt["prompt_id"],
        "group_id": group_id,
        "sample_index": index,
        "source": prompt["source"],
        "prompt_text": prompt["text"],
        "expected": prompt["expected"],
        "info": prompt["info"],
        "difficulty": prompt["difficulty"],
        "prompt_token_ids": [],
        "token_ids": [],
        "rollout_logprobs": [],
        "kept_token_ids": None,
        "policy_versions": [],
        "latent_version": None,
        "forced": [],
        "finish_reason": reply.finish_reason,
        "text": thought + (reply.content or ""),
        "reasoning_tokens": 0,
        "answer_tokens": reply.tokens,
    }
