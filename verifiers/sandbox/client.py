"""One zygote as its caller sees it: started, given jobs one after the other, ended.

The caller makes all that a job holds: memory files with its program and input, pipes for its
output, a socket for calls. It reads them here; the zygote only hands them on and keeps the time.
"""

import contextlib
import functools
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rlsys.errors import SandboxError
from verifiers.sandbox import protocol
from verifiers.sandbox.interface import Ending, Level, Limits, Outcome
from verifiers.sandbox.job import MEMORY_EXIT
from verifiers.sandbox.protocol import Cause, Report, Request

START_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 2.0
OVERDUE_S = 10.0
"""How long past its job's wall limit a zygote may be silent before it is given up."""
_ROOT = Path(__file__).resolve().parents[2]
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from verifiers.sandbox import zygote; "
    "sys.path.pop(0); zygote.main()"
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    # Each further arena reserves 64 MiB of the address space that a job may have (mallopt(3)).
    "MALLOC_ARENA_MAX": "1",
    # Addresses of library functions are looked up now, and not by each job in its own memory.
    "LD_BIND_NOW": "1",
    # A package that computes in threads would start one for each CPU, each with its own memory.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
_READ = 1 << 16


class Zygote:
    """A running zygote; not for several threads at once.

    Raises:
        SandboxError: it cannot set up the level, and why.
    """

    def __init__(self, level: Level, preload: Sequence[str], packages: str) -> None:
        """packages: as packages.parse takes them."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = (str(_ROOT), str(theirs.fileno()), level.value, ",".join(preload))
            program = [_interpreter(), "-I", "-S", "-X", "utf8", "-c", _BOOT]
            command = [*program, *arguments, packages]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.is_alive = True
        self._await_ready()

    @property
    def pid(self) -> int:
        """Process id of the program that was started."""
        return self._process.pid

    def _await_ready(self) -> None:
        self.control.settimeout(START_TIMEOUT_S)
        try:
            packet = self.control.recv(protocol.MAX_PACKET)
        except TimeoutError:
            packet = protocol.FAILED + f"no word in {START_TIMEOUT_S:g} s".encode()
        except ConnectionResetError:
            packet = b""
        self.control.settimeout(None)
        if packet == protocol.READY:
            return
        reason = packet[1:].decode("utf-8", "replace")
        self.kill()
        assert self._process.stderr is not None
        stderr = self._process.stderr.read().decode("utf-8", "replace").strip()
        last_line = stderr.rpartition("\n")[2]
        raise SandboxError(reason or last_line or "the interpreter ended without a word")

    def start(
        self, payload: bytes, stdin: bytes, limits: Limits, session: socket.socket | None
    ) -> "Job":
        """Have a job forked; the result is to be pumped to its end."""
        return Job(self, payload, stdin, limits, session)

    def kill(self) -> None:
        """End the zygote and its job; idempotent."""
        self.is_alive = False
        self.control.close()
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the zygote, which ends when its caller hangs up; idempotent."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=CLOSE_TIMEOUT_S)
        self.kill()
        if self._process.stderr is not None:
            self._process.stderr.close()


class Job:
    """A job under way: what it has written so far, and its report in the end."""

    def __init__(
        self,
        zygote: Zygote,
        payload: bytes,
        stdin: bytes,
        limits: Limits,
        session: socket.socket | None,
    ) -> None:
        self._zygote = zygote
        self._limits = limits
        self._room = int(limits.output_mb * 2**20)
        self._written: dict[int, bytearray] = {}
        self._report: Report | None = None
        self._poll = select.poll()
        self._began = time.monotonic()
        handed: list[int] = []
        try:
            handed.append(_memory_file(payload))
            handed.append(_memory_file(stdin) if stdin else os.open(os.devnull, os.O_RDONLY))
            handed += (self._pipe(), self._pipe())
            self._send(handed if session is None else [*handed, session.fileno()])
        finally:
            for fd in handed:
                os.close(fd)

    def _send(self, descriptors: list[int]) -> None:
        try:
            protocol.send(self._zygote.control, _request(self._limits), descriptors)
        except OSError as error:
            self._lose_zygote(f"the zygote is gone: {error.strerror}")
        else:
            self._poll.register(self._zygote.control, select.POLLIN)

    def _pipe(self) -> int:
        """The job's end of a new pipe, whose other end is read here."""
        ours, job_end = os.pipe()
        os.set_blocking(ours, False)
        self._written[ours] = bytearray()
        self._poll.register(ours, select.POLLIN)
        return job_end

    @property
    def is_over(self) -> bool:
        """Whether the job has ended and been reported."""
        return self._report is not None

    def watch(self, fd: int, events: int) -> None:
        """Have `step` wait for a descriptor, too; events 0: no longer."""
        if events:
            self._poll.register(fd, events)
        else:
            self._poll.unregister(fd)

    def step(self) -> dict[int, int]:
        """Wait for something to happen, take output and report in; ready descriptors."""
        left = self._began + self._limits.wall_s + OVERDUE_S - time.monotonic()
        ready = dict(self._poll.poll(max(0.0, left) * 1000))
        if not ready:
            self._lose_zygote("the zygote did not report in time")
        for fd in self._written.keys() & ready.keys():
            self._read(fd)
        if self._zygote.is_alive and self._zygote.control.fileno() in ready:
            self._receive_report()
        return ready

    def finish(self, stop: bool = False) -> Outcome:
        """Pump to the end of the job, or end it; its outcome."""
        if stop and not self.is_over:
            self._ask_to_kill()
        while not self.is_over:
            self.step()
        for fd in self._written:
            while self._room >= 0 and self._read(fd):
                pass
            os.close(fd)
        stdout, stderr = (bytes(data) for data in self._written.values())
        assert self._report is not None
        return _outcome(self._report, self._limits, self._room < 0, stdout, stderr)

    def _read(self, fd: int) -> bool:
        """Take what a pipe holds, up to the limit; false at its end."""
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return False
        if not data:
            self._forget(fd)
            return False
        self._written[fd] += data[: max(0, self._room)]
        self._room -= len(data)
        if self._room < 0:
            for pipe in self._written:
                self._forget(pipe)
            if not self.is_over:
                self._ask_to_kill()
        return True

    def _forget(self, pipe: int) -> None:
        """Wait for a pipe no more, whether or not it was waited for."""
        with contextlib.suppress(KeyError):
            self._poll.unregister(pipe)

    def _ask_to_kill(self) -> None:
        with contextlib.suppress(OSError):
            self._zygote.control.send(protocol.KILL)

    def _receive_report(self) -> None:
        try:
            packet = self._zygote.control.recv(protocol.MAX_PACKET)
        except ConnectionResetError:
            packet = b""
        if packet:
            self._report = Report.unpack(packet)
        else:
            self._lose_zygote("the zygote died")

    def _lose_zygote(self, reason: str) -> None:
        self._zygote.close()
        self._report = Report(Cause.SETUP, 0, time.monotonic() - self._began, 0.0, reason)


def _interpreter() -> str:
    """The interpreter below a virtual environment, which may be out of a job's reach."""
    return str(vars(sys)["_base_executable"])


@functools.lru_cache(maxsize=64)
def _request(limits: Limits) -> bytes:
    memory, tmp = int(limits.memory_mb * 2**20), int(limits.tmp_mb * 2**20)
    return Request(limits.wall_s, limits.cpu_s, memory, tmp, limits.threads).pack()


def _memory_file(data: bytes) -> int:
    """A file in memory that holds data, at its start."""
    fd = os.memfd_create("job", os.MFD_CLOEXEC)
    written = 0
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], written)
    return fd


def _outcome(
    report: Report, limits: Limits, is_too_long: bool, stdout: bytes, stderr: bytes
) -> Outcome:
    exit_code, number = None, None
    if report.cause is Cause.SETUP:
        ending = Ending.SETUP
        reason = report.reason or "killed from outside: the machine may be out of memory"
    elif is_too_long:
        ending, reason = Ending.OUTPUT, f"more than {limits.output_mb:.3g} MiB of output"
    elif report.cause is Cause.CPU:
        ending, reason = Ending.TIMEOUT, f"more than {limits.cpu_s:g} s of CPU time (cpu_s)"
    elif report.cause is Cause.WALL:
        ending, reason = Ending.TIMEOUT, f"more than {limits.wall_s:g} s (wall_s)"
    elif report.cause is Cause.ASKED or os.WIFSIGNALED(report.status):
        number = os.WTERMSIG(report.status) if os.WIFSIGNALED(report.status) else None
        ending, reason = Ending.CRASH, f"ended by signal {number}"
    elif os.WEXITSTATUS(report.status) == MEMORY_EXIT:
        ending, reason = Ending.MEMORY, f"more than {limits.memory_mb} MiB (memory_mb)"
    else:
        exit_code = os.WEXITSTATUS(report.status)
        last_line = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        ending = Ending.EXITED
        reason = f"exit status {exit_code}: {last_line[:300]}" if exit_code else ""
    return Outcome(ending, exit_code, number, stdout, stderr, report.wall_s, report.cpu_s, reason)
