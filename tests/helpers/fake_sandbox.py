"""A sandbox that isolates nothing: harmless programs of the tests run in this process."""

import contextlib
import io
import sys

from verifiers.sandbox import codec, frames
from verifiers.sandbox.interface import Ending, JobEnded, Level, Outcome, Rejected, RemoteError
from verifiers.sandbox.served import Served


def outcome(ending, stdout=b"", stderr=b"", exit_code=None, reason=""):
    return Outcome(ending, exit_code, None, stdout, stderr, 0.01, 0.01, reason)


class FakeSandbox:
    """Runs sources by exec. A source whose first line is `# ends: NAME` ends that way instead."""

    level = Level.STRONG
    missing = ()
    num_zygotes = 2
    packages = ("numpy",)

    def __init__(self):
        self.programs, self.functions = [], []
        self.closed = False

    def run_program(self, source, stdin, limits):
        self.programs.append((source, stdin, limits))
        if (ending := _scripted(source)) is not None:
            return ending
        out = io.StringIO()
        old, sys.stdin = sys.stdin, io.StringIO(stdin.decode())
        try:
            with contextlib.redirect_stdout(out):
                exec(source, {"__name__": "__main__"})
        except Exception as error:
            stderr = f"Traceback\n{type(error).__name__}: {error}\n".encode()
            return outcome(Ending.EXITED, out.getvalue().encode(), stderr, 1, "exit status 1")
        finally:
            sys.stdin = old
        return outcome(Ending.EXITED, out.getvalue().encode(), b"", 0)

    @contextlib.contextmanager
    def open_function(self, source, entry_point, limits):
        self.functions.append((source, entry_point, limits))
        if (ending := _scripted(source)) is not None:
            raise JobEnded(ending)
        names = {"__name__": "candidate"}
        try:
            exec(source, names)
            function = names[entry_point]
        except Exception as error:
            raise RemoteError(type(error).__name__, str(error)) from None
        if not callable(function):
            raise RemoteError("TypeError", "not callable")
        yield _Session(names, entry_point)

    def close(self):
        self.closed = True


class _Session:
    """A function that returns an Outcome ends its job with it."""

    def __init__(self, names, entry_point):
        self.served = Served(names, entry_point)
        self.ended = None
        self.served._encoded = self.encoded

    def encoded(self, result, mode):
        if isinstance(result, Outcome):
            self.ended = result
            result = None
        return Served._encoded(self.served, result, mode)

    def request(self, body):
        try:
            kind, answer = self.served.answer(body)
        except MemoryError as error:
            raise RemoteError("MemoryError", "") from error
        if self.ended is not None:
            raise JobEnded(self.ended)
        if kind == frames.RAISED:
            raise RemoteError(*codec.decode(answer))
        if kind == frames.REJECTED:
            raise Rejected(codec.decode(answer))
        return answer


def _scripted(source):
    first = source.partition("\n")[0]
    if not first.startswith("# ends: "):
        return None
    return outcome(Ending(first.removeprefix("# ends: ")), reason="as scripted")
