"""Where a process stands: stacks of threads and of asyncio tasks, also of one that is stuck.

A registered process answers a signal by writing the stacks of all its threads to a file in memory
that others read through /proc. The handler is faulthandler's, in C: it runs while the interpreter
is held by a loop in C code, where no Python code of the process would run any more.
"""

import asyncio
import faulthandler
import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from types import CoroutineType, FrameType, GeneratorType
from typing import Any

import psutil

_FILE = "rlsys-stacks"
_SIGNAL = signal.SIGUSR2
_REPLY_S = 2.0
_QUIET_S = 0.05
_CALLS = 8
"""Of a thread that are shown: what is further out is the same in every run."""
_UNREGISTERED = "process {} has not registered yet"


def register() -> None:
    """Answer the signal from now on, until the process ends."""
    file = os.memfd_create(_FILE)
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    faulthandler.register(_SIGNAL, file=file, all_threads=True)


def of_family(pid: int) -> str:
    """Stacks of a process of this machine and of its descendants, as far as they registered."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return f"process {pid} is gone"
    replies = [(process.pid, _reply(process.pid)) for process in family]
    parts = [f"process {pid}, newest call first:\n{text}" for pid, text in replies if text]
    return "\n".join(parts) or _UNREGISTERED.format(pid)


def of_process(pid: int) -> str:
    """Stacks of one process of this machine, whatever holds its interpreter."""
    text = _reply(pid)
    return f"process {pid}, newest call first:\n{text}" if text else _UNREGISTERED.format(pid)


def of_threads() -> str:
    """Where this process's other threads of Python stand, a line each, the innermost call last; the
    main thread first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    main, own = threading.main_thread().ident, threading.get_ident()
    frames = sorted(sys._current_frames().items(), key=lambda item: item[0] != main)
    return "\n".join(
        f"{names.get(ident, ident)}: {_innermost(frame)}" for ident, frame in frames if ident != own
    )


def _innermost(frame: FrameType) -> str:
    calls = [
        f"{Path(one.f_code.co_filename).name}:{line} {one.f_code.co_name}"
        for one, line in traceback.walk_stack(frame)
    ]
    left_out = ["..."] if len(calls) > _CALLS else []
    return " > ".join(left_out + calls[:_CALLS][::-1])


def of_tasks(loop: asyncio.AbstractEventLoop) -> str:
    """Every task of an event loop and where it waits, outermost call first; equal ones are
    counted. Also for another thread, while the loop is held up."""
    lines = Counter(f"{task.get_name()}: {_places(task.get_coro())}" for task in _tasks(loop))
    return "\n".join(f"{line}" + (f" (x{n})" if n > 1 else "") for line, n in lines.items())


def _tasks(loop: asyncio.AbstractEventLoop) -> list["asyncio.Task[Any]"]:
    """Named ones by name; numbers that asyncio gave would make equal tasks differ."""
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    for task in tasks:
        if task.get_name().startswith("Task-"):
            task.set_name("task")
    return tasks


def _places(coroutine: Any) -> str:
    places = []
    while isinstance(coroutine, CoroutineType | GeneratorType):
        if isinstance(coroutine, CoroutineType):
            frame, inner = coroutine.cr_frame, coroutine.cr_await
        else:
            frame, inner = coroutine.gi_frame, coroutine.gi_yieldfrom
        if frame is not None:
            code = frame.f_code
            places.append(f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_name}")
        coroutine = inner
    return " > ".join(places) or "has not begun"


def _reply(pid: int) -> str:
    """What the process writes when it is signalled; empty when it has not registered.

    An unregistered process would be killed by the signal, so the file is looked for first.
    """
    try:
        files = [link for link in Path(f"/proc/{pid}/fd").iterdir() if _FILE in os.readlink(link)]
        if not files:
            return ""
        size = before = files[0].stat().st_size
        os.kill(pid, _SIGNAL)
        deadline = time.monotonic() + _REPLY_S
        while time.monotonic() < deadline:
            time.sleep(_QUIET_S)
            now = files[0].stat().st_size
            if now == size > before:
                with files[0].open("rb") as file:
                    file.seek(before)
                    return file.read().decode(errors="replace")
            size = now
    except (FileNotFoundError, ProcessLookupError):
        return "it ended meanwhile"
    except PermissionError:
        return "it belongs to another user"
    return f"no reply within {_REPLY_S:g} s: {_state(pid)}"


def _state(pid: int) -> str:
    """Why a process does not hear a signal, by the kernel's word."""
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return "it ended meanwhile"
    if status == psutil.STATUS_STOPPED:
        return "it is stopped (SIGSTOP, or a debugger)"
    return f"it is in a system call without end, or does not get a core ({status})"
