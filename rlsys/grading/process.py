"""The verifiers in a process of their own, to be killed: no completion can hang or end a worker.

    Grader --completions--> child.py --verdicts--> Grader
                         ^ a shared cell: which row it is at, and since when

A verifier may loop, exhaust the memory, crash the interpreter or return what cannot be sent. The
row that it was at then has no verdict (status infrastructure), the process is replaced, and the
rows after it are graded.
"""

import mmap
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import psutil

from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import VerifiersConfig, component_names
from rlsys.errors import VerifierError
from rlsys.grading import child
from rlsys.plugins import PluginFile, read_plugins
from rlsys.watch import stacks
from verifiers.base import Completion, Status, Verdict

_LOOK_S = 0.05
"""How often the time and memory of a row that takes longer than this are looked at."""
_START_S = 120.0
"""For imports and self-tests, on a busy machine."""
_MOST_STARTS = 2
"""Processes lost in their self-tests, one after the other, before those are to blame."""
_CALLS = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')
"""A call in a stack, as faulthandler writes it."""
_MOST_FAILURES = 3
"""Processes lost to one batch before its other rows are given up: each may take timeout_s."""


class VerifierProcess:
    """Grades with the configured rewards. Not for several threads, but for `close`.

    Args:
        plugins: the plug-in files as read where the run was started; None: read them here.

    Raises:
        VerifierError: a verifier cannot be made or fails its self-test; names it and the case.
    """

    def __init__(
        self,
        config: VerifiersConfig,
        sandbox: SandboxConfig,
        plugins: Sequence[PluginFile] | None = None,
    ) -> None:
        self.config, self.sandbox = config, sandbox
        self.plugins = read_plugins(config.plugins) if plugins is None else list(plugins)
        self.closed = False
        self.note = ""
        """How programs are isolated, in one line; empty where none will run."""
        self.starts = 0
        """Processes started so far."""
        self._start()

    @property
    def pid(self) -> int:
        """The process that grades now."""
        return self._process.pid

    def grade(self, completions: Sequence[Completion]) -> list[Verdict]:
        """Verdicts in order; status infrastructure for rows whose verifier failed."""
        verdicts: list[Verdict | None] = [None] * len(completions)
        failures, alone = 0, False
        while todo := [i for i, verdict in enumerate(verdicts) if verdict is None]:
            if failures == _MOST_FAILURES:
                reason = f"not graded: {failures} completions before it ended the verifiers"
                return [verdict or no_verdict(reason) for verdict in verdicts]
            failed = self._grade(completions, todo, alone, verdicts)
            if failed is not None:
                rows, reason = failed
                # Which completion of a batch it was shows when each is asked about alone.
                alone = alone or len(rows) > 1
                if len(rows) == 1:
                    failures += 1
                    verdicts[rows[0]] = no_verdict(reason)
                self._stop()
                self._start()
        return [verdict for verdict in verdicts if verdict is not None]

    def close(self) -> None:
        """End the process; also from another thread, in the middle of a batch."""
        self.closed = True
        self._stop()

    def _grade(
        self,
        completions: Sequence[Completion],
        todo: list[int],
        alone: bool,
        verdicts: list[Verdict | None],
    ) -> tuple[list[int], str] | None:
        """Fill in the verdicts of `todo`; returns the rows at which the process failed, and how."""
        self._at.reset()
        try:
            self._pipe.send(child.Batch([completions[i] for i in todo], alone))
            done = 0
            while done < len(todo):
                problem = self._problem()
                if problem:
                    return todo[self._at.rows()], f"{self._asked()}{problem}{self._where()}"
                if not self._pipe.poll(_LOOK_S):
                    continue
                for verdict in self._pipe.recv():
                    verdicts[todo[done]] = verdict
                    done += 1
        except (EOFError, OSError):
            ending = f"{self._asked()}the verifier's process {self._ending()}"
            return todo[self._at.rows()], ending
        return None

    def _asked(self) -> str:
        """Which component of the reward is asked, as the beginning of a reason."""
        component = self._at.component()
        return "" if component is None else f"{component_names(self.config)[component]}: "

    def _where(self) -> str:
        """Where in a plug-in's file the process is, as the end of a reason; empty elsewhere."""
        files = {plugin.path for plugin in self.plugins}
        if not files:
            return ""
        for file, line, call in _CALLS.findall(stacks.of_family(self.pid)):
            if file in files:  # the newest call comes first
                return f", at {file}:{line} in {call}"
        return ""

    def _problem(self) -> str:
        """Why the process has to be killed, if it has to."""
        seconds, rows = self._at.seconds(), self._at.rows()
        if seconds > self.config.timeout_s * (rows.stop - rows.start):
            return f"no verdict within verifiers.timeout_s={self.config.timeout_s:g}"
        if seconds > _LOOK_S:
            used = self._memory_mb()
            if used > self.config.memory_mb:
                return f"used {used:.0f} MiB, more than verifiers.memory_mb={self.config.memory_mb}"
        return ""

    def _memory_mb(self) -> float:
        try:
            return psutil.Process(self.pid).memory_info().rss / 2**20
        except psutil.NoSuchProcess:
            return 0.0  # the pipe will say so

    def _start(self) -> None:
        """A process whose self-tests have passed; one that is lost on its way is not the
        verifiers' fault, unless the next is lost, too."""
        lost = ""
        for _ in range(_MOST_STARTS):
            if self.closed:
                raise VerifierError("the verifiers were closed")
            self._launch()
            lost = self._greet()
            if not lost:
                return
        raise VerifierError(f"{lost}, {_MOST_STARTS} times in a row")

    def _launch(self) -> None:
        ours, theirs = socket.socketpair()
        cell = os.memfd_create("rlsys-verifier-row")
        os.ftruncate(cell, mmap.PAGESIZE)
        self._at = child.Cell(cell)
        path = os.pathsep.join(dict.fromkeys([os.getcwd(), *filter(None, sys.path)]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", child.__name__, str(theirs.fileno()), str(cell)],
            pass_fds=(theirs.fileno(), cell),
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
        )
        self.starts += 1
        theirs.close()
        os.close(cell)
        self._pipe = Connection(ours.detach())

    def _greet(self) -> str:
        """Send the settings; wait for the self-tests to pass. Returns what the process was doing
        when it was lost, empty when it is ready."""
        doing = "import"
        deadline = time.monotonic() + _START_S
        try:
            self._pipe.send((self.config, self.sandbox, self.plugins))
            while (left := deadline - time.monotonic()) > 0 and self._pipe.poll(left):
                word, text = self._pipe.recv()
                if word == "ready":
                    self.note = text
                    return ""
                if word == "failed":
                    self._stop()
                    raise VerifierError(text)
                doing = text
        except (EOFError, OSError):
            lost = f"{doing} was cut short: the verifier's process {self._ending()}"
            self._stop()
            return lost
        self._stop()
        raise VerifierError(f"{doing} did not end within {_START_S:g} s")

    def _ending(self) -> str:
        """How the process ended, in words."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def no_verdict(reason: str) -> Verdict:
    """A verifier failed: no reward, and not the completion's fault."""
    return Verdict(None, Status.INFRASTRUCTURE, reason)
