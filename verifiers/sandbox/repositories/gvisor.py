"""The sandbox's stronger profile for repositories: a tree and its tests under gVisor's runsc.

gVisor is a kernel in user space: no system call of a test reaches the host's. No image is needed:
the root is an empty folder with the system's libraries and what is named bound into it. runsc hands
over the standard streams alone, so stdin bears the message and stderr the report, and a shell moves
both to other descriptors before the command starts.
"""

import dataclasses
import json
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

_BEGUN = b"begun\n"
"""What the container writes into the report first; before it, stderr is that of runsc."""
_MOVE_STREAMS = 'exec 3<&0 4>&2 0</dev/null 2>&1; echo begun >&4; exec "$@" 3 4'
_PLATFORMS = ("systrap", "ptrace")
"""Ways to catch system calls, fastest first, that need no device; old versions lack systrap."""
_PROBE_LIMITS = Limits(wall_s=30.0, memory_mb=256)
# All processes of one run, those of runsc included, are in a namespace that ends with its first.
_IN_NAMESPACE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child")


class Gvisor:
    """The RepositorySandbox of runsc.

    Raises:
        SandboxError: the user is not root, runsc is not installed, or it cannot start a process
            here; says what is missing and how to get it.
    """

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise SandboxError(
                "the repository sandbox gvisor needs root, which runsc prepares its namespaces as; "
                "an ordinary user can have isolation=bubblewrap"
            )
        runsc = "the package runsc (apt-get install runsc), or from https://gvisor.dev/docs"
        util_linux = "the package util-linux (apt-get or dnf install util-linux)"
        require_tools({"runsc": runsc, "setpriv": util_linux, "unshare": util_linux})
        self._platform = _working_platform()

    def run(
        self,
        command: Sequence[str],
        readable: Mapping[str, str],
        environment: Mapping[str, str],
        message: bytes,
        limits: Limits,
        writable: Sequence[str] = (),
    ) -> RepositoryRun:
        """As RepositorySandbox says; HOME is set where environment has none."""
        process = _process(command, environment, limits)
        mounts = _mounts(readable, writable, limits.tmp_mb)
        return _run(self._platform, process, mounts, message, limits)

    def close(self) -> None:
        """Each run has removed its own folder."""


def _working_platform() -> str:
    said = []
    for platform in _PLATFORMS:
        process = _process(["true"], {"PATH": os.defpath}, _PROBE_LIMITS)
        try:
            probe = _run(platform, process, _mounts({}, (), 1), b"", _PROBE_LIMITS)
        except SandboxError as error:
            said.append(str(error))
            continue
        if probe.exit_code == 0:
            return platform
        said.append(f"{platform}: {probe.ending}, status {probe.exit_code}")
    raise SandboxError(
        f"the repository sandbox gvisor cannot start a process: {'; '.join(said)[-600:]}. It needs "
        "CAP_SYS_ADMIN and the right to trace and to make namespaces (in a container: "
        "--privileged); isolation=bubblewrap needs less"
    )


def _run(
    platform: str,
    process: Mapping[str, object],
    mounts: Sequence[Mapping[str, object]],
    message: bytes,
    limits: Limits,
) -> RepositoryRun:
    """Run an OCI process in a container of its own.

    Raises:
        SandboxError: the container did not begin, or runsc logged an error of its own, which it
            does when it fails, not when the process does.
    """
    with tempfile.TemporaryDirectory(prefix="rlsys-gvisor-") as folder:
        _write_bundle(Path(folder), process, mounts)
        log = Path(folder, "log")
        arguments = [
            *(*_IN_NAMESPACE, "--mount-proc", "runsc", "--root", f"{folder}/state"),
            *("--log", str(log), "--network=none", f"--platform={platform}", "--ignore-cgroups"),
            *("run", "--bundle", folder, "repository"),
        ]

        def start(message_out: int, report_in: int) -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                arguments,
                stdin=message_out,
                stdout=subprocess.PIPE,
                stderr=report_in,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
                umask=0o022,  # of the folders in which runsc mounts
            )

        most = limits.output_mb + len(_BEGUN) / (1 << 20)
        done = supervise(start, message, dataclasses.replace(limits, output_mb=most))
        errors = log.read_text(errors="replace") if log.exists() else ""
    if errors or not done.report.startswith(_BEGUN):
        said = errors or done.report.decode(errors="replace").strip() or "it said nothing"
        raise SandboxError(
            f"gVisor failed on platform {platform} ({done.ending} after {done.wall_s:.1f} s): "
            f"{said[:400]}"
        )
    return dataclasses.replace(done, report=done.report.removeprefix(_BEGUN))


def _write_bundle(
    folder: Path, process: Mapping[str, object], mounts: Sequence[Mapping[str, object]]
) -> None:
    """An OCI bundle (github.com/opencontainers/runtime-spec): config.json and the root."""
    root = folder / "root"
    root.mkdir()
    root.chmod(0o755)
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            (root / path.name).symlink_to(os.readlink(path))
    spaces = ("pid", "network", "ipc", "uts", "mount")
    config = {
        "ociVersion": "1.0.0",
        "process": process,
        "root": {"path": "root", "readonly": True},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {"namespaces": [{"type": space} for space in spaces]},
    }
    (folder / "config.json").write_text(json.dumps(config))


def _process(
    command: Sequence[str], environment: Mapping[str, str], limits: Limits
) -> dict[str, object]:
    most = {
        "RLIMIT_AS": limits.memory_mb << 20,
        "RLIMIT_CPU": math.ceil(limits.cpu_s),
        "RLIMIT_FSIZE": limits.tmp_mb << 20,
        "RLIMIT_NPROC": limits.threads,
        "RLIMIT_NOFILE": NUM_DESCRIPTORS,
        "RLIMIT_CORE": 0,
    }
    return {
        "user": {"uid": USER, "gid": USER},
        "args": ["/bin/sh", "-c", _MOVE_STREAMS, "sh", *command],
        "env": [f"{name}={value}" for name, value in environment.items()],
        "cwd": "/tmp",
        "noNewPrivileges": True,
        "capabilities": {},
        "rlimits": [{"type": name, "soft": size, "hard": size} for name, size in most.items()],
    }


def _mounts(
    readable: Mapping[str, str], writable: Sequence[str], disk_mb: int
) -> list[dict[str, object]]:
    folders = [path for path in SYSTEM if not os.path.islink(path) and os.path.isdir(path)]
    shown = {path: path for path in ("/usr", *folders, *SETTINGS) if os.path.exists(path)}
    mounts = [_mount("proc", "proc", "/proc")]
    for path in ("/tmp", "/dev/shm", *writable):
        mounts.append(_mount("tmpfs", "tmpfs", path, f"size={disk_mb << 20}", "mode=1777"))
    for path, source in {**shown, **readable}.items():
        mounts.append(_mount("bind", os.path.realpath(source), path, "rbind", "ro"))
    return mounts


def _mount(kind: str, source: str, path: str, *options: str) -> dict[str, object]:
    return {"destination": path, "type": kind, "source": source, "options": options}
