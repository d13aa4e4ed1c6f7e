"""The end of a process with its parent, so that none is left behind one that was killed."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """SIGKILL for this process once the thread that started it has ended.

    A parent that is gone already sends nothing any more: whoever knows its pid compares afterwards.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
