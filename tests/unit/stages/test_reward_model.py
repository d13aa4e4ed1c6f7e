"""The stage of a reward model around a fake fleet, and what its plan refuses."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.run import RunConfig, StageKind
from rlsys.data.batches import Batches
from rlsys.data.pairs import TokenPair, to_batch
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.observe.reward_model_summary import RewardModelSummary
from rlsys.run.checkpointer import Origin, newest
from rlsys.schema import list_column
from rlsys.stages.reward_model import RewardModelling
from rlsys.stages.reward_model_plan import PairsPlan, read, sources
from rlsys.stages.sft import LearnedRows
from tests.helpers.fake_fleet import make_config
from tests.helpers.fake_run import driven
from tests.helpers.tiny_models import ARCHITECTURES
from tests.unit.stages.test_sft import Learner

STEPS = 4


class Judge(Learner):
    """Its accuracy rises with each step."""

    async def fit(self, version: int, batch: pa.RecordBatch) -> dict[str, float]:
        assert version == self.trained_version
        self.trained_version += 1
        self.learned.append([ids[0] for ids in batch.column("chosen_token_ids").to_pylist()])
        return {"loss": 0.5, "accuracy": 0.7, "trained_tokens": float(batch.num_rows)}

    async def measure(self, batch: pa.RecordBatch) -> dict[str, float]:
        accuracy = 0.5 + self.trained_version / 10
        return {"loss": 1 - accuracy, "accuracy": accuracy, "margin": 0.0, "chosen_score": 9.0}


def judged(folder: Path, fleet: Judge, origin: Origin | None = None, steps: int = STEPS) -> Any:
    folder.mkdir(exist_ok=True)
    config = make_config(steps=steps, evaluate_every=2, checkpoint_every=2)
    config.run.stage = StageKind.reward_model
    pairs = to_batch([TokenPair("test", (7,), (i,), (90,)) for i in range(8)])
    rows = LearnedRows(pairs, pairs.slice(0, 3), Batches(8, 4, 2.0, 0))
    make = partial(RewardModelling, config, "run", "model", rows, [])
    return driven(folder, fleet, config, make, lambda step: None, origin or Origin())


def test_held_out_accuracy_is_measured_beside_the_loss(tmp_path: Path) -> None:
    summary, said = judged(tmp_path, fleet := Judge())
    assert isinstance(summary, RewardModelSummary)
    assert summary.accuracies == {0: 0.5, 2: 0.7, 4: 0.9}
    assert summary.losses == pytest.approx({0: 0.5, 2: 0.3, 4: 0.1})
    assert "held-out loss at step 2: 0.3000 nats per pair, accuracy 0.700, margin 0.000" in said
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("heldout/accuracy") for line in lines] == [None, 0.7, None, 0.9]
    assert sorted(row for rows in fleet.learned[:2] for row in rows) == list(range(8))
    written = summary.to_dict()
    assert written["heldout_accuracy"][-1] == {"step": 4, "accuracy": 0.9}
    assert not [line for line in fleet.log if line.startswith("pulled")]


def test_the_printed_summary_says_accuracy_and_nothing_of_answers(tmp_path: Path) -> None:
    summary, _ = judged(tmp_path, Judge())
    rows = dict(summary.more_rows())
    assert rows["held-out accuracy"].startswith("0.500 [0.000, 1.000] at step 0, 0.900 [")
    assert rows["epochs"] == "2.00 of 8 pairs"
    assert not [row for row in dict(summary.table_rows()) if "pass@1" in row]
    figures = summary.figures()
    accuracy = figures["heldout_accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["mean"] == pytest.approx(0.9)
    assert accuracy["low"] < 0.9 < accuracy["high"]
    assert figures["heldout_loss"] == pytest.approx(0.1)


def test_a_resumed_run_learns_what_is_left_and_knows_what_was_measured(tmp_path: Path) -> None:
    whole, _ = judged(tmp_path / "whole", straight := Judge())
    folder = tmp_path / "cut"
    first = Judge()
    judged(folder, first, steps=2)
    origin = newest(folder, STEPS)
    second = Judge()
    second.trained_version = origin.version
    summary, _ = judged(folder, second, origin)
    assert first.learned + second.learned == straight.learned
    assert summary.accuracies == whole.accuracies


# --- the plan ------------------------------------------------------------------------------------


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def pair(number: int, chosen: str | None = "2", rejected: str | None = "3") -> dict[str, Any]:
    return {"prompt": f"{number}+1=?", "chosen": chosen, "rejected": rejected}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """50 pairs, of which a tenth is held out."""
    config = RunConfig()
    config.run.stage = StageKind.reward_model
    config.reward_model.train = write(tmp_path / "pairs.jsonl", [pair(i) for i in range(50)])
    config.loop.epochs = 2.0
    return config


def plan(config: RunConfig) -> PairsPlan:
    return read(config, False, lambda line: None)


def prompts_of(batch: pa.RecordBatch) -> set[str]:
    tokenizer = build_tokenizer()
    return {tokenizer.decode(ids) for ids in list_column(batch, "prompt_token_ids")}


def test_epochs_are_passes_over_the_pairs_and_a_tenth_is_held_out(config: RunConfig) -> None:
    config.reward_model.pairs_per_step = 8
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (45, 5)
    assert found.length == "2 epochs of 45 pairs: 12 steps"
    assert found.notes == []
    assert not prompts_of(found.train) & prompts_of(found.held_out)
    assert sources(config) == [config.reward_model.train, ""]


def test_all_pairs_of_a_prompt_are_in_one_part(config: RunConfig, tmp_path: Path) -> None:
    rows = [pair(i, rejected=str(worse)) for i in range(40) for worse in (3, 4, 5)]
    config.reward_model.train = write(tmp_path / "several.jsonl", rows)
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (108, 12)
    assert not prompts_of(found.train) & prompts_of(found.held_out)


def test_a_test_file_is_held_out_and_its_prompts_are_not_learned(
    config: RunConfig, tmp_path: Path
) -> None:
    config.reward_model.test = write(tmp_path / "test.jsonl", [pair(3), pair(99)])
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (49, 2)
    assert found.notes == ["1 pairs left out: their prompts are held out"]
    config.reward_model.test = config.reward_model.train
    with pytest.raises(DataError, match=r"each of its 50 pairs is also in reward_model\.test="):
        plan(config)


def test_what_cannot_be_learned_from_is_one_error_or_left_out_and_counted(
    config: RunConfig, tmp_path: Path
) -> None:
    rows = [*(pair(i) for i in range(50)), pair(60, rejected=None), pair(61, "2", "2")]
    path = config.reward_model.train = write(tmp_path / "faulty.jsonl", [*rows, pair(62, "2", "2")])
    with pytest.raises(DataError) as error:
        plan(config)
    assert str(error.value) == (
        f"{path}, row 51, column rejected: expected an answer, got None (NoneType); "
        "data.skip_unreadable_rows=true leaves out this row and 2 more"
        f"\n  {path}, row 52, column rejected: expected another answer than the chosen one, got "
        f"'2' (str)\n  {path}, row 53, column rejected: expected another answer than the chosen "
        "one, got '2' (str)"
    )
    config.data.skip_unreadable_rows = True
    found = plan(config)
    assert found.train.num_rows + found.held_out.num_rows == 50
    assert found.notes[0].startswith(f"{path}: 3 unreadable rows left out, the first: {path}, row")


def test_long_pairs_are_left_out_and_counted(config: RunConfig, tmp_path: Path) -> None:
    rows = [*(pair(i) for i in range(30)), pair(40, "and so on " * 30)]
    config.reward_model.train = write(tmp_path / "long.jsonl", rows)
    config.model.max_context, config.reward_model.holdout = 100, 0
    found = plan(config)
    assert found.train.num_rows == 30
    assert found.notes == [
        "1 pairs left out: a side over model.max_context=100 tokens",
        "no held-out pairs: the held-out loss and accuracy are not measured",
    ]
    config.model.max_context = 3
    with pytest.raises(DataError, match="no pair is left to train on: 31 pairs, 31 over"):
        plan(config)


def test_what_packing_is_proved_on_is_the_longest_side(config: RunConfig, tmp_path: Path) -> None:
    rows = [pair(i) for i in range(20)] + [pair(30, "2", "it may be 3")]
    config.reward_model.train = write(tmp_path / "sides.jsonl", rows)
    config.reward_model.holdout = 0
    assert build_tokenizer().decode(plan(config).longest) == "30+1=?\nit may be 3<|endoftext|>"


def test_a_manifest_names_the_policy_the_pairs_and_the_model(
    config: RunConfig, tmp_path: Path
) -> None:
    found = plan(config)
    pairs = config.reward_model.train
    assert found.inputs("policy-folder") == {"policy": "policy-folder", "pairs": pairs}
    assert found.outputs(tmp_path) == {}
    judged(tmp_path / "run", Judge())
    (model,) = found.outputs(tmp_path / "run").values()
    assert model.parts[-3:] == ("checkpoints", "step-000004", "policy")


def test_the_shipped_config_learns_from_generated_pairs() -> None:
    config = load(CONFIGS / "reward_model.yaml")
    found = plan(config)
    assert (found.train.num_rows, found.held_out.num_rows) == (3744, 256)
    assert found.notes == []
    assert found.config.loop.steps == 117


def test_a_model_without_a_classifier_is_refused_before_rows_are_read(
    config: RunConfig, tmp_path: Path
) -> None:
    cohere = next(one for one in ARCHITECTURES if one.kind == "cohere")
    cohere.config().save_pretrained(tmp_path / "cohere")
    config.model.path = str(tmp_path / "cohere")
    with pytest.raises(ConfigError, match="no sequence classifier of the type cohere"):
        plan(config)
