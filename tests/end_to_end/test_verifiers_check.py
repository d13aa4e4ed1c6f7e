"""`rlsys verifiers check` in a real worker, on a verifier that is safe and on one that is not."""

from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]

# What a first attempt looks like: it evaluates what the policy wrote.
NAIVE = """
import re

from verifiers.base import Completion, Status, Verdict


class Naive:
    name = "naive"

    def verify(self, completion):
        found = re.search(r"<answer>(.*)</answer>", completion.text)
        right = found is not None and eval(found[1]) == completion.answer
        return Verdict(float(right), Status.CORRECT if right else Status.WRONG)

    def self_test(self):
        return [(Completion("2+2?", f"<answer>{n}</answer>", 4), float(n == 4)) for n in (4, 5)]


VERIFIERS = {"naive": Naive}
"""


def table(output: str) -> dict[str, str]:
    """The line of each class of answers."""
    lines = [line for line in output.splitlines() if " ok " in line or " FAILED " in line]
    return {line.split(":")[0].strip(): line for line in lines}


def test_the_documented_example_survives_every_class(workplace: Workplace, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "verifiers.md").read_text()
    (tmp_path / "short_answer.py").write_text(text.split("```python\n")[1].split("```")[0])
    done = workplace.run(
        *("verifiers", "check", "short_answer", "--plugin", str(tmp_path / "short_answer.py")),
        *("--option", "max_chars=40"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = table(done.stdout)
    wanted = {"right", "wrong", "malformed", "hanging", "crashing", "memory", "unpicklable"}
    assert set(lines) == wanted
    assert all(" ok " in line for line in lines.values())


def test_a_verifier_that_evaluates_answers_fails_where_it_should_and_the_pool_lives(
    workplace: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "naive.py").write_text(NAIVE)
    done = workplace.run(
        *("verifiers", "check", "naive", "--plugin", str(tmp_path / "naive.py")),
        *("--timeout-s", "1", "--memory-mb", "500"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = table(done.stdout)
    for name in ("right", "wrong", "unpicklable"):  # the last one is graded after all the others
        assert " ok " in lines[name]
    for name in ("malformed", "hanging", "crashing", "memory"):
        assert " FAILED " in lines[name]
    assert "no verdict within verifiers.timeout_s=1" in " ".join(done.stdout.split())
