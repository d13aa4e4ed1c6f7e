"""Where a row's latents are made, and where they go.

    pass 1    the n distinct prompts, end to end    each one's last place is its first latent
    pass 2    that latent of each, behind its prompt's keys and those of earlier latents
    ...       up to pass K

The keys that are kept lie prompt by prompt, with places for its latents behind each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from rlsys.learning.attention import AttentionPlan, plan_attention
from rlsys.learning.kept_keys import KeptKeys
from rlsys.learning.segments import Segment
from rlsys.thinking.latents import LatentRows


@dataclass(frozen=True)
class LatentPart:
    """Of a row with M blocks, whose latents are made once for each of n distinct prompts."""

    rows: LatentRows
    plans: tuple[AttentionPlan, ...]
    """Of each pass."""
    keys: int
    """How many are kept of all passes."""
    into: torch.Tensor
    """[M * K] int64, into the row: the latents' places of all blocks."""
    whose: torch.Tensor
    """[M] int64, below n: the prompt of each block."""

    def to(self, device: torch.device) -> "LatentPart":
        """The same on another device."""
        return replace(
            self,
            rows=self.rows.to(device),
            plans=tuple(plan.to(device) for plan in self.plans),
            into=self.into.to(device),
            whose=self.whose.to(device),
        )

    def passes(self) -> Iterator[dict[str, Any]]:
        """What packed attention needs in each pass (see latents_of), for one time through them."""
        kept = None
        for plan in self.plans:
            kept = KeptKeys(plan.own_keys, self.keys, kept)
            yield {"attention_plan": plan, "kept_keys": kept}


def latent_part(prompts: Sequence[np.ndarray], firsts: Sequence[int], latents: int) -> LatentPart:
    """Args:
    prompts: of each block, without places for latents.
    firsts: where each block begins in the row.
    latents: K, 1 or more.
    """
    distinct = {prompt.tobytes(): prompt for prompt in prompts}
    number = {key: i for i, key in enumerate(distinct)}
    lengths = np.array([len(prompt) for prompt in distinct.values()])
    ends = lengths.cumsum()
    # The last latent is of no other one's context.
    room = lengths + latents - 1
    kept = room.cumsum() - room
    position_ids = np.concatenate([np.arange(length) for length in lengths])
    rows = LatentRows(
        torch.from_numpy(np.concatenate([*distinct.values()]))[None],
        torch.from_numpy(position_ids)[None],
        torch.from_numpy(ends - 1),
    )
    of_prompts = [Segment(int(e - n), int(n)) for e, n in zip(ends, lengths, strict=True)]
    plans = [plan_attention(of_prompts, np.repeat(kept, lengths) + position_ids)]
    for done in range(latents - 1):
        seen = lengths + done
        behind = [Segment(i, 1, int(kept[i]), int(seen[i])) for i in range(len(seen))]
        plans.append(plan_attention(behind, kept + seen))
    own = np.arange(latents)
    into = [first + len(one) + own for first, one in zip(firsts, prompts, strict=True)]
    return LatentPart(
        rows,
        tuple(plans),
        int(room.sum()),
        torch.from_numpy(np.concatenate(into)),
        torch.tensor([number[prompt.tobytes()] for prompt in prompts]),
    )
