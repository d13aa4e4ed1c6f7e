"""The compiled seccomp programs: that libseccomp still writes them, and what they answer.

A job has two, and the stricter answer counts. The answers are computed by the small interpreter
below (bpf(4), seccomp(2)), so they are checked for both architectures on any machine.
"""

import errno
import struct

import pytest

from verifiers.sandbox import filters
from verifiers.sandbox.kernel import PID_PLACEHOLDER

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE = 0x00050000 | errno.EPERM
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {
        **{"read": 0, "openat": 257, "mmap": 9, "exit_group": 231, "socketpair": 53},
        **{"clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "clone3": 435},
        **{"socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46, "ptrace": 101},
        **{"shmget": 29, "shmat": 30, "msgget": 68, "mq_open": 240, "memfd_create": 319},
        **{"io_uring_setup": 425, "keyctl": 250, "add_key": 248, "bpf": 321, "unshare": 272},
        **{"mount": 165, "setns": 308, "process_vm_readv": 310, "kill": 62, "tgkill": 234},
        **{"prlimit64": 302, "prctl": 157, "fcntl": 72, "ioctl": 16, "chmod": 90, "unlink": 87},
        **{"perf_event_open": 298, "userfaultfd": 323, "pidfd_open": 434, "seccomp": 317},
        **{"setrlimit": 160, "timer_create": 222, "link": 86, "mknod": 133},
    },
    "aarch64": {
        **{"read": 63, "openat": 56, "mmap": 222, "exit_group": 94, "socketpair": 199},
        **{"clone": 220, "execve": 221, "execveat": 281, "clone3": 435},
        **{"socket": 198, "connect": 203, "sendto": 206, "sendmsg": 211, "ptrace": 117},
        **{"shmget": 194, "memfd_create": 279, "io_uring_setup": 425, "unshare": 97},
        **{"kill": 129, "tgkill": 131, "prlimit64": 261, "prctl": 167, "fcntl": 25},
    },
}
TABLES = {"private": filters.OUTER_PRIVATE_TMP, "read_only": filters.OUTER_READ_ONLY}
ZYGOTE_ONLY = {
    "x86_64": {"mount": 165, "umount2": 166, "capset": 126, "wait4": 61, "recvmsg": 47},
    "aarch64": {"mount": 40, "umount2": 39, "capset": 91, "wait4": 260, "recvmsg": 212},
}
LANDLOCK = range(444, 447)
BOTH = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def answer(code, architecture, number, arguments=()):
    """What a filter returns for a call."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator, position = 0, 0
    while True:
        opcode, if_true, if_false, k = struct.unpack_from("<HBBI", code, 8 * position)
        position += 1
        match opcode:
            case 0x20:  # ld [k]
                accumulator = struct.unpack_from("<I", data, k)[0]
            case 0x54:  # and #k
                accumulator &= k
            case 0x05:  # ja
                position += k
            case 0x15:  # jeq
                position += if_true if accumulator == k else if_false
            case 0x25:  # jgt
                position += if_true if accumulator > k else if_false
            case 0x35:  # jge
                position += if_true if accumulator >= k else if_false
            case 0x06:  # ret
                return k
            case _:
                raise AssertionError(f"opcode {opcode:#x}")


def ask_number(machine, number, *arguments, table="private"):
    """The answer that counts, of the two that a job's call gets."""
    outer, inner = (
        answer(code[machine], AUDIT_ARCH[machine], number, arguments)
        for code in (TABLES[table], filters.INNER)
    )
    return outer if inner == ALLOW else inner


def ask(machine, call, *arguments, table="private"):
    return ask_number(machine, NUMBERS[machine][call], *arguments, table=table)


def test_libseccomp_writes_the_same_filters():
    pytest.importorskip("pyseccomp", exc_type=(ImportError, RuntimeError))
    from verifiers.sandbox import generate_filters

    for table, build in generate_filters.TABLES.items():
        for machine, architecture in generate_filters.ARCHITECTURES.items():
            rules = build(architecture)
            assert generate_filters.compiled(rules) == getattr(filters, table)[machine], table


@BOTH
@pytest.mark.parametrize("table", TABLES)
def test_everything_but_ordinary_calls_is_refused(machine, table):
    ordinary = {"read", "openat", "mmap", "exit_group"}
    conditional = {"clone", "clone3", "socketpair", "sendto", "kill", "tgkill"}
    conditional |= {"prlimit64", "prctl", "fcntl", "ioctl", "chmod", "unlink"}
    for call in NUMBERS[machine].keys() - conditional:
        expected = ALLOW if call in ordinary else REFUSE
        assert ask(machine, call, table=table) == expected, call


@BOTH
def test_what_the_zygote_alone_may_do_is_refused_to_jobs(machine):
    for number in (*ZYGOTE_ONLY[machine].values(), *LANDLOCK):
        assert answer(TABLES["private"][machine], AUDIT_ARCH[machine], number) == ALLOW
        assert ask_number(machine, number) == REFUSE, number


@BOTH
def test_threads_may_start_and_processes_may_not(machine):
    thread = 0x3D0F00  # as glibc's pthread_create asks
    assert ask(machine, "clone", thread) == ALLOW
    assert ask(machine, "clone", 0x1200011) == REFUSE  # as its fork asks
    for bit in (7, 17, *range(25, 31)):  # CLONE_NEW*
        assert ask(machine, "clone", thread | 1 << bit) == REFUSE, bit
    assert ask(machine, "clone3") == 0x00050000 | errno.ENOSYS


@BOTH
def test_signals_go_to_the_own_process_only_and_never_kill_it(machine):
    assert ask(machine, "kill", PID_PLACEHOLDER, 15) == ALLOW
    assert ask(machine, "tgkill", PID_PLACEHOLDER, 5, 6) == ALLOW
    for target in (1, 0, 2**64 - 1, 2**32 - 1):
        assert ask(machine, "kill", target, 15) == REFUSE
    assert ask(machine, "kill", PID_PLACEHOLDER, 9) == REFUSE
    assert ask(machine, "tgkill", PID_PLACEHOLDER, 5, 9) == REFUSE


@BOTH
def test_sockets_reach_nobody_outside(machine):
    assert ask(machine, "socketpair", 1, 1) == ALLOW
    assert ask(machine, "socketpair", 2, 1) == REFUSE
    assert ask(machine, "sendto", 3, 4096, 1, 0, 0, 0) == ALLOW
    assert ask(machine, "sendto", 3, 4096, 1, 0, 8192, 16) == REFUSE


@BOTH
def test_limits_are_read_and_only_the_stacks_is_set(machine):
    assert ask(machine, "prlimit64", 0, 9, 0, 4096) == ALLOW
    assert ask(machine, "prlimit64", 0, 3, 4096, 0) == ALLOW
    assert ask(machine, "prlimit64", 0, 0, 4096, 0) == REFUSE  # RLIMIT_CPU
    assert ask(machine, "prlimit64", 77, 9, 0, 4096) == REFUSE


@BOTH
def test_file_owners_and_death_signals_are_left_alone(machine):
    assert ask(machine, "fcntl", 3, 3) == ALLOW  # F_GETFL
    assert ask(machine, "fcntl", 3, 8, 1) == REFUSE  # F_SETOWN
    assert ask(machine, "prctl", 15) == ALLOW  # PR_SET_NAME
    assert ask(machine, "prctl", 16) == ALLOW  # PR_GET_NAME
    for option in (0, 1, 4, 14, 17, 22, 2**32 + 4):  # PDEATHSIG, DUMPABLE, SECCOMP
        assert ask(machine, "prctl", option) == REFUSE


def test_files_are_changed_only_where_tmp_is_private():
    for call in ("chmod", "unlink"):
        assert ask("x86_64", call) == ALLOW
        assert ask("x86_64", call, table="read_only") == REFUSE


@pytest.mark.parametrize("table", TABLES)
def test_other_architectures_and_x32_are_killed(table):
    for programs in (TABLES[table], filters.INNER):
        code = programs["x86_64"]
        assert answer(code, 0x40000003, 4) == KILL  # i386's write
        assert answer(code, AUDIT_ARCH["x86_64"], 0x40000000) == KILL
        assert answer(programs["aarch64"], AUDIT_ARCH["x86_64"], 0) == KILL
