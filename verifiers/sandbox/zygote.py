"""The program that forks jobs; started by client.py as `python -I -S`, never a fork of the caller.

    caller  <-- packets (protocol.py) -->  zygote  --fork-->  job, PID 1 of its own namespace

It prepares namespaces, root and rules once. Per job it makes a PID namespace, forks, watches the
deadlines and reports the end. It reads nothing of a job and tells a job nothing of another; when
its caller is gone, so are it and its job.
"""

import _random
import _sitebuiltins
import builtins
import dataclasses
import functools
import gc
import importlib
import os
import platform
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

from verifiers.sandbox import filters, job, judge_machine, kernel, packages, protocol, view
from verifiers.sandbox.protocol import Cause, Request, pack_report

STRONG, RESTRICTED = "strong", "restricted"
LANDLOCK_VERSION_ALONE = 3
"""Before it, Landlock lets a job truncate files: too little where it stands alone."""
DROPPED_ID = 65533
"""User and group of root's jobs: nobody's, and among the 65,536 of a rootless container."""
_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
    | kernel.CLONE_NEWPID
)
_SEED_BYTES = 32
_RANDOM: random.Random = vars(random)["_inst"]
"""What the module's functions draw from."""
_CPU_LOOK_S = 0.01
"""Shortest time between two looks at a job's CPU clock."""


def main() -> None:
    """Serve the caller at the other end of descriptor argv[1], at the level argv[2], with the
    modules argv[3] imported and the packages argv[4] to be had."""
    del os.environ["LD_BIND_NOW"]  # of no use to jobs
    control = _control(int(sys.argv[1]))
    level, preload = sys.argv[2], sys.argv[3].split(",") if sys.argv[3] else []
    for name in ("exit", "quit"):
        vars(builtins)[name] = _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)")
    try:
        for name in preload:
            importlib.import_module(name)
        zygote = _prepare(control, level, packages.parse(sys.argv[4]))
    except (OSError, ImportError, ValueError) as error:
        control.send(protocol.FAILED + str(error).encode()[:1000])
        return
    control.send(protocol.READY)
    zygote.serve()
    os._exit(0)


def _control(fd: int) -> socket.socket:
    """The caller's socket, at the one place that a job's own descriptors may take from it."""
    if fd != job.SESSION_FD:
        os.dup2(fd, job.SESSION_FD, inheritable=False)
        os.close(fd)
    return socket.socket(fileno=job.SESSION_FD)


def _prepare(control: socket.socket, level: str, located: dict[str, str]) -> "Zygote":
    """All that jobs share. At level strong the rest of the program is a child, PID 1 of its own
    namespace: with it die all jobs."""
    if platform.machine() not in filters.INNER:
        raise OSError(0, f"no seccomp filter for {platform.machine()}")
    with open("/proc/self/statm") as file:
        base_memory = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    judge_machine.install(base_memory)
    shown = view.of_this_interpreter(packages.shown_paths(located))
    packages.make_importable(located, packages.FOLDER if level == STRONG else None)
    if level == STRONG:
        _enter_namespaces(shown)
        _become_first_process(control)
        socket.sethostname("sandbox")
    elif _can_drop_root():
        _drop_root()
    rules = None
    if level in (STRONG, RESTRICTED):
        version = kernel.landlock_version()
        if level == RESTRICTED and version < LANDLOCK_VERSION_ALONE:
            raise OSError(0, f"Landlock of version {version}, needs {LANDLOCK_VERSION_ALONE}")
        rules = functools.partial(view.landlock_rules, shown, level == STRONG, version)
    return Zygote(control, job.Confinement(base_memory, None, level == STRONG), rules)


def _enter_namespaces(shown: view.View) -> None:
    """As root: the new root first, for the interpreter may lie where only root can look; then
    another user, whose namespace has no right over root's files."""
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    is_root = _can_drop_root()
    if is_root:
        kernel.unshare(kernel.CLONE_NEWNS)
        view.enter_new_root(shown)
        _drop_root()
        kernel.be_dumpable()
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(_NAMESPACES)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        fd = os.open(f"self/{name}", os.O_WRONLY, dir_fd=proc)
        os.write(fd, text.encode())
        os.close(fd)
    os.close(proc)
    if is_root:
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    else:
        view.enter_new_root(shown)


def _can_drop_root() -> bool:
    """Whether this is root and may become DROPPED_ID: not so where a user namespace maps root
    alone, and there root is some ordinary user outside."""
    with open("/proc/self/uid_map") as file:
        ranges = [tuple(map(int, line.split())) for line in file]
    is_mapped = any(inside <= DROPPED_ID < inside + count for inside, _, count in ranges)
    return os.geteuid() == 0 and is_mapped


def _drop_root() -> None:
    os.setgroups([])
    os.setresgid(DROPPED_ID, DROPPED_ID, DROPPED_ID)
    os.setresuid(DROPPED_ID, DROPPED_ID, DROPPED_ID)


def _become_first_process(control: socket.socket) -> None:
    """Fork into the new PID namespace; the parent stays, to be waited for."""
    child = os.fork()
    if child == 0:
        kernel.perform((kernel.die_with_parent(),))
        return
    control.close()
    os.waitpid(child, 0)
    os._exit(0)


class Zygote:
    """Forks one job at a time."""

    def __init__(
        self,
        control: socket.socket,
        confinement: job.Confinement,
        rules: Callable[[], int] | None,
    ) -> None:
        is_strong = confinement.is_strong
        self._control = control
        self._rules = rules
        self._confinement = confinement if is_strong else _with_rules(confinement, rules)
        self._tmp = _PrivateTmp() if is_strong else None
        self._fork = kernel.Fork(kernel.CLONE_NEWPID if is_strong else 0)
        self._preparation = job.Preparation((), None)
        self._request = Request(0.0, 0.0, 0, 0, 0)
        self._prepared_for = b""
        # Written by a job that is set up, before anything of the candidate's runs.
        self._set_up, self._say_set_up = os.pipe()
        os.set_blocking(self._set_up, False)

    def serve(self) -> None:
        """Run jobs until the caller hangs up."""
        job.open_standard_streams()
        job.rehearse()
        job.confine_zygote(self._confinement.is_strong)
        gc.collect()
        gc.disable()
        gc.freeze()
        while True:
            packet, descriptors = protocol.receive(self._control)
            if not packet:
                return
            if packet == protocol.KILL:
                continue
            report = self._run(packet, descriptors)
            try:
                self._control.send(report)
            except (BrokenPipeError, ConnectionResetError):
                return
            # After the report: the caller waits for that, and would wake up for each of these.
            for fd in descriptors:
                os.close(fd)

    def _run(self, packet: bytes, descriptors: Sequence[int]) -> bytes:
        """Run one job; its report."""
        began = time.monotonic()
        try:
            self._prepare(packet)
            # The job's random numbers, done here, where no page is copied for it.
            _random.Random.seed(_RANDOM, int.from_bytes(os.urandom(_SEED_BYTES)))
            pid = self._fork()
        except OSError as error:
            return pack_report(Cause.SETUP, 0, 0.0, 0.0, str(error))
        if pid == 0:
            self._become_job(descriptors)
        cause = self._watch(pid, began)
        _, status, usage = os.wait4(pid, 0)
        os.close(self._fork.descriptor)
        cpu_s = usage.ru_utime + usage.ru_stime
        wall_s = time.monotonic() - began
        said = self._what_it_said()
        if said != b"R":
            what = "took all its time" if cause is Cause.WALL else "died"
            reason = said[1:].decode("utf-8", "replace") or f"the job {what} while it was set up"
            return pack_report(Cause.SETUP, status, wall_s, cpu_s, reason)
        if cause is Cause.ENDED and os.WIFSIGNALED(status):
            cause = _cause_of_signal(os.WTERMSIG(status), cpu_s >= self._request.cpu_s)
        return pack_report(cause, status, wall_s, cpu_s)

    def _prepare(self, packet: bytes) -> None:
        """For a job with a request's limits; those of the last one are mostly the same."""
        if packet != self._prepared_for:
            self._prepared_for = b""
            self._request = Request.unpack(packet)
        if self._tmp is not None and self._tmp.renew(self._request.tmp):
            # Landlock's rules are for files, not for names: a new /tmp needs new ones.
            self._confinement = _with_rules(self._confinement, self._rules)
            self._prepared_for = b""
        if not self._prepared_for:
            self._preparation = job.prepare(self._confinement, self._request)
            self._prepared_for = packet

    def _become_job(self, descriptors: Sequence[int]) -> None:
        """Never returns. The order matters: payload read, confined, the filter, said so."""
        say = self._say_set_up
        try:
            payload = _read_all(descriptors[protocol.PAYLOAD_FD])
            # They have none of the places 0 to 3, which are the zygote's own streams and control.
            job.enter(self._preparation, descriptors[1:], say)
        except BaseException as error:
            # Whatever it was, the candidate has not run, and must not run in half a sandbox.
            os.write(say, b"F" + str(error).encode()[:500])
            os._exit(1)
        job.run(payload)

    def _watch(self, pid: int, began: float) -> Cause:
        """Wait for the job's end, or make it.

        It waits at once: each page that is touched while the job lives is copied.
        """
        request = self._request
        # No look at the CPU clock before one thread can have spent the limit.
        wait = min(request.wall_s, request.cpu_s)
        ended, asked = self._fork.descriptor, job.SESSION_FD
        while True:
            ready = select.select((ended, asked), (), (), wait)[0]
            if ended in ready:
                return Cause.ENDED
            wall_left = began + request.wall_s - time.monotonic()
            cpu_left = request.cpu_s - _cpu_s(pid)
            if ready or wall_left <= 0 or cpu_left <= 0:
                break
            wait = min(wall_left, max(cpu_left, _CPU_LOOK_S))
        os.kill(pid, signal.SIGKILL)
        if ready:
            self._control.recv(protocol.MAX_PACKET)
            return Cause.ASKED
        return Cause.WALL if wall_left <= 0 else Cause.CPU

    def _what_it_said(self) -> bytes:
        try:
            return os.read(self._set_up, protocol.MAX_PACKET)
        except BlockingIOError:
            return b""


def _with_rules(confinement: job.Confinement, rules: Callable[[], int] | None) -> job.Confinement:
    """The confinement with Landlock's rules made anew, where there are any."""
    if confinement.ruleset is not None:
        os.close(confinement.ruleset)
    return dataclasses.replace(confinement, ruleset=rules() if rules else None)


class _PrivateTmp:
    """A file system in memory for one job after the other: the next one finds it as new."""

    def __init__(self) -> None:
        self._size = 0
        self._fresh: tuple[int, ...] = ()

    def renew(self, size: int) -> bool:
        """Mount another one and say so, unless this one has the size wanted and was never changed:
        what is made, removed or renamed in it, or done to it, shows in its inode."""
        if size == self._size and self._look() == self._fresh:
            return False
        if self._size:
            kernel.unmount("/tmp")
            self._size = 0
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("tmp", "/tmp", "tmpfs", flags, f"mode=700,size={size},nr_inodes=4096")
        os.chdir("/tmp")
        self._size = size
        self._fresh = self._look()
        return True

    @staticmethod
    def _look() -> tuple[int, ...]:
        folder = os.stat("/tmp")
        # tmpfs counts a folder's entries in its size; times alone may be too coarse to differ.
        times = (folder.st_mtime_ns, folder.st_ctime_ns)
        return (folder.st_mode, folder.st_nlink, folder.st_size, *times)


def _cause_of_signal(number: int, spent: bool) -> Cause:
    """A job cannot send itself SIGKILL (generate_filters.py), so it came from RLIMIT_CPU or from
    the machine, which is no verdict."""
    if number in (signal.SIGKILL, signal.SIGXCPU) and spent:
        return Cause.CPU
    return Cause.SETUP if number == signal.SIGKILL else Cause.ENDED


def _cpu_s(pid: int) -> float:
    try:
        return time.clock_gettime(kernel.cpu_clock(pid))
    except OSError:
        return 0.0  # ended just now


def _read_all(fd: int) -> bytes:
    return os.pread(fd, os.lseek(fd, 0, os.SEEK_END), 0)
