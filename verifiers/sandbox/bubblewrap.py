"""The sandbox's profile for repositories: a whole tree and its tests under bubblewrap (bwrap(1)).

Tests of a repository need what the profile for single programs takes away: processes, a tree of
files, an environment of packages. So this one isolates by namespaces alone: no network, a read-only
root that holds only the system's libraries and what is named, private and size-limited /tmp and
/dev/shm, process ids of its own, no capabilities, no further user namespaces, and resource limits.
"""

import math
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsys.errors import SandboxError
from verifiers.sandbox.interface import Ending, Limits

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs")
_USER = 1000
_NOBODY = 65534
_KEPT_OUTPUT_BYTES = 16_384
_KILL_WAIT_S = 10.0

# Root would keep its rights on files inside a user namespace, and no limit of processes binds it.
# It becomes nobody first, for whom paths below private folders are bound to a stage beforehand.
_AS_NOBODY = """set -e
stage=$1; uid=$2; count=$3; shift 3
mount -t tmpfs -o mode=0755,size=1m tmpfs "$stage"
while [ "$count" -gt 0 ]; do
  count=$((count - 1))
  if [ -d "$1" ]; then mkdir "$stage/$count"; else : > "$stage/$count"; fi
  mount --rbind "$1" "$stage/$count"
  shift
done
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
"""


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


class Bubblewrap:
    """Runs commands in the repository profile.

    Raises:
        SandboxError: bwrap is not installed, or cannot make its namespaces here; says what is
            missing and how to get it.
    """

    def __init__(self) -> None:
        tools = ["bwrap", "prlimit"] + (["unshare", "mount", "setpriv"] if _is_root() else [])
        for tool in tools:
            if shutil.which(tool) is None:
                package = "bubblewrap" if tool == "bwrap" else "util-linux"
                raise SandboxError(
                    f"the repository sandbox needs {tool}, which is not on PATH; it comes with the "
                    f"package {package} (apt-get install {package}, or dnf install {package})"
                )
        self._stage = tempfile.TemporaryDirectory(prefix="rlsys-stage-")
        os.chmod(self._stage.name, 0o711)
        probe = self.run(
            ["true"], {}, {}, b"", Limits(wall_s=30.0, memory_mb=256), writable=("/work",)
        )
        if probe.exit_code != 0:
            self.close()
            raise SandboxError(
                f"the repository sandbox cannot start a process: {probe.output.strip()!r}. It "
                "needs user namespaces (sysctl kernel.unprivileged_userns_clone=1, or "
                "kernel.apparmor_restrict_unprivileged_userns=0), in a container the right to make "
                "them, and for root CAP_SYS_ADMIN: run as an ordinary user instead"
            )

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
            environment: the only variables that it will have.
            limits: of the shared ones, memory_mb is the address space and cpu_s the CPU time of
                each process, tmp_mb the size of each writable folder and of the largest file,
                threads counts processes, too, output_mb limits the report.
            writable: empty folders in memory; /tmp and /dev/shm always are.
        """
        message_out, message_in = os.pipe()
        report_out, report_in = os.pipe()
        began = time.monotonic()
        prefix, sources = self._stage_for(list(readable.values()))
        arguments = [
            *prefix,
            *_namespaces(environment),
            *_files(dict(zip(readable, sources, strict=True)), writable, limits.tmp_mb),
            *(
                "--",
                "prlimit",
                f"--cpu={math.ceil(limits.cpu_s)}",
                f"--as={limits.memory_mb << 20}",
                f"--nproc={limits.threads}",
            ),
            *(f"--fsize={limits.tmp_mb << 20}", "--core=0", "--nofile=1024", "--"),
            *(*command, str(message_out), str(report_in)),
        ]
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(message_out, report_in),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            start_new_session=True,
        )
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

    def close(self) -> None:
        """Remove the stage, an empty folder."""
        self._stage.cleanup()

    def _stage_for(self, sources: list[str]) -> tuple[list[str], list[str]]:
        """What stands before bwrap, and the paths at which bwrap will find the sources."""
        if not _is_root():
            return [], sources
        stage = self._stage.name
        before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _AS_NOBODY, "sh"]
        before += [stage, str(_NOBODY), str(len(sources)), *sources]
        return before, [f"{stage}/{i}" for i in reversed(range(len(sources)))]


def _is_root() -> bool:
    return os.geteuid() == 0


def _namespaces(environment: Mapping[str, str]) -> list[str]:
    variables = [part for item in environment.items() for part in ("--setenv", *item)]
    return [
        *("bwrap", "--die-with-parent", "--new-session", "--clearenv", *variables),
        *("--unshare-user", "--disable-userns", "--uid", str(_USER), "--gid", str(_USER)),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"),
    ]


def _files(sources: Mapping[str, str], writable: Sequence[str], disk_mb: int) -> list[str]:
    """The mounts, in order: a later one may lie inside an earlier one."""
    size = ("--size", str(disk_mb << 20))
    mounts = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            mounts += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            mounts += ["--ro-bind", str(path), str(path)]
    for setting in _SETTINGS:
        mounts += ["--ro-bind-try", setting, setting]
    mounts += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm", *writable):
        mounts += [*size, "--tmpfs", folder]
    for path_inside, source in sources.items():
        mounts += ["--ro-bind", source, path_inside]
    return [*mounts, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]


def _write_all(descriptor: int, message: bytes) -> None:
    """A command that ends without reading everything is no error."""
    try:
        with open(descriptor, "wb") as pipe:
            pipe.write(message)
    except BrokenPipeError:
        return


def _read_both(
    process: subprocess.Popen[bytes], report_out: int, deadline: float, most: int
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
    """bwrap reports a signal's number above 128, as a shell does."""
    return Ending.EXITED if 0 <= code <= 128 else Ending.CRASH


def _ends_by(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(0.05, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL bwrap; its first process inside dies with it, and with that one the namespace."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(_KILL_WAIT_S)
    assert process.stdout is not None
    process.stdout.close()
