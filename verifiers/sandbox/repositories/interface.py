"""What a sandbox for repositories does for its callers, and what all such sandboxes have in common.

The command's message, report and output are three pipes. They are read together, with a limit on
what is kept of each and one deadline for all.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rlsys.errors import SandboxError
from verifiers.sandbox.interface import Ending, Limits

SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Folders, or links into /usr, that a system's programs need beside /usr."""
SETTINGS = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs")
USER = 1000
"""User and group that the command sees itself as."""
NUM_DESCRIPTORS = 1024
_KEPT_OUTPUT_BYTES = 16_384
_KILL_WAIT_S = 10.0


@dataclass(frozen=True)
class RepositoryRun:
    """What became of one run."""

    ending: Ending
    """EXITED, TIMEOUT, or CRASH when a signal ended it."""
    exit_code: int | None
    """For EXITED, else None."""
    report: bytes
    """All that was written to the report's descriptor, up to limits.output_mb."""
    output: str
    """The end of standard output and error together, for people."""
    wall_s: float


class RepositorySandbox(Protocol):
    """Runs commands on a tree of files, without a network. Several threads may use it."""

    def run(
        self,
        command: Sequence[str],
        readable: Mapping[str, str],
        environment: Mapping[str, str],
        message: bytes,
        limits: Limits,
        writable: Sequence[str] = (),
    ) -> RepositoryRun:
        """Run a command until it ends or its deadline passes; nothing of it is left afterwards.

        Args:
            command: its last two arguments will be the descriptors from which it can read
                `message` and to which it can write a report. Neither is inherited from anything
                that the command can see later, and what was read cannot be read again.
            readable: paths in the sandbox and the host's files or folders shown there, read-only.
            environment: the variables that it will have.
            limits: of the shared ones, memory_mb is the address space and cpu_s the CPU time of
                each process, tmp_mb the size of each writable folder and of the largest file,
                threads counts processes, too, output_mb limits the report.
            writable: empty folders in memory; /tmp and /dev/shm always are.

        Raises:
            SandboxError: the sandbox failed; says nothing about the command.
        """
        ...

    def close(self) -> None:
        """Remove what the sandbox keeps on disk."""
        ...


def require_tools(sources: Mapping[str, str]) -> None:
    """Check for programs, given with how to get each.

    Raises:
        SandboxError: one is not on PATH.
    """
    for tool, source in sources.items():
        if shutil.which(tool) is None:
            raise SandboxError(
                f"the repository sandbox needs {tool}, which is not on PATH; it comes with {source}"
            )


def supervise(
    start: Callable[[int, int], "subprocess.Popen[bytes]"], message: bytes, limits: Limits
) -> RepositoryRun:
    """Start a process, give it its message, read from it to its end or deadline, and kill it.

    Args:
        start: makes the process, in a session of its own and with its output in a pipe, from the
            descriptors that the message is read from and the report is written to. The process
            has one child, whose death ends all that runs in the sandbox.
    """
    message_out, message_in = os.pipe()
    report_out, report_in = os.pipe()
    began = time.monotonic()
    process = start(message_out, report_in)
    os.close(message_out)
    os.close(report_in)
    writer = threading.Thread(target=_write_all, args=(message_in, message), daemon=True)
    writer.start()
    try:
        most = int(limits.output_mb * (1 << 20))
        report, output, in_time = _read_both(process, report_out, began + limits.wall_s, most)
    finally:
        _kill(process)
        writer.join(_KILL_WAIT_S)
        os.close(report_out)
    ending = _ending(process.returncode) if in_time else Ending.TIMEOUT
    return RepositoryRun(
        ending=ending,
        exit_code=process.returncode if ending is Ending.EXITED else None,
        report=report,
        output=output.decode(errors="replace"),
        wall_s=time.monotonic() - began,
    )


def _write_all(descriptor: int, message: bytes) -> None:
    """A command that ends without reading everything is no error."""
    try:
        with open(descriptor, "wb") as pipe:
            pipe.write(message)
    except BrokenPipeError:
        return


def _read_both(
    process: "subprocess.Popen[bytes]", report_out: int, deadline: float, most: int
) -> tuple[bytes, bytes, bool]:
    """The report, the end of the output, and whether both ended before the deadline."""
    assert process.stdout is not None
    output_out = process.stdout.fileno()
    contents = {report_out: b"", output_out: b""}
    with selectors.DefaultSelector() as selector:
        for descriptor in contents:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                return contents[report_out], contents[output_out], False
            for key, _ in ready:
                part = os.read(key.fd, 65536)
                if not part:
                    selector.unregister(key.fd)
                contents[key.fd] += part
                contents[output_out] = contents[output_out][-_KEPT_OUTPUT_BYTES:]
                contents[report_out] = contents[report_out][:most]
            if time.monotonic() > deadline:
                return contents[report_out], contents[output_out], False
    return contents[report_out], contents[output_out], _ends_by(process, deadline)


def _ending(code: int) -> Ending:
    """A signal's number is reported above 128, as a shell does."""
    return Ending.EXITED if 0 <= code <= 128 else Ending.CRASH


def _ends_by(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    try:
        process.wait(max(0.05, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL, to the child first: the process is then waited for until the child's process
    namespace is empty. Again and again, since a child may be one that only prepares the next."""
    deadline = time.monotonic() + _KILL_WAIT_S
    while process.poll() is None and time.monotonic() < deadline:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        if not children:
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    process.wait(0)
    assert process.stdout is not None
    process.stdout.close()
