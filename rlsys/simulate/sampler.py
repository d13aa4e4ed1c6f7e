"""A simulated sampler: continuous batching in continuous time, without a model.

A decoding step of n sequences takes step_s + n * sequence_s, and gives each one token. One that
begins holds the others up for begin_s, while its prompt is computed. Sequences beyond max_sequences
wait their turn. Between two events nothing changes, so a sampler needs one timer, whatever the
number of tokens.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rlsys.roles import ROLLOUT
from rlsys.simulate.cores import SharedCores

WEIGHTS = "weights"
"""As a role of shared cores: samplers that take new weights."""


@dataclass(frozen=True)
class SamplerLaw:
    """How fast a sampler decodes."""

    step_s: float
    """Of a decoding step, whatever its batch: reading the weights."""
    sequence_s: float
    """What each sequence adds to a step: its attention and arithmetic."""
    max_sequences: int
    begin_s: float = 0.0
    """What each sequence adds once: its prompt."""

    def decode_step_s(self, sequences: float) -> float:
        """Seconds of one step of a batch."""
        return self.step_s + sequences * self.sequence_s

    def times(self, speed: float) -> "SamplerLaw":
        """Of a sampler that is so many times as fast."""
        return SamplerLaw(
            self.step_s / speed,
            self.sequence_s / speed,
            self.max_sequences,
            self.begin_s / speed,
        )

    @property
    def full_speed(self) -> float:
        """Tokens/s of a full batch: the most that the sampler can do."""
        return self.max_sequences / self.decode_step_s(self.max_sequences)


@dataclass(eq=False, slots=True)
class _Request:
    """Sequences that are waited for together."""

    left: int
    done: asyncio.Future[None]
    ends: float = 0.0
    """Progress at which the last of those that have begun ends."""


@dataclass
class SimulatedSampler:
    """Decodes sequences of given lengths; holds a weight version."""

    law: SamplerLaw
    cores: SharedCores | None = None
    held: int = 0
    tokens: float = 0.0
    """Decoded so far."""
    busy_s: float = 0.0
    """While at least one sequence ran."""
    begun: int = 0
    """Sequences so far."""
    paused_s: float = 0.0
    """While sampling stood still for new weights."""
    _running: list[tuple[float, int, _Request]] = field(default_factory=list)
    """Heap of sequences by the progress at which they end."""
    _waiting: deque[tuple[int, _Request]] = field(default_factory=deque)
    _requests: set[_Request] = field(default_factory=set)
    _progress: float = 0.0
    """Tokens that a sequence running since the start would have."""
    _prompts_s: float = 0.0
    """Of computing prompts, before decoding goes on."""
    _since: float = 0.0
    _paused: bool = False
    _works_as: str | None = None
    """The role for which the cores were told that it works."""
    _timer: asyncio.TimerHandle | None = None
    _order: Iterator[int] = field(default_factory=itertools.count)

    async def generate(self, lengths: list[int]) -> None:
        """Until sequences of these lengths, in tokens, are decoded."""
        request = _Request(len(lengths), asyncio.get_running_loop().create_future())
        self.catch_up()
        self._requests.add(request)
        self._waiting.extend((length, request) for length in lengths)
        self._begin()
        self._arm()
        await request.done

    def pause(self) -> None:
        """Sampling stands still; sequences keep what they have."""
        self.catch_up()
        self._paused = True
        self._arm()

    def resume(self, version: int) -> None:
        """Sampling goes on with new weights."""
        self.catch_up()
        self._paused = False
        self.held = version
        self._arm()

    def catch_up(self) -> None:
        """Bring the books up to now: progress, sequences that ended, busy and paused time."""
        now = asyncio.get_running_loop().time()
        passed, self._since = now - self._since, now
        if self._paused:
            self.paused_s += passed
            return
        while self._running:
            prompts_s = min(self._prompts_s, passed)
            self._prompts_s -= prompts_s
            self.busy_s += prompts_s
            passed -= prompts_s
            step_s = self.law.decode_step_s(len(self._running))
            until_next_s = (self._running[0][0] - self._progress) * step_s
            # A nanosecond is the rounding of event times.
            if until_next_s > passed + 1e-9:
                self._decode(passed, step_s)
                return
            passed -= until_next_s
            self._decode(until_next_s, step_s)
            self._end_first()

    def _decode(self, seconds: float, step_s: float) -> None:
        """Time in which the batch stays the same."""
        self._progress += seconds / step_s
        self.tokens += len(self._running) * seconds / step_s
        self.busy_s += seconds

    def _end_first(self) -> None:
        """The sequence that is due ends; one that waits takes its place."""
        self._progress, _, request = heapq.heappop(self._running)
        request.left -= 1
        if not request.left:
            self._requests.remove(request)
            if not request.done.done():
                request.done.set_result(None)
        if self._waiting:
            self._begin()

    def _begin(self) -> None:
        """Begin waiting sequences while the batch has room."""
        while self._waiting and len(self._running) < self.law.max_sequences:
            length, request = self._waiting.popleft()
            self.begun += 1
            self._prompts_s += self.law.begin_s
            request.ends = max(request.ends, self._progress + length)
            heapq.heappush(self._running, (self._progress + length, next(self._order), request))

    def _arm(self) -> None:
        """One timer, for the next event that anyone waits for."""
        if self.cores:
            self._tell(self.cores)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._running and not self._paused:
            self._timer = asyncio.get_running_loop().call_at(self._next_s(), self._wake)

    def _tell(self, cores: SharedCores) -> None:
        """Who works: a sampler that decodes, one that takes new weights, or nobody."""
        role = WEIGHTS if self._paused else ROLLOUT if self._running else None
        if role == self._works_as:
            return
        if self._works_as:
            cores.change(self._works_as, -1)
        if role:
            cores.change(role, 1)
        self._works_as = role

    def _next_s(self) -> float:
        """When a whole request ends; while sequences wait, when the first one ends."""
        if self._waiting:
            target = self._running[0][0]
        else:
            target = min([request.ends for request in self._requests])
        # As if nothing ended before, less what the sequences that do end no longer cost.
        full_s = (target - self._progress) * self.law.decode_step_s(len(self._running))
        saved = sum([target - end for end, _, _ in self._running if end < target])
        return self._since + self._prompts_s + max(0.0, full_s - saved * self.law.sequence_s)

    def _wake(self) -> None:
        self._timer = None
        self.catch_up()
        self._arm()
