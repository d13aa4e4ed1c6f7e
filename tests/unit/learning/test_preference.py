"""The learner of a reward model: against a plain torch loop, however its pairs are split, and as
the built-in verifier reads it."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel, Qwen2Config
from transformers import Qwen2ForCausalLM as Qwen2

from rlsys import schema
from rlsys.config.data import DataConfig
from rlsys.config.run import LearnerConfig
from rlsys.data.pairs import read_pairs, to_batch, tokenized
from rlsys.learning.checkpoint import copied, load
from rlsys.learning.learner import Learner
from rlsys.learning.microbatches import Microbatches
from rlsys.learning.objectives.preference import Preference
from rlsys.learning.sequences import Sequences
from rlsys.learning.weights_out import WeightsOut
from rlsys.local_policy.tokenizer import build_tokenizer
from tests.helpers.learners import (
    LEARNING_RATE,
    Fitted,
    in_float32,
    learner_of,
    on_ranks,
    one_rank,
    same,
    saved,
    weights,
)
from verifiers.base import Completion
from verifiers.models.reward_model import RewardModelVerifier

# Token 0 pads nothing here: a random sequence must not end in it.
VOCABULARY, PAIRS, STEPS, PAD = 41, 6, 3, 0


@pytest.fixture(scope="module")
def folder(model: PreTrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shared tiny policy, with a tokenizer whose padding token is PAD."""
    threads = torch.get_num_threads()
    path = saved(model, tmp_path_factory.mktemp("policy"))
    tokenizer = build_tokenizer()
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(PAD)
    tokenizer.save_pretrained(path)
    yield path
    torch.set_num_threads(threads)


def pairs() -> pa.RecordBatch:
    """Pairs with sides of 1 to 9 tokens; the same for every call."""
    rng = np.random.default_rng(5)

    def texts(least: int, most: int) -> list[np.ndarray]:
        return [rng.integers(1, VOCABULARY, n) for n in rng.integers(least, most, PAIRS)]

    names = schema.PAIRS.names
    return schema.build(schema.PAIRS, {name: texts(1, 9) for name in names})


def plain_loop(folder: Path, batch: pa.RecordBatch) -> Fitted:
    """Side by side, through transformers' own classifier and attention."""
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=1, pad_token_id=PAD, attn_implementation="eager"
    )
    torch.nn.init.zeros_(model.score.weight)
    settings = LearnerConfig().optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=LEARNING_RATE,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
    )
    losses = []
    for _ in range(STEPS):
        summed = 0.0
        for row in batch.to_pylist():
            better, worse = (
                model(input_ids=torch.tensor([row["prompt_token_ids"] + row[side]])).logits[0, 0]
                for side in ("chosen_token_ids", "rejected_token_ids")
            )
            loss = -torch.nn.functional.logsigmoid(better - worse) / batch.num_rows
            loss.backward()
            summed += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(summed)
    return losses, {name: p.detach() for name, p in model.named_parameters()}


def fitted(learner: Learner, batch: pa.RecordBatch, steps: int = STEPS) -> Fitted:
    losses = [learner.step(batch, version)["loss"] for version in range(steps)]
    (bucket,) = WeightsOut(learner.policy, learner.ranks).gathered(1 << 30)
    return losses, {name: tensor.clone() for name, tensor in bucket}


def learner_for(folder: Path, **settings: object) -> Learner:
    return learner_of(folder, Preference(), one_rank(LearnerConfig(**settings)))  # type: ignore[arg-type]


def fitted_on_ranks(
    rank: int, count: int, port: int, folder: str, batch: pa.RecordBatch, stages: list[int]
) -> list[Fitted]:
    from rlsys.learning.ranks import Ranks

    found = []
    for stage in stages:
        config = LearnerConfig(zero_stage=stage, microbatch_tokens=30)
        ranks = Ranks(rank, count, "127.0.0.1", port, in_float32(config))
        found.append(fitted(learner_of(folder, Preference(), ranks), batch))
    return found


def assert_equal(found: Fitted, expected: Fitted) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[1].keys() == expected[1].keys()
    for name, weight in expected[1].items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        torch.testing.assert_close(found[1][name], weight, atol=2e-4, rtol=0, msg=name)


@pytest.mark.slow
def test_the_learner_is_a_plain_torch_loop_over_transformers_classifier(folder: Path) -> None:
    expected = plain_loop(folder, pairs())
    assert expected[0][0] == pytest.approx(math.log(2))
    assert expected[0][-1] < expected[0][0]
    assert_equal(fitted(learner_for(folder), pairs()), expected)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"microbatch_tokens": 1}, {"share_prompts": True}], ids=str)
def test_loss_and_weights_do_not_depend_on_packing_and_microbatches(
    folder: Path, settings: dict[str, object]
) -> None:
    whole = fitted(learner_for(folder), pairs())
    assert_equal(fitted(learner_for(folder, **settings), pairs()), whole)


@pytest.mark.slow
@pytest.mark.long
def test_loss_and_weights_do_not_depend_on_ranks_and_sharding(folder: Path, tmp_path: Path) -> None:
    """Six pairs in rows of 30 tokens: the ranks have different numbers of them."""
    whole = fitted(learner_for(folder), pairs())
    stages = [0, 1, 2, 3]
    for one in on_ranks(2, tmp_path, fitted_on_ranks, str(folder), pairs(), stages):
        assert_equal(one, whole)


@pytest.mark.slow
def test_a_rank_without_a_pair_has_a_loss_of_0_that_it_can_call_backward_on(folder: Path) -> None:
    learner = learner_for(folder)
    sequences = Sequences.from_pairs(pairs().slice(0, 1))
    ranks = learner.ranks
    ranks.world_size = 2
    rows = []
    for rank in (0, 1):
        ranks.rank = rank
        own = Microbatches(ranks, whole_groups=True)
        rows += list(own.own(sequences, [0, 1], np.ones(2, dtype=np.float32)))
    assert [row.layout.sequences for row in rows] == [(0, 1), (0,)]
    loss = Preference().loss(sequences, rows[1], learner.policy(rows[1].layout))
    assert (loss.loss.item(), loss.sums["count"].item()) == (0.0, 0)
    loss.loss.backward()


@pytest.mark.slow
def test_a_score_is_measured_where_transformers_reads_it_and_changes_nothing(
    folder: Path,
) -> None:
    learner = learner_for(folder, microbatch_tokens=20)
    fitted(learner, pairs())
    before = weights(learner.policy)
    found = learner.measure(pairs(), STEPS)
    assert same(before, weights(learner.policy))
    model = learner.policy.model
    model.set_attn_implementation("eager")
    sides = [
        [
            model(input_ids=torch.tensor([row["prompt_token_ids"] + row[side]])).logits.item()
            for side in ("chosen_token_ids", "rejected_token_ids")
        ]
        for row in pairs().to_pylist()
    ]
    margins = [better - worse for better, worse in sides]
    assert found["chosen_score"] == pytest.approx(np.mean([c for c, _ in sides]), rel=1e-4)
    assert found["margin"] == pytest.approx(np.mean(margins), rel=1e-4)
    assert found["accuracy"] == np.mean([margin > 0 for margin in margins])
    assert found["loss"] == pytest.approx(np.mean(np.log1p(np.exp(-np.array(margins)))), rel=1e-4)


@pytest.mark.slow
def test_before_training_every_pair_is_a_coin(folder: Path) -> None:
    found = learner_for(folder).measure(pairs(), 0)
    assert found["loss"] == pytest.approx(math.log(2))
    assert (found["accuracy"], found["margin"]) == (0.5, 0.0)


@pytest.mark.slow
def test_a_resumed_learner_goes_on_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    uninterrupted = fitted(learner_for(folder), pairs(), 4)
    first = learner_for(folder)
    fitted(first, pairs(), 2)
    copied(tmp_path, first, WeightsOut(first.policy, first.ranks), str(folder)).write()
    second = learner_for(folder)
    load(tmp_path, second)
    losses, found = fitted(second, pairs(), 2)
    assert losses == uninterrupted[0][2:]
    assert all(torch.equal(found[name], tensor) for name, tensor in uninterrupted[1].items())


@pytest.mark.slow
def test_packing_is_proved_on_the_states_that_the_head_reads(folder: Path) -> None:
    learner_for(folder).prove_packing(list(range(1, 40)))


# --- a known preference --------------------------------------------------------------------------


def small_policy(folder: Path) -> Path:
    tokenizer = build_tokenizer()
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.1,
    )
    tokenizer.save_pretrained(folder)
    return saved(Qwen2(config), folder)


@pytest.mark.slow
def test_a_known_preference_is_recovered_and_the_verifier_scores_by_it(tmp_path: Path) -> None:
    """Who says please is preferred, whatever else is said: on pairs that were never seen."""
    rng = np.random.default_rng(0)

    def said(polite: bool) -> str:
        words = [str(rng.integers(10, 99)) for _ in range(rng.integers(2, 6))]
        return " ".join([*words, "please" if polite else "now"])

    file = tmp_path / "pairs.csv"
    rows = [f"{i},{said(True)},{said(False)}" for i in range(200)]
    file.write_text("\n".join(["prompt,chosen,rejected", *rows]) + "\n")
    policy = small_policy(tmp_path / "policy")
    found = tokenized(read_pairs(str(file), DataConfig()).rows, build_tokenizer(), 64)
    batch = to_batch(found.rows)
    learner = learner_of(policy, Preference(), one_rank(LearnerConfig()))
    before = learner.measure(batch.slice(160), 0)
    for step in range(12):
        learner.step(batch.slice(step % 5 * 32, 32), step)
    after = learner.measure(batch.slice(160), 12)
    assert before["accuracy"] == 0.5
    assert after["accuracy"] > 0.95
    assert after["loss"] < 0.3

    copied(tmp_path, learner, WeightsOut(learner.policy, learner.ranks), str(policy)).write()
    verifier = RewardModelVerifier(model=str(tmp_path / "policy"), part="whole")
    asked = {"question": "7"}
    polite, rude = verifier.verify_all(
        [Completion("7", said(is_polite), None, asked) for is_polite in (True, False)]
    )
    assert polite.reward is not None
    assert rude.reward is not None
    assert polite.reward > 0.7 > 0.3 > rude.reward
