"""The sandbox's profile for repositories: a whole tree and its tests under bubblewrap (bwrap(1)).

Tests of a repository need what the profile for single programs takes away: processes, a tree of
files, an environment of packages. So this one isolates by namespaces alone: no network, a read-only
root that holds only the system's libraries and what is named, private and size-limited /tmp and
/dev/shm, process ids of its own, no capabilities, no further user namespaces, and resource limits.
"""

import math
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlsys.errors import SandboxError
from verifiers.sandbox.interface import Limits
from verifiers.sandbox.repositories.interface import (
    NUM_DESCRIPTORS,
    SETTINGS,
    SYSTEM,
    USER,
    RepositoryRun,
    require_tools,
    supervise,
)

_NOBODY = 65534

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


class Bubblewrap:
    """The RepositorySandbox of bwrap.

    Raises:
        SandboxError: bwrap is not installed, or cannot make its namespaces here; says what is
            missing and how to get it.
    """

    def __init__(self) -> None:
        util_linux = "the package util-linux (apt-get or dnf install util-linux)"
        tools = ["prlimit", *(("unshare", "mount", "setpriv") if _is_root() else ())]
        bwrap = "the package bubblewrap (apt-get install bubblewrap, or dnf install bubblewrap)"
        require_tools({"bwrap": bwrap} | dict.fromkeys(tools, util_linux))
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
        """As RepositorySandbox says; environment holds the only variables that there will be."""
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
            *(f"--fsize={limits.tmp_mb << 20}", "--core=0", f"--nofile={NUM_DESCRIPTORS}", "--"),
            *command,
        ]

        def start(message_out: int, report_in: int) -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [*arguments, str(message_out), str(report_in)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(message_out, report_in),
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )

        return supervise(start, message, limits)

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
        *("--unshare-user", "--disable-userns", "--uid", str(USER), "--gid", str(USER)),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL"),
    ]


def _files(sources: Mapping[str, str], writable: Sequence[str], disk_mb: int) -> list[str]:
    """The mounts, in order: a later one may lie inside an earlier one."""
    size = ("--size", str(disk_mb << 20))
    mounts = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            mounts += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            mounts += ["--ro-bind", str(path), str(path)]
    for setting in SETTINGS:
        mounts += ["--ro-bind-try", setting, setting]
    mounts += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm", *writable):
        mounts += [*size, "--tmpfs", folder]
    for path_inside, source in sources.items():
        mounts += ["--ro-bind", source, path_inside]
    return [*mounts, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
