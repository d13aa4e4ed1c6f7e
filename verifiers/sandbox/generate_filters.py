"""Writes filters.py: the seccomp programs, compiled by libseccomp.

    python -m verifiers.sandbox.generate_filters      (needs libseccomp and pyseccomp)

Whoever runs jobs needs neither: the compiled programs are part of the source.

Two programs make a job's allow-list. The outer one names every call that a job or its zygote may
make; the zygote takes it on once, and jobs inherit it. The inner one refuses what of that is the
zygote's alone, and is all that each job has to compile and load: the outer would take a tenth of a
small job's time.
"""

import base64
import errno
import tempfile
import textwrap
from pathlib import Path

import pyseccomp

from verifiers.sandbox.kernel import PID_PLACEHOLDER

ARCHITECTURES = {"x86_64": pyseccomp.Arch.X86_64, "aarch64": pyseccomp.Arch.AARCH64}

ALLOWED = """
    read write readv writev pread64 pwrite64 open openat openat2 close close_range lseek
    stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents
    getdents64 getcwd chdir fchdir umask statfs fstatfs dup dup2 dup3 pipe pipe2 sendfile
    copy_file_range flock fadvise64
    mmap munmap mprotect mremap brk madvise msync
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2 recvfrom shutdown getsockopt setsockopt getsockname getpeername
    futex set_robust_list rseq sched_yield sched_getaffinity exit exit_group
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend rt_sigtimedwait
    sigaltstack pause alarm setitimer getitimer restart_syscall
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage
    getpid gettid getppid getuid geteuid getgid getegid getgroups getpgrp getpgid getsid
    getpriority uname sysinfo getrandom getcpu
"""
"""Calls without a condition: they act on the job alone, or on files within Landlock's rules."""

CHANGING_FILES = """
    creat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 symlink symlinkat chmod
    fchmod fchmodat fchmodat2 utime utimes futimesat utimensat truncate ftruncate fallocate fsync
    fdatasync
"""
"""Only where /tmp is the job's own: Landlock does not restrict chmod(2) and utimensat(2)."""

ZYGOTE_ONLY = """
    mount umount2 capset landlock_create_ruleset landlock_add_rule landlock_restrict_self
    wait4 waitid recvmsg sendmsg
"""
"""What the zygote does before and after a job's fork, and no job ever."""

CONDITIONAL = ["clone", "kill", "tgkill", "prctl", "prlimit64", "sendto"]
"""Calls that the zygote may make freely, and a job as `inner` says."""

NAMESPACE_FLAGS = [1 << bit for bit in (7, 17, 25, 26, 27, 28, 29, 30)]  # CLONE_NEW*, clone(2)
CLONE_THREAD = 0x10000
AF_UNIX = 1
SIGKILL = 9
IOCTLS = (0x5401, 0x5421, 0x541B, 0x5450, 0x5451)  # TCGETS FIONBIO FIONREAD FIONCLEX FIOCLEX
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
"""F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. Not F_SETOWN and F_SETSIG: they would send
any signal to any process."""
PR_SET_NAME, PR_GET_NAME = 15, 16
RLIMIT_STACK = 3


def outer(architecture: int, changes_files: bool) -> pyseccomp.SyscallFilter:
    """What a zygote and its jobs may call; everything that it does not name is EPERM."""
    rules = _rules(architecture, pyseccomp.ERRNO(errno.EPERM))
    allow, equal = pyseccomp.ALLOW, pyseccomp.EQ
    names = ALLOWED + ZYGOTE_ONLY + (CHANGING_FILES if changes_files else "")
    for name in names.split() + CONDITIONAL:
        rules.add_rule(allow, name)
    # glibc asks for clone3 first and takes clone when there is no such call: its flags lie in
    # memory, where a filter cannot look (clone(2)).
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(allow, "socketpair", pyseccomp.Arg(0, equal, AF_UNIX))
    for request in IOCTLS:
        rules.add_rule(allow, "ioctl", pyseccomp.Arg(1, equal, request))
    for command in FCNTLS:
        rules.add_rule(allow, "fcntl", pyseccomp.Arg(1, equal, command))
    return rules


def inner(architecture: int) -> pyseccomp.SyscallFilter:
    """What of the outer program's calls a job may not make, by their numbers or arguments."""
    rules = _rules(architecture, pyseccomp.ALLOW)
    compare, equal, unequal = pyseccomp.Arg, pyseccomp.EQ, pyseccomp.NE

    def refuse(name: str, *conditions: pyseccomp.Arg) -> None:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name, *conditions)

    for name in ZYGOTE_ONLY.split():
        refuse(name)
    # Threads only, and in no new namespace.
    refuse("clone", compare(0, pyseccomp.MASKED_EQ, CLONE_THREAD, 0))
    for flag in NAMESPACE_FLAGS:
        refuse("clone", compare(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its own process only, and not SIGKILL: who sees a job killed knows that it was from outside.
    for name, signal_place in (("kill", 1), ("tgkill", 2)):
        refuse(name, compare(0, unequal, PID_PLACEHOLDER))
        refuse(name, compare(signal_place, equal, SIGKILL))
    refuse("prctl", compare(0, pyseccomp.LT, PR_SET_NAME))
    refuse("prctl", compare(0, pyseccomp.GT, PR_GET_NAME))
    # Limits may be read. Only the stack's may be set: it counts as address space anyway.
    refuse("prlimit64", compare(0, unequal, 0))
    refuse("prlimit64", compare(1, unequal, RLIMIT_STACK), compare(2, unequal, 0))
    # With an address, a datagram socket reaches every process that listens on a name.
    refuse("sendto", compare(4, unequal, 0))
    return rules


def _rules(architecture: int, otherwise: int) -> pyseccomp.SyscallFilter:
    """No rules yet, for one architecture. A call by another one's table, x32 included, kills the
    job (seccomp_attr_set(3))."""
    rules = pyseccomp.SyscallFilter(otherwise)
    if architecture != pyseccomp.system_arch():
        rules.add_arch(architecture)
        rules.remove_arch(pyseccomp.system_arch())
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)  # a binary tree
    return rules


TABLES = {
    "OUTER_PRIVATE_TMP": lambda architecture: outer(architecture, True),
    "OUTER_READ_ONLY": lambda architecture: outer(architecture, False),
    "INNER": inner,
}


def compiled(rules: pyseccomp.SyscallFilter) -> bytes:
    """A program as an array of struct sock_filter (seccomp(2))."""
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def render() -> str:
    """The text of filters.py."""
    parts = [
        '"""Compiled seccomp programs: written by generate_filters.py, not by hand."""\n',
        "import base64\n",
        "OUTER_PRIVATE_TMP: dict[str, bytes] = {}",
        '"""By machine (uname(2)): where jobs have a /tmp of their own."""',
        "OUTER_READ_ONLY: dict[str, bytes] = {}",
        '"""By machine: where jobs may change no file."""',
        "INNER: dict[str, bytes] = {}",
        '"""By machine: what jobs load after the outer one."""\n',
    ]
    for table, build in TABLES.items():
        for machine, architecture in ARCHITECTURES.items():
            code = base64.b85encode(compiled(build(architecture))).decode()
            parts.append(f'{table}["{machine}"] = base64.b85decode(')
            parts += [f'    "{line}"' for line in textwrap.wrap(code, 90)]
            parts.append(")")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("filters.py").write_text(render())
