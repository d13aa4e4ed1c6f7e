"""How many maths answers are graded per second on one core, against math-verify in-process.

    python benchmarks/verifiers_math.py

The same ordinary answers (numbers in the forms that policies write) go through MathVerifier and,
as the baseline, through math-verify's parse and verify as documented, with its SIGALRM time-outs.
Symbolic answers, whose equality sympy proves in its process, a hostile number, and a proof that
never ends, with the next one after it, are timed as well. The last line is one JSON object.
"""

import json
import logging
import time
from collections.abc import Callable

from math_verify import parse, verify

from verifiers.base import Completion, Status
from verifiers.math.tree import node, num
from verifiers.math.verifier import MathVerifier

FAST_SECONDS = 3.0
FORMS = ("{}", "{}.0", "${}", r"\${}", "{} apples", r"\frac{{{}}}{{7}}", "0{}", "{}%")
HOSTILE = "9^{9^{9^{9}}}"
ENDLESS = node("pow", node("add", *(node("sym", letter) for letter in "abcdef")), num(90))


def number_pairs(count: int) -> list[tuple[str, str]]:
    """Expected and given answers; half of them right."""
    pairs = []
    for index in range(count):
        form = FORMS[index % len(FORMS)]
        wrong = index // len(FORMS) % 2
        pairs.append((form.format(index + 11), form.format(index + 11 + wrong)))
    return pairs


def symbolic_pairs(count: int) -> list[tuple[str, str]]:
    """Answers that only math-verify can compare; half of them right."""
    return [
        (rf"\frac{{{n}\sqrt{{2}}}}{{3}}", rf"\frac{{\sqrt{{2}}\cdot {n + n % 2}}}{{3}}")
        for n in range(4, 4 + count)
    ]


def rate(check: Callable[[str, str], bool], pairs: list[tuple[str, str]], seconds: float) -> float:
    """Checks per second."""
    began, checks = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        expected, given = pairs[checks % len(pairs)]
        check(expected, given)
        checks += 1
    return checks / (time.perf_counter() - began)


def main() -> None:
    logging.disable(logging.CRITICAL)
    verifier = MathVerifier()

    def ours(expected: str, given: str) -> bool:
        text = f"<think>so it is</think><answer>{given}</answer>"
        return verifier.verify(Completion("", text, expected)).status is Status.CORRECT

    def baseline(expected: str, given: str) -> bool:
        gold, answer = parse(f"${expected}$"), parse(rf"so it is $\boxed{{{given}}}$")
        return bool(verify(gold, answer))

    numbers, symbols = number_pairs(4096), symbolic_pairs(512)
    ours(*symbols[0])  # starts the process
    measured = {
        "fast_checks_per_s": rate(ours, numbers, FAST_SECONDS),
        "baseline_checks_per_s": rate(baseline, numbers, FAST_SECONDS),
        "symbolic_checks_per_s": rate(ours, symbols, FAST_SECONDS),
        "baseline_symbolic_checks_per_s": rate(baseline, symbols, FAST_SECONDS),
    }
    began = time.perf_counter()
    ours("17", HOSTILE)
    hostile_s = time.perf_counter() - began
    began = time.perf_counter()
    verifier.process.compare(node("sym", "x"), ENDLESS)
    endless_s = time.perf_counter() - began
    began = time.perf_counter()
    ours(*symbols[1])
    replaced_s = time.perf_counter() - began
    verifier.close()
    for name, value in measured.items():
        print(f"{name:32} {value:10.0f}")
    print(f"{'hostile answer':32} {hostile_s:10.3f} s")
    print(f"{'endless proof':32} {endless_s:10.2f} s, the next one {replaced_s * 1000:.0f} ms")
    print(
        json.dumps(
            {
                "benchmark": "verifiers_math",
                "baseline": "math-verify in-process, default time-outs",
                "ratio": round(
                    measured["fast_checks_per_s"] / measured["baseline_checks_per_s"], 2
                ),
                **{name: round(value) for name, value in measured.items()},
                "hostile_answer_s": round(hostile_s, 3),
                "endless_proof_s": round(endless_s, 3),
                "after_replacement_s": round(replaced_s, 4),
            }
        )
    )


if __name__ == "__main__":
    main()
