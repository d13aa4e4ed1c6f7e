"""How far sampling runs ahead, and how old one group may be, where `loop.max_staleness=auto`.

A fixed bound b says both: (b + 1) * groups_per_step groups are alive, and each is trained within b
steps of its admission. So a bound that one long completion in a thousand needs makes all data as
old as that. Here they are two numbers. The lead says how many steps' groups are alive beside the
one that is trained, which is how old data are in the mean; the bound says by when the oldest must
be trained, and is the larger one.

Both begin at FIRST, and a growth has to prove itself:

    the learner waits for an old group, while enough others are ready   the bound doubles
    it waits for any, since too few are ready                           the lead grows by one
    steps became shorter by it, and not by chance                       it stays
    they did not, but now the other wait is in the way                  the other grows, too
    they did not                                                        all is as before it

    data are worth too little                                           both shrink

What saved nothing is not tried again until something has changed: steps have become longer than
they were with it, or the other number has grown. Samplers that are slower than the learner, for
one, leave it waiting whatever the two are, and get no older data than they need.

A look is at steps of which no group was admitted before the last change, as many whole cycles
(rlsys/loop/step_times.py) as _LOOK steps need.

Old data are worth less the further the policy has moved since they were sampled, and the effective
sample size says how much less: Kish's (sum w)^2 / (n sum w^2) of the importance weights
(algorithms/off_policy.py), 1 when nothing has moved.

Example: in the scenario `power_law` of benchmarks/overlap.py the longest completions take 16 steps.
The bound grows to 32, and data are 4.1 steps old in the mean, where 32 as a fixed bound makes them
28.
"""

from dataclasses import dataclass, field
from math import ceil
from typing import Any

from rlsys.config.loop import AUTO, LoopConfig
from rlsys.loop.step_times import StepTimes, Waited, chance, saved

FIRST = 2
"""Hides the latency of a pipeline whose completions take less than two steps."""
LOWEST = 1
"""0 is another algorithm: each step would wait for its weights."""
MOST = 32
"""Since what lives takes memory, and an older completion tells little of today's policy."""
_LOOK = 8
"""Steps whose times are compared: fewer differ by chance."""
_LOOKS = 2
"""At a growth that has saved enough, though chance may have: after so many it is decided."""
_LONG = 0.05
"""Share of the time from which on a wait is worth older data."""
_GAIN = 0.02
"""Share of a step's time that a growth must have saved at least."""
_SURE = 1.5
"""Standard errors that a growth must have saved: without any effect one of fifteen does."""
_MEMORY = 0.8
"""Share of the smoothed value that stays at each step: some five steps of memory, since one step's
effective sample size is noisy."""


def is_automatic(config: LoopConfig) -> bool:
    """Whether the bound may move."""
    return config.max_staleness == AUTO


def _judge(before: StepTimes, after: StepTimes, expected: float) -> bool | None:
    """Whether something was saved; None: chance hides whether it was, or whether it is a quarter of
    what was expected."""
    gain, doubt = saved(before, after), _SURE * chance(before, after)
    if gain >= max(_GAIN, doubt):
        return True
    return False if gain + doubt < max(_GAIN, expected / 4) else None


def _decide(before: StepTimes, after: StepTimes, expected: float) -> bool:
    """The same; where chance hides it, whether what was saved is nearer to what was expected than
    to nothing, and not small beside chance."""
    found = _judge(before, after, expected)
    least = max(_GAIN, expected / 2, chance(before, after) / 2)
    return saved(before, after) >= least if found is None else found


@dataclass
class Trial:
    """A growth that has not proved itself yet."""

    bound: int
    """Before it, as the following."""
    lead: int
    before: StepTimes
    expected: float
    """Share of a step's time that it saves where nothing else is in the way."""
    grown: set[str]
    """What has grown: "bound", "lead"."""
    looks: int = 0

    def verdict(self, after: StepTimes) -> bool | None:
        """Whether it has proved itself; None: look again."""
        judge = _judge if self.looks < _LOOKS else _decide
        return judge(self.before, after, self.expected)


@dataclass
class AutomaticBound:
    """The bound and the lead after each step; see above."""

    target: float
    """Effective sample size below which data are worth too little, in (0, 1)."""
    bound: int = FIRST
    lead: int = FIRST
    smoothed: float = 1.0
    """Effective sample size."""
    unsettled: int = FIRST
    """Steps until all groups were admitted under this bound and lead."""
    changed: int = 0
    """Steps since either has changed."""
    cycle: Waited = field(default_factory=Waited)
    """The steps of the cycle that has not ended."""
    window: StepTimes = field(default_factory=StepTimes)
    """Cycles since the last look."""
    here: StepTimes = field(default_factory=StepTimes)
    """What steps take with this bound and lead, as of the last look."""
    trial: Trial | None = None
    refused: dict[str, StepTimes] = field(default_factory=dict)
    """What steps took with a growth that was taken back, by what had grown."""

    def saw(self, effective_sample_size: float, waited: Waited) -> None:
        """One more step.

        Args:
            effective_sample_size: of the step's importance weights, in (0, 1].
        """
        self.smoothed = _MEMORY * self.smoothed + (1 - _MEMORY) * effective_sample_size
        self.changed += 1
        if self.smoothed < self.target:
            if self.changed >= max(self.bound + 1, _LOOK):
                self._shrink()
        elif self.unsettled:
            self.unsettled -= 1
        else:
            self._count(waited)

    def _count(self, waited: Waited) -> None:
        self.cycle += waited
        if self.cycle.steps > self.bound:
            self.window, self.cycle = self.window.with_cycle(self.cycle), Waited()
            if self.window.steps >= _LOOK:
                earlier = self.here if self.trial else self.here.older()
                self.here = earlier + self.window
                self.window = StepTimes()
                if self.here.passed_s:  # else there is nothing to save
                    self._look()

    def _shrink(self) -> None:
        """A growth that is on trial is taken back, too."""
        bound, lead = self.bound, self.lead
        if self.trial:
            bound, lead = self.trial.bound, self.trial.lead
        self.trial, self.refused = None, {}
        lead = max(LOWEST, lead - 1)
        self._change(max(lead, bound - ceil(bound / 4)), lead, StepTimes())

    def _look(self) -> None:
        if self.trial:
            self.trial.looks += 1
            has_saved = self.trial.verdict(self.here)
            if has_saved is None:
                return
            if not has_saved:
                self._go_on_or_back(self.trial)
                return
            # What did not help may help now, beside what did.
            self.trial, self.refused = None, {}
        if self.smoothed > (1 + self.target) / 2:
            self._try()

    def _try(self) -> None:
        grown = set()
        if self.here.old_share > _LONG and self.bound < MOST and self._may_try("bound"):
            grown.add("bound")
        if self.here.any_share > _LONG and self.lead < MOST and self._may_try("lead"):
            grown.add("lead")
        if grown:
            expected = self._expected(grown)
            self.trial = Trial(self.bound, self.lead, self.here, expected, grown)
            self._grow(grown)

    def _may_try(self, what: str) -> bool:
        """Whether this growth has not been refused, or would be kept by what steps take now."""
        if what not in self.refused:
            return True
        return _decide(self.here, self.refused[what], self._expected({what}))

    def _expected(self, grown: set[str]) -> float:
        """Share of a step's time that is saved where nothing else is in the way: twice as many
        steps share a wait for old groups; one step's groups more are sampled at the same time."""
        share = self.here.old_share / 2 if "bound" in grown else 0.0
        if "lead" in grown:
            share += min(self.here.any_share, 1 / (self.lead + 2))
        return share

    def _go_on_or_back(self, trial: Trial) -> None:
        """After a growth that has saved nothing: the other one as well, if that is in its way now,
        or neither."""
        waits = {"bound": self.here.old_share, "lead": self.here.any_share}
        beside = {what for what in waits.keys() - trial.grown if waits[what] > _LONG}
        if beside and max(self.bound, self.lead) < MOST:
            trial.grown |= beside
            trial.looks = 0
            self._grow(beside)
        else:
            self.trial = None
            self.refused |= dict.fromkeys(trial.grown, self.here)
            self._change(trial.bound, trial.lead, trial.before)

    def _grow(self, what: set[str]) -> None:
        lead = self.lead + 1 if "lead" in what else self.lead
        bound = min(MOST, 2 * self.bound) if "bound" in what else self.bound
        self._change(max(bound, lead), lead, StepTimes())

    def _change(self, bound: int, lead: int, here: StepTimes) -> None:
        """Groups that live are trained within the bound before."""
        self.unsettled, self.changed = self.bound, 0
        self.bound, self.lead, self.here = bound, lead, here
        self.cycle, self.window = Waited(), StepTimes()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint, as JSON values: without a growth that is on trial, and what was
        refused, since the fleet that goes on may be another one."""
        state = self.trial or self
        return {
            "bound": state.bound,
            "lead": state.lead,
            "smoothed": self.smoothed,
            "unsettled": max(self.unsettled, self.bound),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; the target is what this run's settings say."""
        self.bound, self.lead = state["bound"], state["lead"]
        self.smoothed, self.unsettled = state["smoothed"], state["unsettled"]
