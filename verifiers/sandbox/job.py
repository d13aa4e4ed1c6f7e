"""The job's side of the fork: confine the process for good, then run what it was given.

After `enter`, nothing that this process says is believed: whatever module, function or
descriptor is here belongs to the candidate.
"""

import _thread
import atexit
import builtins
import gc
import io
import math
import os
import platform
import resource
import socket
import sys
import threading
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from verifiers.sandbox import codec, filters, frames, kernel, protocol
from verifiers.sandbox.protocol import Request
from verifiers.sandbox.served import BY_VALUE, Served, described

SESSION_FD = 3
MEMORY_EXIT = 119
"""Status of a job that ended on an uncaught MemoryError: an unusual number, since any job may use
it. Who does, says of itself that it failed."""
STACK_BYTES = 64 << 20
DESCRIPTORS = 256
_REHEARSALS = 20
_MACHINE = platform.machine()
_OWN_THREADS = 8
"""Processes of the zygote's user namespace beside a job's threads, with room to spare."""


@dataclass(frozen=True)
class Confinement:
    """What the zygote prepared once, and every job takes on."""

    base_memory: int
    """Address space of the zygote, bytes."""
    ruleset: int | None
    """Landlock's; None at level weak."""
    is_strong: bool
    """Whether a job is the first process of a namespace: its process id is known, it dies with
    the zygote's namespace, and RLIMIT_NPROC counts this sandbox's processes alone."""


@dataclass(frozen=True)
class Preparation:
    """What a job does to itself, in order; made by the zygote for all jobs with the same limits."""

    confine: tuple[kernel.Step, ...]
    seccomp: kernel.Step | None
    """The last step; None where it needs the job's own process id."""


def confine_zygote(is_strong: bool) -> None:
    """What is the same for all jobs, and inherited: limits that do not depend on a job's, no new
    privileges, and the outer of the two filters (generate_filters.py)."""
    same_for_all = {
        resource.RLIMIT_NOFILE: DESCRIPTORS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    steps = [_limit(kind, value) for kind, value in same_for_all.items()]
    # Only the soft limit: programs that recurse deeply raise their own stack, which is address
    # space, too.
    ceiling = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = STACK_BYTES if ceiling == resource.RLIM_INFINITY else min(STACK_BYTES, ceiling)
    steps.append(kernel.limit(resource.RLIMIT_STACK, stack, ceiling))
    outer = filters.OUTER_PRIVATE_TMP if is_strong else filters.OUTER_READ_ONLY
    steps += [kernel.forbid_new_privileges(), kernel.filter_system_calls(outer[_MACHINE])]
    kernel.perform(tuple(steps))


def prepare(confinement: Confinement, request: Request) -> Preparation:
    """The steps for jobs with these limits."""
    wanted = {
        resource.RLIMIT_AS: confinement.base_memory + request.memory,
        # A second later than the zygote's own look at the clock: for several threads at once.
        resource.RLIMIT_CPU: math.ceil(request.cpu_s) + 1,
        resource.RLIMIT_FSIZE: request.tmp,
    }
    if confinement.is_strong:
        wanted[resource.RLIMIT_NPROC] = request.threads + _OWN_THREADS
    steps = [_limit(kind, value) for kind, value in wanted.items()]
    if not confinement.is_strong:
        steps.append(kernel.die_with_parent())
    steps.append(kernel.drop_capabilities())
    if confinement.ruleset is not None:
        steps.append(kernel.landlock_restrict(confinement.ruleset))
    return Preparation(tuple(steps), _inner_filter(1) if confinement.is_strong else None)


def enter(preparation: Preparation, descriptors: Sequence[int], say: int) -> None:
    """Give up all rights, say so, and close all descriptors but those to be 0, 1, 2 and so on,
    whose places none of those given has.

    What is said before the candidate runs, on a descriptor that is closed by then, cannot be the
    candidate's word.

    Raises:
        OSError: a step failed; nothing of the candidate's has run.
    """
    for place, fd in enumerate(descriptors):
        os.dup2(fd, place, inheritable=False)
    kernel.perform(preparation.confine)
    kernel.perform((preparation.seccomp or _inner_filter(os.getpid()),))
    os.write(say, b"R")
    kernel.close_from(len(descriptors))
    gc.enable()


def _inner_filter(pid: int) -> kernel.Step:
    return kernel.filter_system_calls(filters.INNER[_MACHINE], pid)


def _limit(kind: int, value: int) -> kernel.Step:
    ceiling = resource.getrlimit(kind)[1]
    value = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    return kernel.limit(kind, value, value)


# --- running ---------------------------------------------------------------------------------


def run(payload: bytes) -> NoReturn:
    """Run the payload's program, or serve its function; ends the process."""
    entry_point, source = protocol.unpack_program(payload)
    if not entry_point:
        _end(_status_of(lambda: _execute(source, "__main__")))
    channel = socket.socket(fileno=SESSION_FD)
    _end(_status_of(lambda: _serve(source, entry_point, channel)))


def rehearse() -> None:
    """Have the zygote go through what its jobs go through, often enough for the interpreter to
    specialize it and to fill its caches (PEP 659): each job would else do so in its own copy of
    those pages, a quarter of all that a small job touches."""
    modules, arguments = dict(sys.modules), sys.argv
    payload = protocol.pack_program("import math\ndef f(x): return x", "f")
    for _ in range(_REHEARSALS):
        entry_point, source = protocol.unpack_program(payload)
        _status_of(lambda: _execute(source, "__main__"))  # noqa: B023
        ours, theirs = socket.socketpair()
        with ours, theirs:
            call = codec.encode(("call", BY_VALUE, "", (1,), {}))
            ours.sendall(frames.pack(bytes(frames.ID_BYTES), frames.CALL, call))
            ours.shutdown(socket.SHUT_WR)
            _serve(source, entry_point, theirs)
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()
    sys.modules.clear()
    sys.modules.update(modules)
    sys.argv = arguments


def open_standard_streams() -> None:
    """Streams over the descriptors 0, 1 and 2, whatever a job will have there: made once, by the
    zygote. stdout must not look as if one could seek in it, so a pipe stands in for the job's."""
    ours, stand_in = os.pipe()
    os.dup2(stand_in, 1)
    os.close(ours)
    os.close(stand_in)
    stdin = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8", errors="surrogateescape"
    )
    out, err = (io.BufferedWriter(io.FileIO(fd, "w", closefd=False)) for fd in (1, 2))
    sys.stdin = sys.__stdin__ = stdin  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
        out, encoding="utf-8", errors="surrogateescape"
    )
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(  # type: ignore[misc]
        err, encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def _execute(source: str, name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    sys.argv = [f"{name}.py"]
    namespace = vars(module)
    namespace["__builtins__"] = builtins
    exec(compile(source, f"{name}.py", "exec"), namespace)
    return namespace


def _status_of(program: Callable[[], object]) -> int:
    """Exit status of a program, as `python program.py` would have it."""
    try:
        program()
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        print(error.code, file=sys.stderr)
        return 1
    except MemoryError:
        return MEMORY_EXIT
    except BaseException as error:
        # Whatever a program raises ends it with status 1; the first frames are ours.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """What the interpreter does at its end, without taking itself apart."""
    try:
        if _thread._count():
            threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except MemoryError:
        status = MEMORY_EXIT
    except BaseException:
        # Streams and handlers are the program's own by now; a failure is its failure.
        status = status or 1
    finally:
        os._exit(status)


def _serve(source: str, entry_point: str, channel: socket.socket) -> None:
    """Load the function, say so, and answer calls until the caller hangs up."""
    try:
        served = _load(source, entry_point)
    except MemoryError:
        raise
    except BaseException as error:
        # A program may raise anything while it is loaded: that is the answer.
        channel.sendall(frames.pack(frames.LOADED, frames.RAISED, described(error)))
        return
    channel.sendall(frames.pack(frames.LOADED, frames.VALUE, codec.encode(None)))
    while (frame := frames.receive_blocking(channel)) is not None:
        call_id, _, body = frame
        channel.sendall(frames.pack(call_id, *served.answer(body)))


def _load(source: str, entry_point: str) -> Served:
    namespace = _execute(source, "candidate")
    if entry_point not in namespace:
        raise NameError(f"the program defines no {entry_point!r}")
    if not callable(namespace[entry_point]):
        raise TypeError(f"{entry_point!r} is not callable")
    return Served(namespace, entry_point)
