"""`rlsys reward-model` on two ranks: killed and resumed, it gives the model of a run left alone,
and the built-in verifier scores with it."""

import json

import pytest

from rlsys.data.generated import generated_pairs
from rlsys.lineage.manifest import read_manifest
from rlsys.run import checkpoint
from tests.helpers.repeatable import ON_TWO_RANKS, kill_after_step, metrics, policy
from tests.helpers.workplace import Workplace
from verifiers.base import Completion
from verifiers.models.reward_model import RewardModelVerifier

pytestmark = [pytest.mark.slow, pytest.mark.long]

SETTINGS = ("reward_model.pairs_per_step=16", *ON_TWO_RANKS)


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    workplace: Workplace,
) -> None:
    file = workplace.folder / "pairs.jsonl"
    with file.open("w") as rows:
        for pair in generated_pairs(0)[:200]:
            rows.write(json.dumps({"chosen": pair.chosen, "rejected": pair.rejected}) + "\n")
    command = ("reward-model", "--config", str(workplace.config), f"reward_model.train={file}")
    done = workplace.run(*command, *SETTINGS, "run.name=judge", timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    cut = workplace.folder / "runs" / "cut-judge"
    kill_after_step(
        3,
        [*command, *SETTINGS, "run.name=cut-judge"],
        workplace.folder / "cut-judge.log",
        cut / "checkpoints" / "step-000002",
    )
    assert [p.name for p in checkpoint.complete(cut / "checkpoints")] == ["step-000002"]
    done = workplace.run("reward-model", "--resume", str(cut), timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr

    judge = workplace.folder / "runs" / "judge"
    assert policy(cut) == policy(judge)
    assert metrics(cut) == metrics(judge)
    summary, straight = workplace.summary("cut-judge"), workplace.summary("judge")
    assert summary["heldout_accuracy"] == straight["heldout_accuracy"]
    assert [one["step"] for one in straight["heldout_accuracy"]] == [0, 3, 6]
    assert straight["heldout_accuracy"][0]["accuracy"] == 0.5
    assert straight["heldout_loss"][0]["loss"] == pytest.approx(0.693147, abs=1e-6)
    assert straight["heldout_loss"][-1]["loss"] < 0.6931
    assert (summary["resumes"], summary["rows"], summary["heldout_rows"]) == (1, 180, 20)

    manifest = read_manifest(cut)
    assert manifest.kind == "reward_model"
    assert set(manifest.inputs) == {"policy", "pairs"}
    assert manifest.outputs["reward_model"].path.endswith("step-000006/policy")

    verifier = RewardModelVerifier(
        model=str(judge / "checkpoints" / "latest" / "policy"), part="whole"
    )
    asked = {"question": "1+1=?"}
    assert verifier.verify(Completion("1+1=?", "2", None, asked)).reward is not None
    done = workplace.run("chat", str(judge))
    assert "a classifier, such as a reward model, which writes nothing" in done.stderr
