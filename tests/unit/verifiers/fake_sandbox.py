"""A sandbox that isolates nothing: harmless programs of the tests run in this process."""

import contextlib
import io
import sys

from verifiers.sandbox.interface import Ending, JobEnded, Level, Outcome, Rejected, RemoteError

_PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, set)


def outcome(ending, stdout=b"", stderr=b"", exit_code=None, reason=""):
    return Outcome(ending, exit_code, None, stdout, stderr, 0.01, 0.01, reason)


class FakeSandbox:
    """Runs sources by exec. A source whose first line is `# ends: NAME` ends that way instead."""

    level = Level.STRONG
    missing = ()
    num_zygotes = 2

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
        yield _Session(function)

    def close(self):
        self.closed = True


class _Session:
    def __init__(self, function):
        self.function = function

    def call(self, args, kwargs):
        try:
            value = self.function(*args, **kwargs)
        except Exception as error:
            raise RemoteError(type(error).__name__, str(error)) from None
        if isinstance(value, Outcome):
            raise JobEnded(value)
        if type(value) not in _PLAIN:
            raise Rejected(f"a {type(value).__name__}")
        return value


def _scripted(source):
    first = source.partition("\n")[0]
    if not first.startswith("# ends: "):
        return None
    return outcome(Ending(first.removeprefix("# ends: ")), reason="as scripted")
