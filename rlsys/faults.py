"""What went wrong in a user's file, or takes long there, told by the line that its author can mend.

ValueError: out of order, at /home/me/brief.py:12 in verify: raise ValueError("out of order")
"""

import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rlsys.errors import RlsysError

_MOST_CHARS = 300
_SLOW_S = 5.0
"""An import of torch takes as long on a busy machine, and is worth the line."""


def describe(error: BaseException, file: str = "") -> str:
    """Type, message and place of an exception.

    Args:
        file: the place is the last call in this file, as far as it passed there; else the last
            call of all.
    """
    kind, message = type(error).__name__, shorten(str(error), _MOST_CHARS)
    told = f"{kind}: {message}" if message else kind
    calls = traceback.extract_tb(error.__traceback__)
    # Both say all there is to say.
    if not calls or isinstance(error, SyntaxError | RlsysError):
        return told
    return f"{told}, at {_where(calls, file)}"


@contextmanager
def told_if_slow(doing: str, file: str) -> Iterator[None]:
    """For the block's duration, in this thread: when it takes long, say on stderr what is done, and
    which line of the file it is at."""
    thread_id = threading.get_ident()

    def tell() -> None:
        frame = sys._current_frames().get(thread_id)
        if frame is not None:
            where = _where(traceback.extract_stack(frame), file)
            print(f"still {doing}, after {_SLOW_S:g} s: at {where}", file=sys.stderr, flush=True)

    timer = threading.Timer(_SLOW_S, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _where(calls: Sequence[traceback.FrameSummary], file: str) -> str:
    """`FILE:LINE in NAME: TEXT` of the last call in the file, else of the last of all."""
    call = ([call for call in calls if call.filename == file] or list(calls))[-1]
    line = f": {call.line}" if call.line else ""
    return f"{call.filename}:{call.lineno} in {call.name}{line}"


def shorten(text: str, most: int) -> str:
    """The text, cut at `most` characters."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"
