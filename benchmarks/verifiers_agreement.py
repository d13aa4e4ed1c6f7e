"""How often are right maths answers accepted and wrong ones paid, against math-verify?

    python benchmarks/verifiers_agreement.py [--limit 400]

Every expected answer of the maths sets beside the project is written in the spellings of
maths_spellings.py, and for each right completion a wrong one in the same spelling
(maths_twins.py). MathVerifier grades them, and math-verify's parse and verify as documented: the
expected answer in dollars, the completion with the default extraction and time-outs. Each grader
runs in processes that are killed when one answer takes too long; an answer that hung or failed
counts as not accepted. Rows with the same expected answer and completion are graded once.
Verdicts per second are those of one process over rows spread evenly over the sets. The last line is
one JSON object.
"""

import argparse
import json
import logging
import multiprocessing
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain, islice, zip_longest
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

from math_verify import parse, verify
from maths_spellings import SPELLINGS
from maths_twins import KINDS, wrong_twin

from verifiers.base import Completion, Status
from verifiers.math.verifier import MathVerifier

SETS = {
    "gsm8k_train": "gsm8k/train.jsonl",
    "gsm8k_test": "gsm8k/test.jsonl",
    "aime24": "aime/aime24.jsonl",
    "aime25": "aime/aime25.jsonl",
    "aime_1983_2023": "aime/aime_1983_2023.jsonl",
    "math500": "math500/test.jsonl",
    "math_train": "math500/math_train.jsonl",
}
PROCESSES = 2
HARD_LIMIT_S = 30.0
"""Above the sum of math-verify's time-outs, 5 s for each of two parses and a comparison."""
MOST_WRONG_PAID = 0.001
LEAST_PER_S = 1500
RATE_ROWS = 400

Pair = tuple[str, str]
"""The expected answer and a completion."""
MakeGrader = Callable[[], Callable[[Pair], tuple[bool, str]]]
"""Makes, in the process that uses it, what says whether a pair is accepted, and why not."""


@dataclass(frozen=True)
class Grade:
    """What a grader said of a pair."""

    accepted: bool
    reason: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """A completion of one row in one spelling; kind is empty for the right one."""

    spelling: str
    kind: str
    pair: Pair


def golds_of(path: Path) -> list[str]:
    """The expected answers of a set; rows of MATH that have none are left out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    answers = [json.loads(line)["answer"] for line in lines if line]
    texts = [str(answer).rpartition("####")[2].strip() for answer in answers if answer is not None]
    return [text for text in texts if text]


def cases_of(golds: Sequence[str], row: int) -> Iterator[Case]:
    """A row in each spelling that suits it, right and wrong."""
    for name, spelling in SPELLINGS.items():
        text = spelling(golds[row], row)
        if text is None:
            continue
        yield Case(name, "", (golds[row], text))
        if twin := wrong_twin(golds, row, spelling):
            yield Case(name, twin[1], (golds[row], twin[0]))


def spread_cases(sets: dict[str, list[str]], limit: int | None) -> list[Case]:
    """The cases of all rows, or of `limit` rows spread evenly over the sets."""
    rows = [(golds, row) for golds in sets.values() for row in range(len(golds))]
    kept = len(rows) if limit is None else min(limit, len(rows))
    return [case for index in range(kept) for case in cases_of(*rows[index * len(rows) // kept])]


def our_grader() -> Callable[[Pair], tuple[bool, str]]:
    verifier = MathVerifier()

    def grade(pair: Pair) -> tuple[bool, str]:
        verdict = verifier.verify(Completion("", pair[1], pair[0]))
        return verdict.status is Status.CORRECT, f"{verdict.status}: {verdict.reason}"

    return grade


def baseline_grader() -> Callable[[Pair], tuple[bool, str]]:
    return lambda pair: (bool(verify(parse(f"${pair[0]}$"), parse(pair[1]))), "")


def serve(make_grader: MakeGrader, connection: Connection) -> None:
    """Grade each pair that comes in, until None does; the main thread has the SIGALRM."""
    logging.disable(logging.CRITICAL)
    grade = make_grader()
    while (pair := connection.recv()) is not None:
        began = time.perf_counter()
        try:
            accepted, reason = grade(pair)
        except Exception as error:  # a grader that fails accepts nothing, and the next pair is due
            accepted, reason = False, f"{type(error).__name__}: {error}"[:200]
        connection.send(Grade(accepted, reason, time.perf_counter() - began))


class GradingProcess:
    """A grader in a process of its own, replaced when an answer hangs or kills it."""

    def __init__(self, make_grader: MakeGrader) -> None:
        self._make_grader = make_grader
        self._start()

    def _start(self) -> None:
        # Spawned, since a fork would hold the other process's pipe open.
        spawn = multiprocessing.get_context("spawn")
        self._connection, far_end = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(self._make_grader, far_end), daemon=True)
        self._process.start()
        far_end.close()

    def grade(self, pair: Pair) -> Grade:
        try:
            self._connection.send(pair)
            if self._connection.poll(HARD_LIMIT_S):
                return cast(Grade, self._connection.recv())
            reason = f"no verdict within {HARD_LIMIT_S:g} s"
        except (EOFError, ConnectionError):
            reason = "the grading process died"
        self._process.kill()
        self._process.join()
        self._start()
        return Grade(False, reason, HARD_LIMIT_S)

    def close(self) -> None:
        self._connection.send(None)
        self._process.join()


def grade_all(make_grader: MakeGrader, pairs: Sequence[Pair], name: str) -> dict[Pair, Grade]:
    """The grade of each pair, from PROCESSES processes side by side."""
    grades: dict[Pair, Grade] = {}

    def share(first: int) -> None:
        process = GradingProcess(make_grader)
        for at in range(first, len(pairs), PROCESSES):
            grades[pairs[at]] = process.grade(pairs[at])
        process.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(share, range(PROCESSES)))
    print(f"{name}: {len(pairs)} pairs in {time.perf_counter() - began:.0f} s", flush=True)
    return grades


def rate(make_grader: MakeGrader, cases: Sequence[Case]) -> float:
    """Verdicts per second of one process, after a symbolic one that starts what it needs."""
    process = GradingProcess(make_grader)
    process.grade((r"\frac{\sqrt{2}}{2}", r"$\boxed{\frac{1}{\sqrt{2}}}$"))
    seconds = sum(process.grade(case.pair).seconds for case in cases)
    process.close()
    return len(cases) / seconds


def figures(
    cases: Sequence[Case], ours: dict[Pair, Grade], baseline: dict[Pair, Grade]
) -> dict[str, dict[str, int]]:
    """Per spelling: right and wrong completions, and how many of each a grader accepted."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in SPELLINGS}
    for case in cases:
        side = "wrong" if case.kind else "right"
        counts[case.spelling].update(
            {
                side: 1,
                f"{side}_accepted": ours[case.pair].accepted,
                f"{side}_accepted_baseline": baseline[case.pair].accepted,
            }
        )
    return {name: dict(count) for name, count in counts.items() if count}


def meets_bar(count: dict[str, int]) -> bool:
    """At least as many right ones accepted as by math-verify, and hardly any wrong one paid."""
    return count["right_accepted"] >= count["right_accepted_baseline"] and count.get(
        "wrong_accepted", 0
    ) <= MOST_WRONG_PAID * count.get("wrong", 0)


def print_table(counts: dict[str, dict[str, int]]) -> None:
    print(f"\n{'':16} {'right':>7} {'accepted':>9} {'math-v.':>8}", end="")
    print(f" {'wrong':>8} {'paid':>8} {'math-v.':>8}  bar")
    for name, count in counts.items():
        print(f"{name:16}", end="")
        for side, width in (("right", 7), ("wrong", 8)):
            whole = count.get(side, 0)
            shares = [
                f"{count.get(f'{side}_accepted{who}', 0) / max(1, whole):8.3%}"
                for who in ("", "_baseline")
            ]
            print(f" {whole:{width}}  {'  '.join(shares)}", end="")
        print("  met" if meets_bar(count) else "  MISSED")


def print_kinds(
    cases: Sequence[Case], ours: dict[Pair, Grade], baseline: dict[Pair, Grade]
) -> dict[str, dict[str, int]]:
    """How many wrong completions of each kind there are, and how many a grader paid."""
    kinds = {}
    print(f"\n{'wrong by kind':16} {'rows':>8} {'paid':>8} {'math-v.':>8}")
    for kind in KINDS:
        pairs = [case.pair for case in cases if case.kind == kind]
        paid = sum(ours[pair].accepted for pair in pairs)
        paid_baseline = sum(baseline[pair].accepted for pair in pairs)
        kinds[kind] = {"wrong": len(pairs), "paid": paid, "paid_baseline": paid_baseline}
        print(f"{kind:16} {len(pairs):8} {paid:8} {paid_baseline:8}")
    return kinds


def print_failures(cases: Sequence[Case], ours: dict[Pair, Grade], show: int) -> None:
    """What ours got wrong, `show` of it, from each spelling and kind in turn."""
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if ours[case.pair].accepted == bool(case.kind):
            groups[case.spelling, case.kind].append(case)
    total = sum(map(len, groups.values()))
    print(f"\n{total} wrong verdicts of ours, {min(show, total)} of them:")
    rounds = zip_longest(*(dict.fromkeys(group) for group in groups.values()))
    for case in islice(filter(None, chain.from_iterable(rounds)), show):
        what = f"paid ({case.kind})" if case.kind else "refused"
        expected, text = case.pair
        tail = " / ".join(line for line in text.split("\n") if line)[-120:]
        print(f"  {case.spelling:15} {what:18} {expected!r} <- {tail!r} {ours[case.pair].reason}")


def main() -> None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=beside, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--limit", type=int, help="at most so many rows of all sets together")
    parser.add_argument("--show", type=int, default=20, help="wrong verdicts to print")
    arguments = parser.parse_args()

    absent = [name for name in arguments.sets if not (arguments.data / SETS[name]).is_file()]
    if absent:
        parser.error(f"--data {arguments.data} has no {SETS[absent[0]]} (set {absent[0]})")
    sets = {name: golds_of(arguments.data / SETS[name]) for name in arguments.sets}
    cases = spread_cases(sets, arguments.limit)
    pairs = list(dict.fromkeys(case.pair for case in cases))
    print(f"{sum(map(len, sets.values()))} expected answers, {len(cases)} completions", flush=True)
    ours = grade_all(our_grader, pairs, "MathVerifier")
    baseline = grade_all(baseline_grader, pairs, "math-verify")
    counts = figures(cases, ours, baseline)
    print_table(counts)
    kinds = print_kinds(cases, ours, baseline)
    mix = spread_cases(sets, RATE_ROWS)
    rates = {"ours": rate(our_grader, mix), "math-verify": rate(baseline_grader, mix)}
    print(f"\nverdicts/s on one core: {rates['ours']:.0f}, math-verify {rates['math-verify']:.0f}")
    print_failures(cases, ours, arguments.show)
    met = all(map(meets_bar, counts.values())) and rates["ours"] >= LEAST_PER_S
    print(
        json.dumps(
            {
                "benchmark": "verifiers_agreement",
                "baseline": f"math-verify {version('math-verify')}, defaults",
                "sets": {name: len(golds) for name, golds in sets.items()},
                "limit": arguments.limit,
                "spellings": counts,
                "kinds": kinds,
                "verdicts_per_s": round(rates["ours"]),
                "baseline_verdicts_per_s": round(rates["math-verify"]),
                "bar_met": met,
            }
        )
    )


if __name__ == "__main__":
    main()
