"""Completions that a verifier has to survive before it may be trusted with a policy's answers.

A policy under optimization finds whatever makes its verifier fail. Each class holds answers that
have ended one verifier or another: by time, by memory, by recursion, by running what was written.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.base import Completion, Expectation, Verifier

_DEEP = 20_000
_LONG = 200_000


@dataclass(frozen=True)
class Trial:
    """Completions of one class; `rewards` are those that they must get, None for any verdict."""

    name: str
    meaning: str
    completions: Sequence[Completion]
    rewards: Sequence[Expectation] | None = None


_COMPLETIONS = {
    "malformed": (
        "",
        "\n \t",
        "no answer at all",
        "<answer>",
        "</answer><answer></think>",
        "\\boxed{",
        "\\boxed{\\frac{1}{",
        "#### ",
        "\x00\ufeff\u202e\U0001f600\ud800",
        "é" * _LONG,
        "<answer>" * 1000 + "</answer>" * 1000,
    ),
    "hanging": (
        "<answer>9**9**9**9</answer>",
        "<answer>10**10**10 % 7</answer>",
        "<answer>" + "a" * 64 + "!</answer>",
        "<answer>" + "(a+)+" * 40 + "$</answer>",
        "<answer>" + "1+" * _DEEP + "1</answer>",
        "\\boxed{2^{2^{2^{2^{2^{2}}}}}}",
        "<answer>factorial(10**9)</answer>",
        "```python\nwhile True: pass\n```",
        "```python\nimport time\ntime.sleep(10**6)\n```",
    ),
    "crashing": (
        "<answer>" + "(" * _DEEP + ")" * _DEEP + "</answer>",
        "\\boxed{" + "{" * _DEEP + "}" * _DEEP + "}",
        "<answer>" + "[" * _DEEP + "]" * _DEEP + "</answer>",
        "<answer>__import__('os').abort()</answer>",
        "```python\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n```",
        "```python\nimport os\nos._exit(0)\n```",
        "```python\ndef f(): f()\nf()\n```",
    ),
    "memory": (
        "<answer>'x' * 10**12</answer>",
        "<answer>[0] * 10**12</answer>",
        "<answer>" + "9" * _LONG + "</answer>",
        "<answer>1e999999999</answer>",
        "\\boxed{10^{1000000000}}",
        "```python\nx = [bytearray(2**20) for _ in range(10**7)]\n```",
    ),
}
_MEANINGS = {
    "malformed": "answers in no form at all",
    "hanging": "answers that take for ever to evaluate",
    "crashing": "answers that exhaust the stack or end the process",
    "memory": "answers that are large when evaluated",
}


def trials(verifier: Verifier) -> list[Trial]:
    """Every class of trials, with prompts and expected answers from the verifier's self-test.

    The hostile ones may get any verdict; what they must not do is to get none.
    """
    known = list(verifier.self_test())
    right = [(c, r) for c, r in known if _lowest(r) > 0]
    wrong = [(c, r) for c, r in known if _lowest(r) <= 0]
    pattern = (right or wrong)[0][0]
    made = [
        Trial("right", "self-test, paid", [c for c, _ in right], [r for _, r in right]),
        Trial("wrong", "self-test, not paid", [c for c, _ in wrong], [r for _, r in wrong]),
    ]
    for name, texts in _COMPLETIONS.items():
        made.append(
            Trial(name, _MEANINGS[name], [dataclasses.replace(pattern, text=t) for t in texts])
        )
    odd = {"nested": [{"a": [None, 1e308, "\u2028"]}], "large": 10**400}
    carried = [dataclasses.replace(c, info=c.info | odd) for c, _ in known]
    made.append(Trial("unpicklable", "verdicts that have to cross a process", carried))
    return made


def _lowest(expected: Expectation) -> float:
    return expected[0] if isinstance(expected, tuple) else expected
