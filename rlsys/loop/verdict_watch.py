"""When verdicts stop a run: too many are missing, or all completions of a prompt earn the same.

VerdictWatch   120 of the newest 256 completions got no verdict, as the judge's server is away:
               what they would have earned is unknown, and the rest is no fair sample
SignalWatch    with algorithm.drop_no_signal, 50 batches in a row held only groups of equal
               rewards: each is dropped and sampled anew, and no step would ever come
"""

from collections import deque
from collections.abc import Callable

from rlsys.config.loop import LoopConfig
from rlsys.errors import NoSignalError, VerifierError

_STEPS = 4
_LEAST_GROUPS = 8


class VerdictWatch:
    """Stops the run when verifiers, not completions, are what fails.

    The share is that of the newest four steps' completions: over the whole run, thousands of good
    steps would hide that every verdict is missing now, and a bad start would never be forgiven.
    Judged from eight groups on, since one bad group of two says nothing.

    Args:
        limit: verifiers.max_infrastructure_share.
        notice: told of the first completions without a verdict, and why.
    """

    def __init__(self, limit: float, loop: LoopConfig, notice: Callable[[str], None]) -> None:
        self.limit, self.notice = limit, notice
        self.window = max(_STEPS * loop.groups_per_step, _LEAST_GROUPS) * loop.group_size
        self.least = _LEAST_GROUPS * loop.group_size
        self._graded = self._missing = 0
        self._newest: deque[tuple[int, int]] = deque()
        self._last = ""

    def saw(self, graded: int, reasons: list[str]) -> None:
        """A batch's verdicts are in: `graded` completions, `reasons` of those without a verdict.

        Raises:
            VerifierError: too many are missing; says how many, of how many, and the last reason.
        """
        if reasons and not self._last:
            self.notice(
                f"warning: {len(reasons)} of {graded} completions got no verdict: {reasons[0]}"
            )
        self._newest.append((graded, len(reasons)))
        self._graded += graded
        self._missing += len(reasons)
        self._last = (reasons or [self._last])[-1]
        while self._graded - self._newest[0][0] >= self.window:
            graded, missing = self._newest.popleft()
            self._graded -= graded
            self._missing -= missing
        share = self._missing / self._graded
        if self._graded >= self.least and share > self.limit:
            raise VerifierError(
                f"{share:.0%} of the newest {self._graded} completions got no verdict, more than "
                f"verifiers.max_infrastructure_share={self.limit}; last: {self._last}"
            )


class SignalWatch:
    """Stops the run when nothing can be learned: it would sample for ever."""

    def __init__(self, config: LoopConfig) -> None:
        self.config = config
        self.limit = config.max_batches_without_signal * config.groups_per_step
        self._dropped = 0
        """Since the last step."""

    def dropped(self, step: int) -> None:
        """A group was dropped as `no_signal` before `step`.

        Raises:
            NoSignalError: that was one too many.
        """
        self._dropped += 1
        if self._dropped >= self.limit:
            raise NoSignalError(
                f"{self._dropped} groups were dropped as no_signal before step {step}, in each of "
                "which all completions earned the same reward (loop.max_batches_without_signal="
                f"{self.config.max_batches_without_signal}): take easier or harder prompts, a "
                "larger loop.group_size, or algorithm.drop_no_signal=false"
            )

    def stepped(self) -> None:
        """A batch of groups with a signal came together."""
        self._dropped = 0
