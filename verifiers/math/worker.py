"""The program that runs math-verify outside the grading process; started by process.py.

    client  <-- JSON lines on stdin/stdout -->  keeper  <-- JSON lines on pipes -->  checker

The keeper imports math-verify once and forks a checker, which answers one question at a time under
an address-space limit. A checker that passes its deadline is killed and the next one forked, which
takes milliseconds because nothing is imported again. The keeper parses nothing that it is asked and
ends when its client does.

It is run by path with `python -I`, so the folder of this file is not on sys.path. Hence no import
from this project.
"""

import ctypes
import functools
import json
import logging
import os
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)
WALL_FACTOR = 4
"""The deadline is CPU time, so that a busy machine makes no false time-outs; a checker that waits
for the CPU this many times longer is given up, too."""
RECYCLE_CHECKS = 2000
"""Checks per checker: sympy's caches grow, and a full one would fail an honest answer."""
FULL_SHARE = 0.9
"""Share of its memory at which a checker counts as out of it: an allocation fails before the limit
is reached."""
CLIENT_POLL_S = 1.0
WARM_UP = (
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    (r"\frac{5\sqrt{2}}{3}", r"\sqrt{2} \cdot 6 + \pi"),
    (r"2k + 1", r"\frac{4k^2 - 2}{n}"),
    (r"(1, 2) \cup [3, \infty)", r"(1,2) \cup (3,\infty)"),
    (r"x^2 + 2x + 1 = 0", r"\text{none}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\{1, 2\}"),
)
"""Compared once by the keeper, so that checkers inherit the parser's tables, too."""


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
    logging.disable(logging.CRITICAL)
    try:
        for expected, given in WARM_UP:
            compare(expected, given)
    except ImportError as error:
        _send(1, {"error": f"{sys.executable} cannot import math-verify: {error}"})
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


def answer(expected: str, given: str) -> dict[str, Any]:
    """The reply to one question, with the checker's peak address space, MiB.

    The library swallows MemoryError, so that a checker without memory finds no two answers equal:
    a peak at the limit tells (a single huge allocation that failed does not show there).
    """
    try:
        outcome, detail = compare(expected, given), ""
    except MemoryError:
        outcome, detail = "memory", "out of memory"
    except Exception as error:  # hostile text finds every fault of a parser; it is a verdict
        outcome, detail = "crash", f"{type(error).__name__}: {error}"[:200]
    peak_mb = _peak_address_space_mb()
    limit_mb = resource.getrlimit(resource.RLIMIT_AS)[0] / 2**20
    if outcome != "equal" and peak_mb > FULL_SHARE * limit_mb:
        outcome, detail = "memory", f"{peak_mb:.0f} of {limit_mb:.0f} MiB"
    return {"outcome": outcome, "detail": detail, "peak_mb": peak_mb}


def compare(expected: str, given: str) -> str:
    """`equal`, `different` or `unparsable`, by math-verify with its own time-outs off.

    They rely on SIGALRM, whose handler never runs during work on big integers.
    """
    from math_verify import verify

    answers = _parse(given)
    if any(not isinstance(answer, str) for answer in answers):
        equal = verify(_parse_expected(expected), answers, timeout_seconds=None)
        return "equal" if equal else "different"
    return "unparsable"


@functools.lru_cache(maxsize=256)
def _parse_expected(text: str) -> list[Any]:
    """One prompt's expected answer is compared with every answer of its group."""
    return _parse(text)


def _parse(text: str) -> list[Any]:
    from math_verify import LatexExtractionConfig, parse

    # Boxes are taken by the client; free text is never searched for something that fits.
    config = LatexExtractionConfig(boxed_match_priority=-1)
    one_line = " ".join(text.split("\n"))
    formula = one_line if "$" in one_line.replace("\\$", "") else f"${one_line}$"
    return list(parse(formula, [config], parsing_timeout=None))


def _peak_address_space_mb() -> float:
    """VmPeak of proc_pid_status(5)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        peak_kib = next((line.split()[1] for line in status if line.startswith("VmPeak:")), "0")
    return int(peak_kib) / 1024


def _confine(keeper_pid: int, memory_mb: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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


if __name__ == "__main__":
    main()
