"""The sandbox: a pool of zygotes, each with one job at a time, for any number of threads."""

import contextlib
import ctypes
import importlib.util
import os
import queue
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType

from rlsys.config.sandbox import SandboxConfig
from rlsys.errors import SandboxError
from verifiers.sandbox import protocol
from verifiers.sandbox.client import Zygote
from verifiers.sandbox.interface import Ending, JobEnded, Limits, Outcome
from verifiers.sandbox.levels import find_level, start_zygote
from verifiers.sandbox.session import FunctionSession

_PROOF = Limits(wall_s=120.0, cpu_s=60.0, memory_mb=1024)
_MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD, mallopt(3)."""
_LARGE_BYTES = 1 << 20


def open_sandbox(config: SandboxConfig) -> "ZygotePool":
    """Find the level, start the zygotes, and prove each by a canary job.

    Raises:
        SandboxError: what the machine lacks for a level that is allowed.
    """
    return ZygotePool(config)


class ZygotePool:
    """Implements interface.Sandbox. A context manager; a zygote that died is replaced."""

    def __init__(self, config: SandboxConfig) -> None:
        self._preload = config.preload
        self.packages = tuple(config.packages)
        self._packages = _locate(config.packages)
        self._is_closed = False
        _give_back_large_blocks()
        self.level, self._missing, first = find_level(
            config.allow_weak_isolation, self._preload, self._packages
        )
        self._all = {first}
        self._free: queue.SimpleQueue[Zygote | None] = queue.SimpleQueue()
        self._free.put(first)
        self._size = config.zygotes or len(os.sched_getaffinity(0))
        try:
            self._prove_packages(config.packages)
            for _ in range(self._size - 1):
                self._free.put(self._start())
        except SandboxError:
            self.close()
            raise

    @property
    def missing(self) -> tuple[str, ...]:
        """See interface.Sandbox."""
        return tuple(self._missing)

    @property
    def num_zygotes(self) -> int:
        """How many jobs can run at the same time; stays the same, whatever jobs do."""
        return self._size

    def run_program(self, source: str, stdin: bytes, limits: Limits) -> Outcome:
        """See interface.Sandbox."""
        try:
            payload = protocol.pack_program(source)
        except ValueError as error:
            return _no_job(Ending.REJECTED, str(error))
        try:
            with self._zygote() as zygote:
                return zygote.start(payload, stdin, limits, None).finish()
        except _StartError as error:
            return _no_job(Ending.SETUP, str(error))

    @contextlib.contextmanager
    def open_function(
        self, source: str, entry_point: str, limits: Limits
    ) -> Iterator[FunctionSession]:
        """See interface.Sandbox."""
        try:
            payload = protocol.pack_program(source, entry_point)
        except ValueError as error:
            raise JobEnded(_no_job(Ending.REJECTED, str(error))) from error
        with contextlib.ExitStack() as stack:
            try:
                zygote = stack.enter_context(self._zygote())
            except _StartError as error:
                raise JobEnded(_no_job(Ending.SETUP, str(error))) from error
            session = FunctionSession(zygote, payload, limits)
            stack.callback(session.close)
            yield session

    def close(self) -> None:
        """End every zygote, and with it its job; idempotent."""
        self._is_closed = True
        for zygote in list(self._all):
            zygote.close()
        self._free.put(None)

    def __enter__(self) -> "ZygotePool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> Zygote:
        zygote = start_zygote(self.level, self._preload, self._packages)
        self._all.add(zygote)
        return zygote

    def _prove_packages(self, names: Sequence[str]) -> None:
        """Import them in a job: their files may be out of its user's reach."""
        if not names:
            return
        outcome = self.run_program(f"import {', '.join(names)}", b"", _PROOF)
        if outcome.ending is not Ending.EXITED or outcome.exit_code:
            raise SandboxError(
                f"sandbox.packages={list(names)}: a program cannot import them: {outcome.reason}; "
                "sandbox.packages=[] runs programs without"
            )

    @contextlib.contextmanager
    def _zygote(self) -> Iterator[Zygote]:
        """A zygote for one job. Waits for a free one: every job ends by its deadline."""
        zygote = self._free.get()
        if zygote is None or self._is_closed:
            self._free.put(None)
            raise SandboxError("the sandbox is closed")
        try:
            if not zygote.is_alive:
                self._all.discard(zygote)
                try:
                    zygote = self._start()
                except SandboxError as error:
                    raise _StartError(f"a zygote could not be replaced: {error}") from error
            yield zygote
        finally:
            # A dead one goes back, too: the next job starts its successor.
            self._free.put(zygote)


class _StartError(Exception):
    """No zygote for a job; becomes Ending.SETUP."""


def _no_job(ending: Ending, reason: str) -> Outcome:
    return Outcome(ending, None, None, b"", b"", 0.0, 0.0, reason)


def _give_back_large_blocks() -> None:
    """Have memory of large answers go back to the system, whatever lies behind it.

    glibc maps large blocks one by one, but once one of 8 MiB was freed it takes all up to that size
    from its heap, and keeps them there: 35 MiB more after 6,400 hostile jobs.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)


def _locate(names: Sequence[str]) -> str:
    """Where packages are installed, as the zygote's argument (packages.parse).

    Raises:
        SandboxError: one is not installed in this environment.
    """
    lines = []
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # a broken entry of sys.modules
            spec = None
        places = list((spec and spec.submodule_search_locations) or ())
        path = places[0] if places else spec.origin if spec else None
        if path is None or not os.path.exists(path):
            raise SandboxError(
                f"sandbox.packages: {name!r} is not installed in {sys.prefix}; install it, or take "
                "it from the list"
            )
        lines.append(f"{name}={os.path.realpath(path)}")
    return "\n".join(lines)
