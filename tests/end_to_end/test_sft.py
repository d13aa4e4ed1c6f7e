"""`rlsys sft` on two ranks: killed and resumed, it gives the policy of a run left alone."""

import json

import pytest

from rlsys.data.generated import generated_lessons
from rlsys.run import checkpoint
from tests.helpers.repeatable import ON_TWO_RANKS, kill_after_step, metrics, policy
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]

SETTINGS = ("sft.rows_per_step=16", *ON_TWO_RANKS)


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    workplace: Workplace,
) -> None:
    file = workplace.folder / "chains.jsonl"
    with file.open("w") as rows:
        for lesson in generated_lessons(0)[:200]:
            said = {"role": "assistant", "content": lesson.completion}
            rows.write(json.dumps({"messages": [*lesson.prompt.messages, said]}) + "\n")
    sft = ("sft", "--config", str(workplace.config), f"sft.train={file}", *SETTINGS)
    done = workplace.run(*sft, "run.name=taught")
    assert done.returncode == 0, done.stdout + done.stderr
    cut = workplace.folder / "runs" / "cut"
    newest = cut / "checkpoints" / "step-000002"
    kill_after_step(3, [*sft, "run.name=cut"], workplace.folder / "cut.log", newest)
    assert [p.name for p in checkpoint.complete(cut / "checkpoints")] == ["step-000002"]
    done = workplace.run("train", "--resume", str(cut))
    assert done.returncode == 2
    assert "nearest valid: rlsys sft --resume" in done.stderr
    done = workplace.run("sft", "--resume", str(cut))
    assert done.returncode == 0, done.stdout + done.stderr

    taught = workplace.folder / "runs" / "taught"
    assert policy(cut) == policy(taught)
    assert metrics(cut) == metrics(taught)
    summary, straight = workplace.summary("cut"), workplace.summary("taught")
    assert summary["heldout_loss"] == straight["heldout_loss"]
    losses = [one["loss"] for one in straight["heldout_loss"]]
    assert [one["step"] for one in straight["heldout_loss"]] == [0, 3, 6]
    assert losses == sorted(losses, reverse=True)
    assert (summary["resumes"], summary["rows"], summary["heldout_rows"]) == (1, 180, 20)
    assert "pass@1 is not measured" in " ".join(straight["notes"])
