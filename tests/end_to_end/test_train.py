"""The main job, with the real vLLM, DeepSpeed and Ray on a tiny policy."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlsys import schema
from rlsys.config.load import load
from rlsys.run import checkpoint
from tests.helpers.documented import undocumented
from tests.helpers.submitted import Submitted

pytestmark = pytest.mark.slow


@pytest.fixture
def run(submitted: Submitted, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of one asynchronous run, seen from where it was submitted."""
    monkeypatch.chdir(submitted.place)
    return submitted.folder


def test_every_step_is_trained_and_the_ledger_closes(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    ledger = summary["ledger"]
    assert summary["steps"] == 8
    assert ledger["trained"] == 8 * 4
    ended = ledger["trained"] + sum(ledger["dropped"].values())
    assert ledger["admitted"] == ended + ledger["alive"]
    assert 0 <= summary["pass_at_1_before"] <= 1
    assert 0 <= summary["pass_at_1_after"] <= 1


def test_staleness_stays_within_its_bound(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["staleness"]["max"] <= 2
    assert summary["staleness"]["mean"] > 0


def test_times_of_each_role_add_up_to_wall_time(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["time"]) == {"learner", "rollout", "verifier", "reference", "driver"}
    for times in summary["time"].values():
        assert times["busy_s"] + sum(times["waits"].values()) == pytest.approx(
            times["wall_s"], rel=0.02
        )
        # Members account for their own time; there is one member of each role.
        assert times["wall_s"] == pytest.approx(summary["train_s"], rel=0.02)
    assert summary["balance"]["members"] == dict.fromkeys(summary["balance"]["needed"], 1)


def test_shares_of_each_role_add_up_in_every_step(run: Path) -> None:
    for line in (run / "metrics.jsonl").read_text().splitlines():
        sums: dict[str, float] = {}
        for name, value in json.loads(line).items():
            if name.startswith("time/"):
                role = name.split("/")[1]
                sums[role] = sums.get(role, 0.0) + value
        assert sums == pytest.approx(
            dict.fromkeys(("learner", "rollout", "verifier", "reference", "driver"), 1.0), rel=0.02
        )


def test_samples_are_in_the_rollouts_schema(run: Path) -> None:
    files = sorted((run / "samples").glob("*.parquet"))
    assert len(files) == 8
    for step, file in enumerate(files, 1):
        table = pq.read_table(file)
        assert table.num_rows == 16
        assert set(schema.ROLLOUTS.names) - set(table.schema.names) == {"kept_token_ids"}
        for row in table.to_pylist():
            tokens = len(row["token_ids"])
            assert len(row["policy_versions"]) == len(row["rollout_logprobs"]) == tokens
            assert row["reasoning_tokens"] + row["answer_tokens"] == tokens
            # Trained at version step - 1; never sampled by a later one, nor by one too old.
            assert all(step - 1 - 2 <= v <= step - 1 for v in row["policy_versions"])


def test_the_samples_say_what_training_made_of_each_answer(run: Path) -> None:
    rows = pq.read_table(run / "samples" / "step-000008.parquet").to_pylist()
    for row in rows:
        assert (row["split"], row["dropped"]) == ("train", "")
        sampled = sum(row["rollout_logprobs"])
        assert row["kl"] == pytest.approx(sampled - row["reference_logprob"], abs=1e-6)
    groups = {row["group_id"]: [] for row in rows}
    for row in rows:
        groups[row["group_id"]].append((row["reward"], row["advantage"]))
    for answers in groups.values():
        assert sum(advantage for _, advantage in answers) == pytest.approx(0, abs=1e-4)
        assert sorted(answers) == sorted(answers, key=lambda answer: answer[1])


def test_held_out_checks_stand_at_their_steps_with_their_answers(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "heldout.jsonl").read_text().splitlines()]
    every = load(run / "config.yaml").loop.evaluate_every
    assert sorted(line["step"] for line in lines) == list(range(0, 9, every))
    for line in lines:
        oldest, newest = line["versions"]
        # Beside training, new weights may reach the sampler before it begins with a check's
        # answers.
        beside = 0 < line["step"] < 8
        assert line["step"] <= oldest <= newest if beside else line["step"] == oldest == newest
        path = run / "samples" / "heldout" / f"step-{line['step']:06d}.parquet"
        rows = pq.read_table(path).to_pylist()
        assert {(row["split"], row["step"]) for row in rows} == {("held_out", line["step"])}
        right: dict[str, list[bool]] = {}
        for row in rows:
            right.setdefault(row["prompt_id"], []).append(row["status"] == "correct")
        assert {prompt: sum(some) / len(some) for prompt, some in right.items()} == line["rates"]
    summary = json.loads((run / "summary.json").read_text())
    gained = summary["pass_at_1_after"] - summary["pass_at_1_before"]
    assert summary["gain"]["mean"] == pytest.approx(gained)


def test_the_checkpointed_policy_loads_in_transformers(run: Path) -> None:
    newest = checkpoint.complete(run / "checkpoints")[-1]
    assert newest.name == "step-000008"
    model = AutoModelForCausalLM.from_pretrained(newest / "policy")
    tokenizer = AutoTokenizer.from_pretrained(newest / "policy")
    assert model.get_input_embeddings().num_embeddings >= len(tokenizer)
    assert any((newest / "deepspeed" / "state").iterdir())
    assert checkpoint.read(newest)["loop"]["version"] == 8


def test_metrics_have_a_line_per_step_and_the_config_reads_back(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 9))
    wanted = {"reward/mean", "groups/all_right", "status/correct", "policy/kl", "staleness/max"}
    assert wanted <= set(lines[-1])
    assert not [name for line in lines for name in line if name.startswith("heldout")]
    assert list((run / "tensorboard").iterdir())
    assert load(run / "config.yaml").loop.steps == 8


def test_every_metric_of_a_run_is_in_the_docs(run: Path) -> None:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert undocumented({name for line in lines for name in line} - {"step", "time"}) == set()


def test_plain_lines_name_the_stages(submitted: Submitted) -> None:
    for line in (
        "starting learner-0, rollout-0, verifier-0, reference-0",
        "learner-0 ready",
        "waiting for rollout-0: vLLM loads the policy",
        "step 8/8",
        "admitted 32 = trained 32",
    ):
        assert line in submitted.output
