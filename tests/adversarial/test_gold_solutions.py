"""Every gold solution of HumanEval and MBPP passes in the sandbox, and every empty body fails."""

import json
import re
from collections import Counter

import pytest

from rlsys.config.sandbox import SandboxConfig
from tests.helpers.places import DATA
from verifiers.base import Completion, verify_all
from verifiers.code.functions import FunctionVerifier
from verifiers.code.tests_plan import plan_of
from verifiers.sandbox.pool import open_sandbox

_SLOW = {123: {"wall_s": 200, "memory_mb": 512}}
"""MBPP's gold solution of this task takes 20 s and more."""


def rows(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    # Only "\n" ends a line: strings may hold other Unicode line separators.
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


@pytest.fixture(scope="module")
def verifier():
    sandbox = open_sandbox(SandboxConfig(zygotes=2))
    made = FunctionVerifier(sandbox, wall_s=60.0, cpu_s=20.0)
    yield made
    made.close()
    sandbox.close()


def graded(verifier, completions):
    verdicts = verify_all(verifier, completions)
    return {
        completion.info["task_id"]: (verdict.reward, verdict.status, verdict.reason)
        for completion, verdict in zip(completions, verdicts, strict=True)
    }


def humaneval(verifier, data):
    gold = [Completion(r["prompt"], r["canonical_solution"], None, r) for r in data]
    assert {k: v for k, v in graded(verifier, gold).items() if v[0] != 1.0} == {}
    empty = [Completion(r["prompt"], "    pass\n", None, r) for r in data]
    assert {k: v for k, v in graded(verifier, empty).items() if v[0] != 0.0} == {}


def mbpp(verifier, data):
    gold = [Completion("", f"```python\n{r['code']}\n```", None, r) for r in data]
    assert {k: v for k, v in graded(verifier, gold).items() if v[0] != 1.0} == {}
    empty = [Completion("", _empty(r), None, r) for r in data]
    assert {k: v for k, v in graded(verifier, empty).items() if v[0] != 0.0} == {}


def test_humaneval_tasks_and_those_whose_tests_use_the_prompt(verifier):
    odd = {f"HumanEval/{n}" for n in (32, 33, 38, 50)}
    data = rows("humaneval/humaneval.jsonl")
    humaneval(verifier, [r for i, r in enumerate(data) if i % 4 == 0 or r["task_id"] in odd])


def test_mbpp_tasks_and_those_whose_tests_use_the_solution(verifier):
    odd = (126, 367, 533, 596, 601, 927)
    data = rows("mbpp/mbpp.jsonl")
    mbpp(verifier, [r for r in data if r["task_id"] % 16 == 0 or r["task_id"] in odd])


@pytest.mark.soak
def test_every_task_of_humaneval(verifier):
    data = rows("humaneval/humaneval.jsonl")
    humaneval(verifier, data)
    whole = [
        Completion("", f"```python\n{r['prompt']}{r['canonical_solution']}```\nDone.", None, r)
        for r in data
    ]
    assert Counter(v[0] for v in graded(verifier, whole).values()) == {1.0: len(data)}


@pytest.mark.soak
def test_every_task_of_mbpp(verifier):
    data = rows("mbpp/mbpp.jsonl")
    mbpp(verifier, [r for r in data if r["task_id"] not in _SLOW])
    slow = [r for r in data if r["task_id"] in _SLOW]
    gold = [Completion("", r["code"], None, r | {"limits": _SLOW[r["task_id"]]}) for r in slow]
    assert [v[0] for v in graded(verifier, gold).values()] == [1.0] * len(_SLOW)


def _empty(row):
    """The gold solution with the body of the function under test taken out."""
    name = plan_of(row).function
    head = re.search(rf"^def {name}\s*\(.*?\)\s*:", row["code"], re.MULTILINE | re.DOTALL)
    assert head is not None
    return f"```python\n{row['code']}\n{head[0]}\n    pass\n```"
