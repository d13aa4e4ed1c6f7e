"""Writes filters.py: the seccomp allow-lists, compiled by libseccomp.

    python -m verifiers.sandbox.generate_filters      (needs libseccomp and pyseccomp)

Whoever runs jobs needs neither: the compiled programs are part of the source.
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

NAMESPACE_FLAGS = 0x7E020080  # CLONE_NEW*, clone(2)
CLONE_THREAD = 0x10000
AF_UNIX = 1
SIGKILL = 9
IOCTLS = (0x5401, 0x5421, 0x541B, 0x5450, 0x5451)  # TCGETS FIONBIO FIONREAD FIONCLEX FIOCLEX
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1032)
"""F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. Not F_SETOWN and F_SETSIG: they would send
any signal to any process."""
PRCTLS = (15, 16)  # PR_SET_NAME, PR_GET_NAME
RLIMIT_STACK = 3


def build(architecture: int, changes_files: bool) -> pyseccomp.SyscallFilter:
    """The allow-list for one architecture; everything that it does not name is EPERM.

    A call by another architecture's table, x32 included, kills the job (seccomp_attr_set(3)).
    """
    allow = pyseccomp.ALLOW
    compare, equal, masked = pyseccomp.Arg, pyseccomp.EQ, pyseccomp.MASKED_EQ
    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    if architecture != pyseccomp.system_arch():
        rules.add_arch(architecture)
        rules.remove_arch(pyseccomp.system_arch())
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)  # a binary tree
    for name in (ALLOWED + (CHANGING_FILES if changes_files else "")).split():
        rules.add_rule(allow, name)
    # glibc asks for clone3 first and takes clone when there is no such call: its flags lie in
    # memory, where a filter cannot look (clone(2)).
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.add_rule(allow, "clone", compare(0, masked, CLONE_THREAD | NAMESPACE_FLAGS, CLONE_THREAD))
    rules.add_rule(allow, "socketpair", compare(0, equal, AF_UNIX))
    # With an address, a datagram socket reaches every process that listens on a name.
    rules.add_rule(allow, "sendto", compare(4, equal, 0))
    for request in IOCTLS:
        rules.add_rule(allow, "ioctl", compare(1, equal, request))
    for command in FCNTLS:
        rules.add_rule(allow, "fcntl", compare(1, equal, command))
    for option in PRCTLS:
        rules.add_rule(allow, "prctl", compare(0, equal, option))
    # Its own process only, and not SIGKILL: who sees a job killed knows that it was from outside.
    for name, signal_place in (("kill", 1), ("tgkill", 2)):
        rules.add_rule(
            allow,
            name,
            compare(0, equal, PID_PLACEHOLDER),
            compare(signal_place, pyseccomp.NE, SIGKILL),
        )
    # Limits may be read. Only the stack's may be set: it counts as address space anyway.
    rules.add_rule(allow, "prlimit64", compare(0, equal, 0), compare(2, equal, 0))
    rules.add_rule(allow, "prlimit64", compare(0, equal, 0), compare(1, equal, RLIMIT_STACK))
    return rules


def compiled(architecture: int, changes_files: bool) -> bytes:
    """The filter as an array of struct sock_filter (seccomp(2))."""
    with tempfile.TemporaryFile() as file:
        build(architecture, changes_files).export_bpf(file)
        file.seek(0)
        return file.read()


def render() -> str:
    """The text of filters.py."""
    parts = [
        '"""Compiled seccomp filters: written by generate_filters.py, not by hand."""\n',
        "import base64\n",
        "PRIVATE_TMP: dict[str, bytes] = {}",
        '"""By machine (uname(2)): for jobs with a /tmp of their own."""',
        "READ_ONLY: dict[str, bytes] = {}",
        '"""By machine: for jobs that may change no file."""\n',
    ]
    for table, changes_files in (("PRIVATE_TMP", True), ("READ_ONLY", False)):
        for machine, architecture in ARCHITECTURES.items():
            code = base64.b85encode(compiled(architecture, changes_files)).decode()
            parts.append(f'{table}["{machine}"] = base64.b85decode(')
            parts += [f'    "{line}"' for line in textwrap.wrap(code, 90)]
            parts.append(")")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("filters.py").write_text(render())
