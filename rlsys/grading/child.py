"""The program that runs the verifiers; started by process.py, and ends with its parent."""

import mmap
import os
import signal
import struct
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler

from rlsys.errors import RlsysError
from rlsys.faults import describe
from rlsys.watch import stacks
from verifiers.base import BatchVerifier, Completion, Status, Verdict
from verifiers.compose import Composite, run_self_test
from verifiers.parent import end_with_parent
from verifiers.sandbox.shared import SharedSandbox

_FLUSH_S = 0.005
"""Verdicts are sent together for so long: a message costs as much as a number's verdict."""
_CALL = struct.Struct("qqqd")
_NOBODY = -1


@dataclass(frozen=True)
class Batch:
    """Completions to grade; `alone`: one by one, even by verifiers that take batches."""

    completions: list[Completion]
    alone: bool


class Cell:
    """Shared memory that says which rows are being graded, since when (time.monotonic()), and which
    component of the reward is asked."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, mmap.PAGESIZE)
        self.reset()

    def reset(self) -> None:
        """No rows."""
        _CALL.pack_into(self._memory, 0, 0, 1, _NOBODY, 0.0)

    def begin(self, row: int, count: int) -> None:
        """A call of the verifiers begins, on `count` rows from `row` on."""
        _CALL.pack_into(self._memory, 0, row, count, _NOBODY, time.monotonic())

    def asks(self, component: int) -> None:
        """A component of the reward is asked next, in the call that goes on."""
        row, count, _, began = _CALL.unpack_from(self._memory)
        _CALL.pack_into(self._memory, 0, row, count, component, began)

    def rows(self) -> slice:
        """Of the call that goes on; the first row before any."""
        row, count, _, _ = _CALL.unpack_from(self._memory)
        return slice(row, row + count)

    def component(self) -> int | None:
        """Number of the component that is asked; None before any."""
        component = int(_CALL.unpack_from(self._memory)[2])
        return None if component == _NOBODY else component

    def seconds(self) -> float:
        """Since the call began; 0 before any."""
        began = float(_CALL.unpack_from(self._memory)[3])
        return time.monotonic() - began if began else 0.0


def main() -> None:
    """Greet with the result of the self-tests, then grade batches until the parent is gone."""
    # A parent that is killed must not leave a verifier that loops.
    end_with_parent()
    stacks.register()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver
    pipe, cell = Connection(int(sys.argv[1])), Cell(int(sys.argv[2]))
    own = os.getpid()
    try:
        config, sandbox_config, plugins = pipe.recv()
        pipe.send(("doing", "making the verifiers"))
        sandbox = SharedSandbox(sandbox_config)
        composite = Composite(config, plugins, sandbox)
        run_self_test(composite, lambda case: pipe.send(("doing", case)))
        _end_if_forked(own)
    except Exception as error:  # whatever a user's file raises becomes one error, at the parent
        told = str(error) if isinstance(error, RlsysError) else describe(error)
        pipe.send(("failed", told))
        return
    pipe.send(("ready", sandbox.note))
    while True:
        try:
            batch = pipe.recv()
        except EOFError:
            composite.close()
            sandbox.close()
            return
        _grade(composite, batch, pipe, cell)


def _end_if_forked(own: int) -> None:
    """End a process that a verifier forked and forgot: its verdicts would be taken for those of
    the rows that come next."""
    if os.getpid() != own:
        os._exit(1)


def _grade(composite: Composite, batch: Batch, pipe: Connection, cell: Cell) -> None:
    """Send every verdict, in order, some together."""
    own = os.getpid()
    takes_batches = any(isinstance(c.verifier, BatchVerifier) for c in composite.components)
    rows = batch.completions
    size = len(rows) if takes_batches and not batch.alone else 1
    verdicts: list[Verdict] = []
    sent = time.monotonic()
    for row in range(0, len(rows), size):
        cell.begin(row, size)
        graded = composite.grade(rows[row : row + size], cell.asks)
        _end_if_forked(own)
        verdicts += [_portable(verdict) for verdict in graded]
        if time.monotonic() - sent > _FLUSH_S:
            pipe.send(verdicts)
            verdicts, sent = [], time.monotonic()
    cell.reset()
    if verdicts:
        pipe.send(verdicts)


def _portable(verdict: Verdict) -> Verdict:
    """The verdict, if it can be sent and means the same at the other end."""
    part = "the verdict"
    components = {}
    try:
        for name, value in verdict.components.items():
            part = f"the verdict's component {name!r}"
            components[str(name)] = float(value)
        part = "the verdict"
        plain = Verdict(
            None if verdict.reward is None else float(verdict.reward),
            Status(verdict.status),
            # Half a character, as of a program's output, is in no table.
            str(verdict.reason).encode(errors="replace").decode(),
            components,
            float(verdict.seconds),
            str(verdict.level),
        )
        ForkingPickler.dumps(plain)
    except Exception as error:  # a user's object may raise anything when it is converted
        reason = f"{part} cannot be sent: {type(error).__name__}: {error}"
        return Verdict(None, Status.INFRASTRUCTURE, reason[:500])
    return plain


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
