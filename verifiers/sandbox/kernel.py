"""The system calls that Python's library does not have, by ctypes.

Constants are those of the man pages named beside them. Calls newer than glibc 2.28 go by number:
from 424 on, Linux numbers are the same on every architecture.
"""

import ctypes
import os
import platform
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

from verifiers.parent import PR_SET_PDEATHSIG

_LIBC = ctypes.CDLL(None, use_errno=True)
_SYSCALL_HOLDING_GIL = ctypes.PyDLL(None, use_errno=True).syscall

CLONE_NEWNS = 0x00020000  # unshare(2)
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_PIDFD = 0x00001000  # clone(2)
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_CLONE = {"x86_64": 56, "aarch64": 220}

MS_RDONLY = 0x1  # mount(2)
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2  # umount(2)

_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_TID_ADDRESS = 40
_SECCOMP_MODE_FILTER = 2  # seccomp(2)
_CAPABILITY_VERSION_3 = 0x20080522  # capset(2)

_OPEN_TREE = 428
_MOVE_MOUNT = 429
_CLOSE_RANGE = 436
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 0x1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOUNT_ATTR_RDONLY = 0x1
_MOUNT_ATTR_NOSUID = 0x2

PID_PLACEHOLDER = 0x5AFEB0D1
"""Stands in the compiled filters where the job's process id belongs."""


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _call(what: str, number: int, *arguments: object) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *words), what)


# --- namespaces and mounts -------------------------------------------------------------------


def unshare(flags: int) -> None:
    """unshare(2)."""
    _checked(_LIBC.unshare(flags), f"unshare({flags:#x})")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = [source.encode(), target.encode(), kind.encode()]
    result = _LIBC.mount(*arguments, ctypes.c_ulong(flags), data.encode())
    _checked(result, f"mount({kind} on {target})")


def unmount(target: str) -> None:
    """umount2(2) with MNT_DETACH."""
    _checked(_LIBC.umount2(target.encode(), MNT_DETACH), f"umount2({target})")


def pivot_root_here() -> None:
    """Make the working directory the root, and let go of the old one: pivot_root(2), NOTES."""
    _checked(_LIBC.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def clone_tree(path: str) -> int:
    """A detached, read-only copy of the mounts at path (open_tree(2), mount_setattr(2))."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    tree = _call(f"open_tree({path})", _OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags)
    _set_mount_flags(tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, path)
    return tree


def attach_tree(tree: int, target: str) -> None:
    """move_mount(2)."""
    arguments = (tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    _call(f"move_mount({target})", _MOVE_MOUNT, *arguments)


def make_read_only(path: str) -> None:
    """Set one mount, without those below it, read-only."""
    _set_mount_flags(_AT_FDCWD, os.fsencode(path), 0, path)


def _set_mount_flags(folder: int, path: bytes, flags: int, shown: str) -> None:
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
    wanted = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    what = f"mount_setattr({shown})"
    _call(what, _MOUNT_SETATTR, folder, path, flags, ctypes.byref(wanted), ctypes.sizeof(wanted))


# --- forking ---------------------------------------------------------------------------------


class Fork:
    """clone(2) without a new stack, as fork(2) is made of it; for a process of one thread.

    There nothing needs what os.fork does around the call: locks that no other thread holds, and
    hooks that touch, and so copy, a third of a small job's pages. The C library's own record of
    the thread's id is set by the kernel, as its fork has it done.

    Raises:
        OSError: the kernel does not tell where that record is.
    """

    def __init__(self, flags: int) -> None:
        """flags: CLONE_NEWPID, or 0."""
        self._pidfd = ctypes.c_int(-1)
        wanted = flags | _CLONE_PIDFD | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
        # The record's place is the fourth argument or the fifth, by architecture; the other one
        # is not looked at.
        record, none = _thread_id_record(), ctypes.c_void_p(None)
        number = ctypes.c_long(_CLONE[platform.machine()])
        pidfd = ctypes.byref(self._pidfd)
        self._arguments = (number, ctypes.c_long(wanted), none, pidfd, record, record)

    @property
    def descriptor(self) -> int:
        """Of the last child, ready to be read when it has ended (pidfd_open(2))."""
        return self._pidfd.value

    def __call__(self) -> int:
        """The child's process id; 0 in the child."""
        return _checked(_SYSCALL_HOLDING_GIL(*self._arguments), "clone")


def _thread_id_record() -> ctypes.c_void_p:
    """Where the C library keeps this thread's id (set_tid_address(2), prctl(2))."""
    address, zero = ctypes.c_void_p(), ctypes.c_ulong(0)
    result = _LIBC.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), zero, zero, zero)
    _checked(result, "prctl(PR_GET_TID_ADDRESS)")
    return address


# --- a process's own state -------------------------------------------------------------------


class Step(NamedTuple):
    """A system call with its arguments made: what a job does right after its fork touches as few
    pages as can be, for each one is copied."""

    name: str
    function: Callable[..., int]
    arguments: tuple[Any, ...]


def perform(steps: tuple[Step, ...]) -> None:
    """Make the calls in order; the first that fails is the error."""
    for name, function, arguments in steps:
        if function(*arguments) < 0:
            _checked(-1, name)


def die_with_parent() -> Step:
    """SIGKILL when the parent's thread ends: PR_SET_PDEATHSIG (prctl(2))."""
    return _prctl(PR_SET_PDEATHSIG, 9)


def limit(kind: int, soft: int, hard: int) -> Step:
    """setrlimit(2); kind is one of the resource module's."""
    limits = (ctypes.c_uint64 * 2)(soft % 2**64, hard % 2**64)
    return Step(f"setrlimit({kind})", _LIBC.setrlimit, (kind, ctypes.byref(limits)))


def be_dumpable() -> None:
    """Own one's files in /proc again after a change of user: PR_SET_DUMPABLE."""
    perform((_prctl(_PR_SET_DUMPABLE, 1),))


def close_from(first: int) -> None:
    """close_range(2), up to the last descriptor."""
    _call("close_range", _CLOSE_RANGE, first, 0xFFFFFFFF, 0)


def drop_capabilities() -> Step:
    """Empty the effective, permitted and inheritable sets for good (capset(2))."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return Step("capset", _LIBC.capset, (ctypes.byref(header), ctypes.byref(nothing)))


def forbid_new_privileges() -> Step:
    """PR_SET_NO_NEW_PRIVS; Landlock and seccomp ask for it."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


class _Program(ctypes.Structure):
    """struct sock_fprog (seccomp(2))."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_system_calls(compiled: bytes, pid: int = 0) -> Step:
    """Load a seccomp filter, with the process's id in place of PID_PLACEHOLDER, where that is."""
    own = compiled.replace(_word(PID_PLACEHOLDER), _word(pid))
    program = _Program(len(own) // 8, own)
    return _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def _word(value: int) -> bytes:
    return bytes(ctypes.c_uint32(value))


def _prctl(option: int, value: int, pointer: object = None) -> Step:
    zero = ctypes.c_ulong(0)
    arguments = (option, ctypes.c_ulong(value), pointer or zero, zero, zero)
    return Step(f"prctl({option})", _LIBC.prctl, arguments)


def cpu_clock(pid: int) -> int:
    """The CPU-time clock of a process (clock_getcpuclockid(3))."""
    clock = ctypes.c_int()
    _checked(-_LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)), "clock_getcpuclockid")
    return clock.value


# --- Landlock (landlock(7)) ------------------------------------------------------------------

LANDLOCK_WRITE_FILE = 1 << 1
LANDLOCK_READ_FILE = 1 << 2
LANDLOCK_READ_DIR = 1 << 3
LANDLOCK_TRUNCATE = 1 << 14
LANDLOCK_ALL_V1 = (1 << 13) - 1
_LANDLOCK_REFER = 1 << 13
_LANDLOCK_IOCTL_DEV = 1 << 15
_LANDLOCK_CHANGES = 0x3 << 7 | 0x3 << 4 | 1 << 12  # make_dir, make_reg, remove_*, make_sym


def landlock_version() -> int:
    """The kernel's Landlock ABI.

    Raises:
        OSError: there is none, or it is switched off.
    """
    version_flag = 1
    return _call("landlock", _LANDLOCK_CREATE_RULESET, ctypes.c_void_p(None), 0, version_flag)


def landlock_ruleset(version: int) -> int:
    """A ruleset that handles all that this version knows: files, TCP, signals, sockets by name."""
    files = LANDLOCK_ALL_V1
    for since, right in ((2, _LANDLOCK_REFER), (3, LANDLOCK_TRUNCATE), (5, _LANDLOCK_IOCTL_DEV)):
        if version >= since:
            files |= right
    # struct landlock_ruleset_attr: handled_access_fs, handled_access_net, scoped
    attributes = (ctypes.c_uint64 * 3)(files, 0x3 if version >= 4 else 0, 0x3)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    what = "landlock_create_ruleset"
    return _call(what, _LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), size, 0)


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_allow(ruleset: int, path: str, access: int) -> None:
    """Allow access to a file, or to a folder and all below it."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(access, fd)
        what = f"landlock_add_rule({path})"
        _call(what, _LANDLOCK_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    finally:
        os.close(fd)


def landlock_writing(version: int) -> int:
    """Rights for a folder of one's own: reading, writing, making and removing."""
    access = LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | _LANDLOCK_CHANGES
    access |= _LANDLOCK_REFER if version >= 2 else 0
    return access | (LANDLOCK_TRUNCATE if version >= 3 else 0)


def landlock_restrict(ruleset: int) -> Step:
    """Enforce a ruleset on this thread and its descendants (landlock_restrict_self(2))."""
    words = (ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_long(ruleset), ctypes.c_long(0))
    return Step("landlock_restrict_self", _LIBC.syscall, words)
