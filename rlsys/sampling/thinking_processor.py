"""Budget forcing inside vLLM: a logits processor that steers each completion by its own limits.

For the model runner that keeps a request's tokens on the host, which CPUs have;
rlsys.sampling.thinking_slots is the one for GPUs.

A request asks for it with `SamplingParams.extra_args` (rlsys.thinking.limits), or over HTTP with
`vllm_xargs`.

vLLM's own thinking budget has no lower limit, and counts by rules of its own; here the rules are
those of rlsys.thinking.track, by which forced tokens are found again in the finished completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor, MoveDirectionality

from rlsys.thinking.limits import OPENED, limits_of
from rlsys.thinking.track import Steering, Tags

if TYPE_CHECKING:
    from vllm.config import VllmConfig


@dataclass
class _Row:
    """One request of the running batch."""

    steering: Steering
    output_ids: list[int]
    """vLLM's own list, which grows."""
    seen: int = 0


class ThinkingProcessor(LogitsProcessor):
    """Steers the requests of one sampler that ask for it; costs nothing where none does."""

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        from vllm.tokenizers import cached_tokenizer_from_config

        self.tags = Tags.of(cached_tokenizer_from_config(vllm_config.model_config))
        self.rows: dict[int, _Row] = {}

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse limits that make no sense, before the request is queued."""
        limits_of(sampling_params.extra_args)

    def is_argmax_invariant(self) -> bool:
        """No: forcing changes which token is the likeliest."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """Requests come, go and move within the batch."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self.rows.pop(index, None)
        for index, params, prompt_ids, output_ids in batch_update.added:
            self.rows.pop(index, None)
            limits = limits_of(params.extra_args)
            if not limits.free:
                opened = (params.extra_args or {}).get(OPENED)
                if opened is None:
                    opened = self.tags.opened_by(prompt_ids or [])
                self.rows[index] = _Row(Steering(self.tags, limits, bool(opened)), output_ids)
        for a, b, direction in batch_update.moved:
            row_a, row_b = self.rows.pop(a, None), self.rows.pop(b, None)
            if row_a is not None:
                self.rows[b] = row_a
            if row_b is not None and direction is MoveDirectionality.SWAP:
                self.rows[a] = row_b

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """Steer the next tokens.

        Args:
            logits: [B, V], changed in place.
        """
        for index, row in self.rows.items():
            for token_id in row.output_ids[row.seen :]:
                row.steering.push(token_id)
            row.seen = len(row.output_ids)
            directive = row.steering.next()
            if directive.forced is not None:
                logits[index] = -torch.inf
                logits[index, directive.forced] = 0.0
            elif directive.forbidden:
                logits[index, list(directive.forbidden)] = -torch.inf
        return logits
