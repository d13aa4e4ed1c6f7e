"""Budget forcing inside vLLM's Model Runner V2, which GPUs have.

It keeps a request in one slot for as long as it is in the batch, and its newest tokens on the
device alone, often before the host knows them. So the completions are followed there, by the
automaton of rlsys.thinking.automaton, and nothing waits for the device. The limits, and what
they do, are those of rlsys.sampling.thinking_processor, for the runner of before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor

from rlsys.thinking.limits import OPENED, Limits, limits_of
from rlsys.thinking.track import PROMPT_TAIL, Steering, Tags

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.config import VllmConfig
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext, LogitsProcRequestState

_UNREACHED = 2**62
"""Tokens, where there is no upper limit."""


class ThinkingSlotProcessor(LogitsProcessor):
    """Steers the requests of one sampler that ask for it; costs nothing where none does."""

    def __init__(self, vllm_config: VllmConfig, req_states: LogitsProcRequestState) -> None:
        from vllm.tokenizers import cached_tokenizer_from_config

        from rlsys.thinking.automaton import Automaton, Completions

        if vllm_config.speculative_config is not None:
            raise ValueError("thinking limits do not work with speculative decoding")
        self.tags = Tags.of(cached_tokenizer_from_config(vllm_config.model_config))
        self.requests = req_states
        size, device = req_states.max_num_reqs, req_states.device
        automaton = Automaton.of(self.tags, req_states.vocab_size, device)
        self.completions = Completions(automaton, size)
        self.limited = np.zeros(size, np.bool_)
        self.most = torch.full((size,), _UNREACHED, device=device)
        self.least = torch.zeros(size, dtype=torch.int64, device=device)
        self.length = torch.zeros(size, dtype=torch.int64, device=device)
        """Tokens of prompt and completion that the completions' states cover."""
        self._new: dict[int, tuple[Limits, bool | None]] = {}

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse limits that make no sense, before the request is queued."""
        limits_of(sampling_params.extra_args)

    def add_request(self, req_idx: int, sampling_params: SamplingParams) -> bool:
        """A request takes a slot. Returns whether it is steered."""
        limits = limits_of(sampling_params.extra_args)
        self.limited[req_idx] = not limits.free
        self._new[req_idx] = limits, (sampling_params.extra_args or {}).get(OPENED)
        return not limits.free

    def apply_staged_writes(self) -> None:
        """Begin the completions of the requests that came since the last step."""
        if not self._new:
            return
        rows = [self._row(slot, *asked) for slot, asked in self._new.items()]
        fresh = torch.tensor(rows, device=self.most.device)
        slots = fresh[:, 0]
        self.most[slots], self.least[slots], self.length[slots] = fresh[:, 1:4].unbind(1)
        self.completions.begin(slots, fresh[:, 4].bool())
        for slot, most, least, known, opened in rows:
            prompt = int(self.requests.prompt_len.np[slot])
            if known > prompt and self.limited[slot]:
                # It gave way to others before, and is back with what it had written.
                limits = Limits(None if most == _UNREACHED else most, least)
                written = self._tokens(slot, prompt, known)
                self.completions.resume(slot, Steering(self.tags, limits, bool(opened)), written)
        self._new.clear()

    def _row(self, slot: int, limits: Limits, opened: bool | None) -> tuple[int, ...]:
        """A request's slot, most, least, tokens that it begins with, and opened."""
        prompt = int(self.requests.prompt_len.np[slot])
        if opened is None and not limits.free:
            tail = self._tokens(slot, max(0, prompt - PROMPT_TAIL), prompt)
            opened = self.tags.opened_by(tail)
        most = _UNREACHED if limits.most is None else limits.most
        return slot, most, limits.least, int(self.requests.prefill_len.np[slot]), bool(opened)

    def _tokens(self, slot: int, begin: int, end: int) -> list[int]:
        tokens: Any = self.requests.all_token_ids.gpu[slot, begin:end].tolist()
        return list(tokens)

    def apply(self, logits: torch.Tensor, ctx: LogitsContext) -> torch.Tensor:
        """Steer the next tokens.

        Args:
            logits: [B, V], changed in place; row b is that of the slot `expanded_idx_mapping[b]`.
        """
        if not self.limited[ctx.idx_mapping_np].any():
            return logits
        slots = ctx.expanded_idx_mapping.long()
        # The token that was fed is the completion's newest; parts of a prompt are not its tokens.
        is_next = ctx.pos == self.length[slots]
        self.completions.push(slots, ctx.input_ids.long(), is_next)
        self.length[slots] += is_next
        self.completions.steer(logits, slots, self.most[slots], self.least[slots])
        return logits
