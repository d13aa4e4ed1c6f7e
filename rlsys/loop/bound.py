"""How far sampling runs ahead, and how old one group may be, where `loop.max_staleness=auto`.

A fixed bound b says both: (b + 1) * groups_per_step groups are alive, and each is trained within b
steps of its admission. So a bound that one long completion in a thousand needs makes all data as
old as that. Here they are two numbers. The lead says how many steps' groups are alive beside the
one that is trained, which is how old data are in the mean; the bound says by when the oldest must
be trained, and is the larger one.

Both begin at FIRST, and are looked at when as many steps have passed as the bound, and _LOOK:

    the learner waits for an old group, while enough others are ready   the bound grows by half
    it waits for any, since too few are ready                           the lead grows by one, and
                                                                        back if no step is shorter
    data are worth too little                                           both shrink

A lead that makes no step shorter is not tried again, unless the bound was in its way and grows.

Old data are worth less the further the policy has moved since they were sampled, and the effective
sample size says how much less: Kish's (sum w)^2 / (n sum w^2) of the importance weights
(algorithms/off_policy.py), 1 when nothing has moved.

Example: in the scenario `power_law` of benchmarks/overlap.py the longest completions take 16 steps.
The bound grows to 27, and data are 3.7 steps old in the mean, where 27 as a fixed bound makes them
24.
"""

from dataclasses import asdict, astuple, dataclass, field
from math import ceil
from typing import Any

from rlsys.config.loop import AUTO, LoopConfig

FIRST = 2
"""Hides the latency of a pipeline whose completions take less than two steps."""
LOWEST = 1
"""0 is another algorithm: each step would wait for its weights."""
MOST = 32
"""Since what lives takes memory, and an older completion tells little of today's policy."""
_LOOK = 8
"""Steps whose times are compared: fewer differ by chance."""
_LONG = 0.05
"""Share of the time from which on a wait is worth older data."""
_GAIN = 0.02
"""Share of a step's time that a larger lead must have saved to stay."""
_MEMORY = 0.8
"""Share of the smoothed value that stays at each step: some five steps of memory, since one step's
effective sample size is noisy."""


def is_automatic(config: LoopConfig) -> bool:
    """Whether the bound may move."""
    return config.max_staleness == AUTO


@dataclass(frozen=True)
class Waited:
    """Where the time of some steps went, in seconds."""

    steps: int = 0
    passed_s: float = 0.0
    for_old_s: float = 0.0
    """The learner waited for an old group, while enough others were ready."""
    for_any_s: float = 0.0
    """It waited for any, since too few were ready."""

    def __add__(self, other: "Waited") -> "Waited":
        return Waited(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class AutomaticBound:
    """The bound and the lead after each step; see above."""

    target: float
    """Effective sample size below which data are worth too little, in (0, 1)."""
    bound: int = FIRST
    lead: int = FIRST
    smoothed: float = 1.0
    """Effective sample size."""
    before_s: float | None = None
    """What a step took before the lead grew, where it has just grown."""
    is_enough: bool = False
    """A larger lead has been tried, and saved nothing."""
    waited: Waited = field(default_factory=Waited)
    """Since the last look."""

    def saw(self, effective_sample_size: float, waited: Waited) -> None:
        """One more step.

        Args:
            effective_sample_size: of the step's importance weights, in (0, 1].
        """
        self.smoothed = _MEMORY * self.smoothed + (1 - _MEMORY) * effective_sample_size
        self.waited += waited
        if self.waited.steps >= max(self.bound + 1, _LOOK):
            self._look()
            self.waited = Waited()

    def _look(self) -> None:
        if self.smoothed < self.target:
            self.lead = max(LOWEST, self.lead - 1)
            self.bound = max(self.lead, self.bound - ceil(self.bound / 4))
            self.before_s = None
        elif self.smoothed > (1 + self.target) / 2:
            waits_for_old = self.waited.for_old_s > _LONG * self.waited.passed_s
            grows = waits_for_old and self.bound < MOST
            self._look_at_lead(may_be_enough=not grows)
            if grows:
                self.bound = min(MOST, self.bound + ceil(self.bound / 2))

    def _look_at_lead(self, may_be_enough: bool) -> None:
        """may_be_enough: a lead that saved nothing is not tried again."""
        waited, step_s = self.waited, self.waited.passed_s / self.waited.steps
        if self.before_s is not None and step_s > (1 - _GAIN) * self.before_s:
            self.lead, self.is_enough = self.lead - 1, may_be_enough
        self.before_s = None
        waits = waited.for_any_s > _LONG * waited.passed_s
        if waits and not self.is_enough and self.lead < MOST:
            self.lead, self.before_s = self.lead + 1, step_s
            self.bound = max(self.bound, self.lead)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint, as JSON values."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the target is what this run's settings say."""
        for name, value in state.items():
            if name != "target":
                setattr(self, name, Waited(**value) if name == "waited" else value)
