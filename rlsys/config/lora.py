"""The `learner.lora:` section: an adapter that is trained in the place of the policy's weights."""

from dataclasses import dataclass, field

from rlsys.config.ranges import ranged


@dataclass
class LoraConfig:
    """LoRA (Hu et al., arXiv:2106.09685): a layer's weight W [out, in] is frozen, and what is
    computed with is W + (alpha / rank) B A; A [rank, in] and B [out, rank] are trained."""

    rank: int = ranged(16, least=1)
    """Of the change of each weight; reinforcement needs little (Schulman et al., "LoRA Without
    Regret", 2025), and the adapter's memory grows with it."""
    alpha: float = ranged(32.0, above=0)
    """By alpha / rank the product is multiplied: the learning rate that is right for one rank is
    about right for others, and ten times that of full training."""
    targets: list[str] = field(default_factory=list)
    """Linear layers that have an adapter, by the last part of their names, as in [q_proj, v_proj];
    empty: all of the decoder's layers, since attention alone learns less. Embedding, head, norms
    and experts never have one."""
