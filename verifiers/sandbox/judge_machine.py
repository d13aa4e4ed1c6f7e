"""What programs written for judges expect of their machine, and would not find in a job.

Installed once, by the zygote. All of it is for honest programs only: nothing here keeps a hostile
one from anything, and no limit depends on it.
"""

import _thread
import builtins
import io
import os
import resource
import sys
import threading
from typing import Any

_STREAMS = {
    path: number
    for number, name in enumerate(("stdin", "stdout", "stderr"))
    for path in (f"/dev/{name}", f"/dev/fd/{number}", f"/proc/self/fd/{number}")
}
_open = io.open
_set_stack_size = _thread.stack_size


def install(base_memory: int) -> None:
    """Integers of any length as text; /dev/stdin; threads with stacks of any size.

    Args:
        base_memory: address space of a job that has done nothing, bytes.
    """
    sys.set_int_max_str_digits(0)  # CPU time bounds what long ones cost
    builtins.open = io.open = open_or_stream
    stacks = _StackSize(base_memory)
    _thread.stack_size = threading.stack_size = stacks


def open_or_stream(file: Any, *args: Any, **kwargs: Any) -> Any:
    """open(), which knows the standard streams by their paths: a job has no /proc behind them."""
    path = os.fspath(file) if isinstance(file, str | os.PathLike) else None
    if isinstance(path, str) and path in _STREAMS:
        file = os.dup(_STREAMS[path])
    return _open(file, *args, **kwargs)


class _StackSize:
    """threading.stack_size for programs that ask for 512 MiB and use 20.

    A stack is address space from its first moment, and that is what a job's memory is measured in.
    So a thread gets half of it at most; the size that was asked for is what is told back.
    """

    def __init__(self, base_memory: int) -> None:
        self._base_memory = base_memory
        self._asked = 0

    def __call__(self, size: int = 0) -> int:
        if not size:
            return self._asked
        room = resource.getrlimit(resource.RLIMIT_AS)[0] - self._base_memory
        _set_stack_size(min(size, max(room // 2, 1 << 20) & -4096))
        before, self._asked = self._asked, size
        return before
