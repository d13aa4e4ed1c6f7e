"""Two steps of a whole run on a tiny random model of each of the families that people bring."""

from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.helpers.tiny_models import ARCHITECTURES, Architecture, build
from tests.helpers.workplace import Workplace

pytestmark = pytest.mark.long

BROUGHT = ("llama", "qwen3", "mistral", "gemma", "phi3", "smollm3", "olmo2")
WITH_EXPERTS = ("qwen3_moe", "mixtral", "deepseek_v3")
TRIED = [one for one in ARCHITECTURES if one.kind in (*BROUGHT, *WITH_EXPERTS)]
EVEN = ROOT / "benchmarks" / "even.py"


@pytest.mark.parametrize("architecture", TRIED, ids=lambda one: one.kind)
def test_a_random_model_is_trained_for_two_steps(
    architecture: Architecture, workplace: Workplace, tmp_path: Path
) -> None:
    build(architecture, tmp_path / "model")
    name = f"tiny-{architecture.kind}"
    done = workplace.run(
        *("train", "--config", str(workplace.config), f"model.path={tmp_path / 'model'}"),
        *(f"run.name={name}", "loop.steps=2", "loop.evaluate_every=0", "loop.checkpoint_every=2"),
        *("evaluation.final_prompts=0", "sampling.max_tokens=16"),
        *(f"verifiers.plugins=[{EVEN}]", "verifiers.rewards=[{name: even}]"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = workplace.summary(name)
    ledger = summary["ledger"]
    ended = ledger["trained"] + sum(ledger["dropped"].values())
    assert summary["steps"] == 2
    assert ledger["admitted"] == ended + ledger["alive"]
    # An update was made of completions that differed, and the samplers proved that they hold it.
    assert summary["signal"]["without_signal"] < summary["signal"]["groups"]
