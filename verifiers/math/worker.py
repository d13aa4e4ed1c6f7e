"""The program that proves equalities with sympy outside the grading process; started by process.py.

    client  <-- JSON lines on stdin/stdout -->  keeper  <-- JSON lines on pipes -->  checker

Expressions come as trees (verifiers/math/tree.py), so no text of a policy ever reaches a parser
here. The keeper imports sympy once and forks a checker, which answers one question at a time under
an address-space limit. A checker that passes its deadline is killed and the next one forked, which
takes milliseconds because nothing is imported again. The keeper looks at nothing that it is asked
and ends when its client does.

Of this project it imports what ends it with its parent, and nothing else (verifiers/keeper.py).
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

from verifiers.parent import end_with_parent

WALL_FACTOR = 4
"""The deadline is CPU time, so that a busy machine makes no false time-outs; a checker that waits
for the CPU this many times longer is given up, too."""
RECYCLE_CHECKS = 2000
"""Checks per checker: sympy's caches grow, and a full one would fail an honest answer."""
FULL_SHARE = 0.9
"""Share of its memory at which a checker counts as out of it: an allocation fails before the limit
is reached."""
CLIENT_POLL_S = 1.0
_TWO, _X = ["num", ["0x2", "0x1"], 0], ["sym", "x"]
_ROOT, _COSINE, _SINE = ["fn", "sqrt", _TWO], ["fn", "cos", _X], ["fn", "sin", _X]
WARM_UP = (
    (["div", _ROOT, _TWO], ["div", _TWO, ["mul", _TWO, _ROOT]]),
    (["pow", ["add", _X, _TWO], _TWO], ["add", ["pow", _X, _TWO], ["mul", ["const", "pi"], _X]]),
    (["fn", "sin", ["mul", _TWO, _X]], ["mul", _TWO, _SINE, _COSINE]),
)
"""Compared once by the keeper, so that checkers inherit sympy's tables, too."""
POINTS = 12
"""Points at which an expression with letters must be 0."""
WHOLE_POINTS = 4
_HYPERBOLIC = frozenset(("sinh", "cosh", "tanh", "coth"))
DIGITS = 15
SPARE_DIGITS = 60
MAX_DIGITS = 20_000
"""Precision to which a difference is worked out to be told from 0: digits of what is compared, and
some to spare."""


@dataclass(frozen=True)
class Checker:
    """A forked process that compares answers, seen from the keeper."""

    pid: int
    requests: int
    replies: int

    def cpu_s(self) -> float:
        """CPU seconds used so far (clock_getcpuclockid(3))."""
        clock = ctypes.c_int()
        if ctypes.CDLL(None).clock_getcpuclockid(self.pid, ctypes.byref(clock)):
            return 0.0
        return time.clock_gettime(clock.value)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.requests)
        os.close(self.replies)


def main() -> None:
    """Serve until stdin closes or the client is gone."""
    settings = json.loads(sys.argv[1])
    sys.path.extend(path for path in settings["sys_path"] if path not in sys.path)
    try:
        for expected, given in WARM_UP:
            compare(expected, given)
    except ImportError as error:
        _send(1, {"error": f"{sys.executable} cannot import sympy: {error}"})
        return
    _send(1, {"ready": True})
    keep(settings["client_pid"], settings["deadline_s"], settings["memory_mb"])


def keep(client_pid: int, deadline_s: float, memory_mb: int) -> None:
    """Pass each question to a checker, and replace checkers that failed or grew."""
    checker, checks = fork_checker(memory_mb), 0
    while (line := _next_line(client_pid)) is not None:
        reply = ask(checker, line, deadline_s)
        if reply["outcome"] in ("memory", "crash") and checks > 0:
            # What earlier checks left behind must not decide this one: ask a fresh checker.
            checker.end()
            checker, checks = fork_checker(memory_mb), 0
            reply = ask(checker, line, deadline_s)
        checks += 1
        failed = reply["outcome"] in ("timeout", "memory", "crash")
        grown = reply.pop("peak_mb", 0) > memory_mb / 2
        if failed or grown or checks >= RECYCLE_CHECKS:
            checker.end()
            checker, checks = fork_checker(memory_mb), 0
        _send(1, reply)
    checker.end()


def ask(checker: Checker, line: bytes, deadline_s: float) -> dict[str, Any]:
    """One question to one checker: its reply, or `timeout` or `crash`."""
    began, cpu_before = time.monotonic(), checker.cpu_s()
    try:
        os.write(checker.requests, line)
    except BrokenPipeError:
        return {"outcome": "crash", "detail": "the checker was gone"}
    wait = deadline_s
    while True:
        if select.select([checker.replies], [], [], wait)[0]:
            reply = os.read(checker.replies, 65536)
            if not reply:
                return {"outcome": "crash", "detail": "the checker died"}
            return dict(json.loads(reply))
        used, passed = checker.cpu_s() - cpu_before, time.monotonic() - began
        if used >= deadline_s or passed >= WALL_FACTOR * deadline_s:
            return {"outcome": "timeout", "detail": f"more than {deadline_s:g} s"}
        wait = max(0.01, min(deadline_s - used, WALL_FACTOR * deadline_s - passed))


def fork_checker(memory_mb: int) -> Checker:
    """Fork a checker; it shares the imported library and nothing else."""
    request_end, requests = os.pipe()
    replies, reply_end = os.pipe()
    keeper_pid = os.getpid()
    pid = os.fork()
    if pid:
        os.close(request_end)
        os.close(reply_end)
        return Checker(pid, requests, replies)
    os.close(requests)
    os.close(replies)
    try:
        _confine(keeper_pid, memory_mb)
        check_forever(request_end, reply_end)
    finally:
        os._exit(1)


def check_forever(requests: int, replies: int) -> None:
    """The checker: one JSON question in, one JSON reply out, until the keeper closes the pipe."""
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            question = json.loads(line)
            _send(replies, answer(question["expected"], question["given"]))


def answer(expected: list[Any], given: list[Any]) -> dict[str, Any]:
    """The reply to one question, with the checker's peak address space, MiB.

    Where sympy swallows a MemoryError, a peak at the limit tells.
    """
    try:
        outcome, detail = compare(expected, given), ""
    except MemoryError:
        outcome, detail = "memory", "out of memory"
    except (ArithmeticError, TypeError, ValueError):  # 6 mod 0, max(1, i): nothing is equal to it
        outcome, detail = "different", ""
    except Exception as error:  # hostile text finds every fault of a parser; it is a verdict
        outcome, detail = "crash", f"{type(error).__name__}: {error}"[:200]
    peak_mb = _peak_address_space_mb()
    limit_mb = resource.getrlimit(resource.RLIMIT_AS)[0] / 2**20
    if outcome != "equal" and peak_mb > FULL_SHARE * limit_mb:
        outcome, detail = "memory", f"{peak_mb:.0f} of {limit_mb:.0f} MiB"
    return {"outcome": outcome, "detail": detail, "peak_mb": peak_mb}


def compare(expected: list[Any], given: list[Any]) -> str:
    """`equal` or `different`: are two expressions the same wherever both have a real value?

    In an expression with i, wherever both have any value.
    """
    import sympy

    first, second = build(expected), build(given)
    difference = first - second
    if difference == 0 or sympy.expand(difference) == 0:
        return "equal"
    digits = min(MAX_DIGITS, SPARE_DIGITS + _digits(expected) + _digits(given))
    is_complex = difference.has(sympy.I)
    names = sorted(difference.free_symbols, key=str)
    seen = 0
    for attempt in range(POINTS if names else 1):
        point = {name: _place(attempt, place) for place, name in enumerate(names)}
        values = [side.subs(point) for side in (first, second)]
        if not is_complex and not all(map(_is_real, values)):
            continue
        seen += 1
        if not _is_zero(values[0] - values[1], digits):
            return "different"
    return "equal" if seen >= (2 if names else 1) else "different"


def _place(attempt: int, place: int) -> Any:
    """A value of a letter: whole numbers first, for what is real only there, such as (-1)^n; then
    fractions of both signs, small and large."""
    import sympy

    if attempt < WHOLE_POINTS:
        return sympy.Integer(1 + (attempt * (place + 1) + 2 * place) % 7)
    sign = (-1) ** (attempt * (place + 1) + place)
    size = (1, 3, 40, 700)[attempt % 4]
    return sympy.Rational(sign * size * (211 + 97 * attempt + 31 * place), 307 + place)


def _is_real(value: Any) -> bool:
    number = value.evalf(15)
    return bool(number.is_number and number.is_finite and abs(number.as_real_imag()[1]) < 1e-12)


def _is_zero(constant: Any, digits: int) -> bool:
    """No digit of it is other than 0, at a precision that shows what the numbers in it can add up
    to: 10^{-100} is not 0, and sqrt(2) sqrt(3) - sqrt(6) is."""
    if constant.is_Rational:
        return bool(constant == 0)
    value = constant.evalf(DIGITS, maxn=digits)
    if not value.is_number or value.is_finite is False:
        return False
    # A part of which no digit is certain, at that precision, has precision 1.
    return all(part == 0 or getattr(part, "_prec", 2) <= 1 for part in value.as_real_imag())


def _digits(tree: list[Any]) -> int:
    """Digits that the numbers in a tree have together, powers worked out."""
    op, *args = tree
    if op in ("num", "mixed", "repeating"):
        return sum(len(part) for part in args[0])
    inner = sum(_digits(part) for part in args if isinstance(part, list))
    if op == "pow":
        exponent = args[1][1] if args[1][0] == "neg" else args[1]
        if exponent[0] == "num":
            return inner * max(1, min(abs(int(exponent[1][0], 16)), MAX_DIGITS))
    return inner


def build(tree: list[Any]) -> Any:
    """The sympy expression of a tree."""
    import sympy

    op, *args = tree
    if op in ("num", "mixed", "repeating"):
        return sympy.Rational(int(args[0][0], 16), int(args[0][1], 16))
    if op in ("sym", "word"):
        return sympy.Symbol(args[0], real=True)
    if op == "const":
        return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "inf": sympy.oo}[args[0]]
    if op == "fn":
        return _applied(args[0], [build(argument) for argument in args[1:]])
    if op == "unit":
        return build(args[0])
    values = [build(argument) for argument in args]
    made = {
        "add": lambda: sympy.Add(*values),
        "mul": lambda: sympy.Mul(*values),
        "div": lambda: values[0] / values[1],
        "pow": lambda: sympy.Pow(*values),
        "neg": lambda: -values[0],
        "percent": lambda: values[0] / 100,
        "deg": lambda: values[0] * sympy.pi / 180,
        "fact": lambda: sympy.factorial(values[0]),
        "binom": lambda: sympy.binomial(*values).expand(func=True),
        "mod": lambda: sympy.Mod(*values),
    }
    return made[op]()


def _applied(name: str, values: list[Any]) -> Any:
    import sympy

    if name == "root":
        return sympy.real_root(*values) if values[0].is_number else sympy.root(*values)
    if name in ("log", "ln") and (name == "log" or len(values) > 1):
        return sympy.log(values[0], values[1] if len(values) > 1 else 10)
    same = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "exp", "sqrt")
    known = {
        **{n: getattr(sympy, n) for n in (*same, "floor", "gcd", "lcm")},
        **{f"arc{n}": getattr(sympy, f"a{n}") for n in ("sin", "cos", "tan", "cot")},
        **{"ln": sympy.log, "abs": sympy.Abs, "ceil": sympy.ceiling},
        **{"max": sympy.Max, "min": sympy.Min},
    }
    if name in _HYPERBOLIC:  # sympy evaluates them with too few digits to show a difference of 0
        return known[name](*values).rewrite(sympy.exp)
    return known[name](*values) if name in known else sympy.Function(name)(*values)


def _peak_address_space_mb() -> float:
    """VmPeak of proc_pid_status(5)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        peak_kib = next((line.split()[1] for line in status if line.startswith("VmPeak:")), "0")
    return int(peak_kib) / 1024


def _confine(keeper_pid: int, memory_mb: int) -> None:
    end_with_parent()
    if os.getppid() != keeper_pid:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    limit = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _next_line(client_pid: int) -> bytes | None:
    """The next question; None once the client closed stdin or died.

    A fork of the client may hold the pipe open after its death, hence the look at the parent.
    """
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([0], [], [], CLIENT_POLL_S)[0]:
            if os.getppid() != client_pid:
                return None
            continue
        part = os.read(0, 65536)
        if not part:
            return None
        line += part
    return line


def _send(descriptor: int, message: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(message).encode() + b"\n")
