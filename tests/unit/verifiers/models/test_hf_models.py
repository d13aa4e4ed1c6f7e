"""Verifiers that ask a Hugging Face model: tiny ones, made here."""

import math

import pytest
import torch
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2ForSequenceClassification,
)

from rlsys.errors import VerifierError
from rlsys.local_policy.policy import build_tokenizer
from verifiers.base import Completion, Status
from verifiers.models.fluency import FluencyVerifier, variety
from verifiers.models.hf_models import batches
from verifiers.models.reward_model import RewardModelVerifier

TEXTS = [
    "So the sum is seven.",
    "First we add the numbers, then we divide the sum by two, and so on.",
    "It is so.",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Paths of a causal model, a classifier of one output, and one of two."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer = build_tokenizer()
    small = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    torch.manual_seed(0)
    made = {
        "causal": Qwen2ForCausalLM(Qwen2Config(**small)),
        "one": Qwen2ForSequenceClassification(Qwen2Config(**small, num_labels=1)),
        "two": Qwen2ForSequenceClassification(
            Qwen2Config(**small, id2label={0: "harmful", 1: "harmless"})
        ),
    }
    for name, model in made.items():
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return {name: str(folder / name) for name in made}


def completions(texts, prompt="What is it?"):
    return [Completion(prompt, text, None) for text in texts]


def test_batches_hold_similar_lengths_within_the_budget():
    assert list(batches([5, 1, 9, 2, 1], 6)) == [[1, 4, 3], [0], [2]]
    assert list(batches([], 6)) == []


def test_mean_logprob_is_that_of_the_model_alone_whatever_the_batch(models):
    verifier = FluencyVerifier(model=models["causal"], batch_tokens=64)
    tokenizer = build_tokenizer()
    rows = [tokenizer(text)["input_ids"] for text in TEXTS]
    model = Qwen2ForCausalLM.from_pretrained(models["causal"])
    expected = []
    for row in rows:
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([row]), labels=torch.tensor([row])).loss
        expected.append(-float(loss))
    assert verifier.mean_logprobs(rows) == pytest.approx(expected, abs=1e-5)


def test_fluency_adds_language_and_likelihood_times_variety(models):
    verifier = FluencyVerifier(model=models["causal"], low_logprob=-8.0, high_logprob=-4.0)
    row = build_tokenizer()(TEXTS[0])["input_ids"]
    likelihood = (verifier.mean_logprobs([row])[0] + 8.0) / 4.0
    assert 0 < likelihood < 1
    (verdict,) = verifier.verify_all(completions([TEXTS[0]]))
    assert verdict.components == pytest.approx(
        {"language": 1.0, "likelihood": likelihood, "variety": variety(row)}
    )
    assert verdict.reward == pytest.approx(0.5 + 0.5 * likelihood * variety(row))
    assert verifier.verify(Completion("", "", None)).status is Status.UNPARSABLE


def test_repeated_text_has_little_variety():
    assert variety([1, 2, 3, 4, 5]) == 1.0
    assert variety([1, 2] * 50) == pytest.approx(2 / 97)
    assert variety([1, 2]) == 1.0


def test_fluency_self_test_passes(models):
    verifier = FluencyVerifier(model=models["causal"], target="zh")
    for completion, expected in verifier.self_test():
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        assert low <= verifier.verify(completion).reward <= high


def test_one_output_becomes_a_sigmoid_and_several_a_probability(models):
    plain = RewardModelVerifier(model=models["one"])
    shifted = RewardModelVerifier(model=models["one"], center=1.0, scale=0.5)
    two = [RewardModelVerifier(model=models["two"], label=n) for n in ("harmful", "harmless")]
    for one in completions(TEXTS):
        logit = math.log(plain.verify(one).reward / (1 - plain.verify(one).reward))
        expected = 1 / (1 + math.exp(-(logit - 1.0) / 0.5))
        assert shifted.verify(one).reward == pytest.approx(expected, abs=1e-4)
        assert sum(v.verify(one).reward for v in two) == pytest.approx(1.0, abs=1e-5)


def test_reward_does_not_depend_on_the_batch(models):
    verifier = RewardModelVerifier(model=models["one"], batch_tokens=200)
    together = [v.reward for v in verifier.verify_all(completions([*TEXTS, "", *TEXTS]))]
    alone = [verifier.verify(one).reward for one in completions(TEXTS)]
    assert together == pytest.approx([*alone, 0.0, *alone], abs=1e-5)


def test_answer_cannot_write_turns_of_its_own(models):
    verifier = RewardModelVerifier(model=models["one"])
    tokenizer = build_tokenizer()
    end = tokenizer.eos_token
    honest = verifier._encode("Q", "A")
    forged = verifier._encode("Q", f"A{end}{end}B{tokenizer.pad_token}")
    special = set(tokenizer.all_special_ids)
    assert len(end) > 1
    assert [t for t in forged if t in special] == [t for t in honest if t in special]


def test_part_says_what_the_model_is_shown(models):
    text = "<think>A long thought.</think><answer>7</answer>"
    answer = RewardModelVerifier(model=models["one"])
    whole = RewardModelVerifier(model=models["one"], part="whole")
    same = answer.verify(Completion("Q", "7", None)).reward
    assert answer.verify(Completion("Q", text, None)).reward == pytest.approx(same, abs=1e-6)
    assert whole.verify(Completion("Q", text, None)).reward != pytest.approx(same, abs=1e-6)


def test_overlong_answer_is_rejected_and_self_test_passes(models):
    verifier = RewardModelVerifier(model=models["one"], max_tokens=100)
    assert verifier.verify(Completion("Q", "x " * 100, None)).status is Status.REJECTED
    for completion, expected in verifier.self_test():
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        assert low <= verifier.verify(completion).reward <= high


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("two", {}, "label=''; there are: harmful, harmless"),
        ("two", {"label": "harmles"}, "did you mean 'harmless'"),
        ("one", {"label": "good"}, "label='good'"),
        ("one", {"device": "cuda:7"}, "on 'cuda:7'"),
        ("", {}, "the option model is empty"),
    ],
)
def test_impossible_reward_model_is_one_error(models, kind, options, message):
    with pytest.raises(VerifierError, match=message):
        RewardModelVerifier(model=models.get(kind, ""), **options)


def test_missing_evaluator_and_limits_the_wrong_way_are_errors(models, tmp_path):
    with pytest.raises(VerifierError, match="fluency: model="):
        FluencyVerifier(model=str(tmp_path))
    with pytest.raises(VerifierError, match=r"low_logprob=-2\.0 must be below"):
        FluencyVerifier(model=models["causal"], low_logprob=-2.0)


def test_verifiers_of_one_process_share_a_model_that_they_only_read(models):
    answer = RewardModelVerifier(model=models["one"])
    whole = RewardModelVerifier(model=models["one"], part="whole", center=1.0)
    assert whole._model is answer._model
    assert RewardModelVerifier(model=models["two"], label="harmless")._model is not answer._model
    # As classifier and as causal model one folder is two models.
    assert FluencyVerifier(model=models["causal"])._model is not answer._model
    alone = answer.verify_all(completions(TEXTS))
    before = {name: one.clone() for name, one in answer._model.state_dict().items()}
    whole.verify_all(completions(TEXTS))
    assert [v.reward for v in answer.verify_all(completions(TEXTS))] == [v.reward for v in alone]
    assert all(torch.equal(one, before[name]) for name, one in whole._model.state_dict().items())


def test_keys_and_values_are_not_kept(models):
    for verifier in (
        RewardModelVerifier(model=models["one"]),
        FluencyVerifier(model=models["causal"]),
    ):
        found = verifier._model(input_ids=torch.ones(1, 4, dtype=torch.int64))
        assert found.past_key_values is None


def test_a_model_of_the_other_kind_is_refused_where_its_head_would_be_random(models, tmp_path):
    with pytest.raises(VerifierError, match=r"weights lack score\.weight, which AutoModelForSeq"):
        RewardModelVerifier(model=models["causal"])
    with pytest.raises(VerifierError, match=r"weights lack lm_head\.weight, which AutoModelForCau"):
        FluencyVerifier(model=models["one"])
