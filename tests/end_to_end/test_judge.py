"""A judge as it is for real: vLLM's server over HTTP, asked by the built-in verifier.

The judge is the tiny policy, which has no judgement: its reply is the object that the schema allows
and its score is anything. So what is tested is all but its taste, and the test of itself that the
verifier makes is one that any judge passes.
"""

import json
import signal
from pathlib import Path

import pytest

from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import VerifierError
from rlsys.evaluation.samples import Samples
from rlsys.lineage.manifest import Artifact, read_manifest
from rlsys.network import free_port
from tests.helpers.serving import SIZES, printed, started
from tests.helpers.workplace import Workplace
from verifiers.base import Completion, Status
from verifiers.compose import Composite, run_self_test
from verifiers.models.judge import JudgeVerifier

pytestmark = [pytest.mark.slow, pytest.mark.long]

CONTEXT = 4096
TOKENS = 1500
"""Of a reply: a reason of 600 characters is as many tokens, and more where they are not ASCII."""
BOUNDED = {"max_reasoning_tokens": 8}
"""It never ends its reasoning by itself, and the schema holds from there on."""
PATIENT = """
from verifiers.models.judge import JudgeVerifier


class Patient(JudgeVerifier):
    '''The judge, which is not asked whether it can judge.'''

    def self_test(self):
        return super().self_test()[-1:]


VERIFIERS = {"patient": Patient}
"""


def test_a_served_policy_judges_what_another_one_says(workplace: Workplace, tmp_path: Path) -> None:
    log, port = tmp_path / "printed.txt", str(free_port("127.0.0.1"))
    sizes = [f"model.local.{size}" for size in (*SIZES, f"max_positions={CONTEXT}")]
    cache = f"model.cache={workplace.folder / 'cache'}"
    serving = ("serve", "local", cache, *sizes, f"model.max_context={CONTEXT}")
    # A policy without judgement would fill a reply with spaces, where the grammar lets it.
    tight = (
        "--",
        "--structured-outputs-config",
        '{"backend": "xgrammar", "disable_any_whitespace": true}',
    )
    with started(log, *serving, "--port", port, "--name", "judge", *tight) as server:
        url = printed(log, r"ready: (\S+)  model: judge", server)[1]
        _grades(url)
        _marks_in_a_run(url, workplace, tmp_path)
        _refuses_to_judge(url)
        _is_sampled_from(url, workplace)
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _grades(url: str) -> None:
    """Every answer has a score that was read from the object asked for."""
    judge = JudgeVerifier(
        base_url=url, model="judge", max_tokens=TOKENS, deadline_s=200, request=BOUNDED
    )
    question = {"question": "What is 2 + 2?"}
    texts = ("2 + 2 = 4", "2 + 2 = 5", "four", "")
    verdicts = judge.verify_all([Completion("", text, "4", question) for text in texts])
    *judged, silent = verdicts
    for verdict in judged:
        assert verdict.status in (Status.CORRECT, Status.WRONG), verdict
        assert verdict.reward in [score / 10 for score in range(11)]
    assert silent.status is Status.UNPARSABLE


def _marks_in_a_run(url: str, workplace: Workplace, folder: Path) -> None:
    """`rlsys sample` keeps the judge's mark of every completion, and what its rule allows."""
    plugin = folder / "patient.py"
    plugin.write_text(PATIENT)
    rest = f"max_tokens: {TOKENS}, deadline_s: 200, request: {{max_reasoning_tokens: 8}}"
    options = f"{{base_url: '{url}', model: judge, {rest}}}"
    judge = f"{{name: judge, verifier: patient, weight: 0, options: {options}}}"
    told = (
        f"verifiers.plugins=[{plugin}]",
        f"verifiers.rewards=[{{name: accuracy, verifier: math}}, {judge}]",
        "verifiers.timeout_s=240",
        *("sample.prompts=3", "sample.n=2", "sample.right=false", "sample.finished=false"),
        "sample.least={judge: 0}",
    )
    done = workplace.run(
        *("sample", "--config", str(workplace.config), "run.name=judged", *told), timeout_s=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = Samples(workplace.folder / "runs" / "judged" / "samples").read(
        "train", ["status", "components"]
    )
    assert table is not None
    assert "infrastructure" not in table.column("status").to_pylist()
    marks = [dict(row)["judge"] for row in table.column("components").to_pylist()]
    assert len(marks) == 6
    assert all(round(mark * 10) in range(11) for mark in marks)


def _is_sampled_from(url: str, workplace: Workplace) -> None:
    """A teacher that is served: `rlsys sample` asks it, and loads nothing itself."""
    told = ("sample.prompts=4", "sample.n=3", "sample.right=false", "sample.finished=false")
    where = (f"served.url={url}", "served.model=judge", "served.request={max_reasoning_tokens: 8}")
    sample = ("sample", "--config", str(workplace.config), *told, *where)
    done = workplace.run(*sample, "run.name=asked", timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = workplace.folder / "runs"
    lines = (runs / "asked" / "demonstrations.jsonl").read_text().splitlines()
    assert 0 < len(lines) <= 12
    said = [json.loads(line) for line in lines]
    assert all(one["messages"][-1]["role"] == "assistant" and one["tokens"] for one in said)
    made = read_manifest(runs / "asked" / "demonstrations.jsonl")
    assert made.inputs["policy"] == Artifact(f"{url}#judge", "")
    away = workplace.run(*sample, "served.model=other", "run.name=away")
    assert away.returncode == 2
    assert "served.model='other': HTTP 404" in away.stderr


def _refuses_to_judge(url: str) -> None:
    """As itself it has to tell right from wrong before it may grade, which this policy cannot."""
    options = {"base_url": url, "model": "judge", "max_tokens": TOKENS, "deadline_s": 200.0}
    reward = RewardConfig("judge", options={**options, "request": BOUNDED})
    composite = Composite(VerifiersConfig(rewards=[reward]))
    with pytest.raises(VerifierError, match=r"fails its self-test: .*got reward [01]\.\d"):
        run_self_test(composite)
    composite.close()
