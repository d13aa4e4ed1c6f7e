"""Bytes by arithmetic against what torch really keeps and allocates, on the CPU."""

import gc
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM, Qwen2Config, Qwen2ForCausalLM

from rlsys.config import host_memory, memory
from rlsys.config.lora import LoraConfig
from rlsys.config.model_shape import shape_of
from rlsys.config.precision import COMPUTED
from rlsys.config.run import LearnerConfig, Precision, RunConfig, TeacherConfig
from rlsys.learning import attention
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.policy import hidden_states
from rlsys.learning.reference import FrozenPolicy, score_sequences
from tests.helpers.learners import learner_of, one_rank, saved

TOKENS, SEQUENCES, BUCKET = 512, 8, 2_000_000
SIZES = {
    "vocab_size": 4000,
    "hidden_size": 128,
    "intermediate_size": 320,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
    "attn_implementation": attention.NAME,
}
EXPERTS = {"num_experts_per_tok": 3, "moe_intermediate_size": 96}
LATENT = {
    "num_key_value_heads": 2,
    "head_dim": 32,
    "kv_lora_rank": 96,
    "q_lora_rank": None,
    "qk_nope_head_dim": 64,
    "qk_rope_head_dim": 32,
    "v_head_dim": 48,
    "n_routed_experts": 16,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def as_on_a_gpu(monkeypatch):
    """Short sequences, too, go through torch's fused kernel, which keeps no scores."""
    monkeypatch.setattr(attention, "_SMALL_KEYS", 0)


def row():
    """A microbatch of TOKENS tokens."""
    prompts = [np.zeros(2, dtype=np.int64)] * SEQUENCES
    answers = [np.zeros(TOKENS // SEQUENCES - 2, dtype=np.int64)] * SEQUENCES
    return lay_out(blocks_of(list(range(SEQUENCES)), SEQUENCES, False), prompts, answers, None)


def kept_bytes(model) -> int:
    """Of the tensors that torch keeps for the backward pass, beside the weights."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, tuple[int, object]] = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden_states(model.get_decoder(), row())
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize(
    "more",
    [
        {"model_type": "qwen2"},
        {"model_type": "qwen3"},
        {"model_type": "qwen3_moe"} | EXPERTS | {"num_experts": 16},
        {"model_type": "deepseek_v2"} | EXPERTS | LATENT,
        {"model_type": "deepseek_v3"} | EXPERTS | LATENT,
        {"model_type": "deepseek_v3"} | EXPERTS | LATENT | {"q_lora_rank": 64},
    ],
    ids=["qwen2", "qwen3", "qwen3_moe", "deepseek_v2", "deepseek_v3", "compressed queries"],
)
@pytest.mark.parametrize("precision", COMPUTED, ids=lambda p: p.name)
def test_a_layer_keeps_what_the_plan_says(more, precision):
    sizes, kept = SIZES | more, {}
    for layers in (1, 3):
        config = AutoConfig.for_model(**sizes | {"num_hidden_layers": layers})
        model = AutoModelForCausalLM.from_config(config)
        kept[layers] = kept_bytes(model.to(getattr(torch, precision.name)))
    shape = shape_of(AutoConfig.for_model(**sizes).to_dict())
    assert shape is not None
    measured = (kept[3] - kept[1]) / 2 / TOKENS
    planned = memory.activation_bytes(shape, precision, copies=False)
    assert planned == pytest.approx(measured, rel=0.05)


def test_copies_of_shared_keys_are_counted_where_a_gpu_needs_them(monkeypatch):
    kept = {}
    for shares in (True, False):
        monkeypatch.setattr(attention, "_shares_heads", lambda *_, shares=shares: shares)
        for layers in (1, 3):
            config = Qwen2Config(**SIZES | {"num_hidden_layers": layers})
            kept[shares, layers] = kept_bytes(Qwen2ForCausalLM(config))
    shape = shape_of(Qwen2Config(**SIZES).to_dict())
    assert shape is not None
    for shares in (True, False):
        planned = memory.activation_bytes(shape, Precision.float32, copies=not shares)
        measured = (kept[shares, 3] - kept[shares, 1]) / 2 / TOKENS
        assert planned == pytest.approx(measured, rel=0.02)


def growth(work) -> tuple[int, int]:
    """The most bytes beyond those before, at any time and at the end, of all of torch's tensors."""
    gc.collect()  # what others left must not be let go of meanwhile
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    sizes = np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return int(sizes.max()), int(sizes[-1])


STEPS = {
    "float32": {},
    "checkpointed": {"gradient_checkpointing": True},
    "bfloat16": {
        "gradient_checkpointing": True,
        "dtype": Precision.bfloat16,
        "zero_stage": 2,
    },
    "adapter": {"gradient_checkpointing": True, "lora": LoraConfig(rank=16)},
}


def config_of(step: str) -> RunConfig:
    config = RunConfig()
    config.model.max_context = TOKENS // SEQUENCES
    config.learner = LearnerConfig(
        microbatch_tokens=TOKENS,
        logprob_chunk=128,
        deepspeed_options={"zero_optimization": {"reduce_bucket_size": BUCKET}},
        **STEPS[step],
    )
    return config


def step_bytes(step: str, folder: Path) -> tuple[int, int, int, int]:
    """What stays of the learner itself and of a first microbatch, the most that a second one takes,
    which meets the gradients of the first, and what stays of the step."""
    attention._SMALL_KEYS = 0
    made = []
    _, held = growth(
        lambda: made.append(learner_of(folder, CrossEntropy(), one_rank(config_of(step).learner)))
    )
    engine = made[0].deepspeed

    def microbatch(is_last: bool) -> None:
        engine.set_gradient_accumulation_boundary(is_last)
        logprobs, _ = engine(row(), None)
        engine.backward(-logprobs.sum())

    _, after_first = growth(lambda: microbatch(False))
    most, _ = growth(lambda: microbatch(True))
    _, after_step = growth(engine.step)
    return held, after_first, most, after_step


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_what_the_plan_says(
    process: ProcessPoolExecutor, tmp_path: Path, step: str
) -> None:
    config = config_of(step)
    folder = saved(Qwen2ForCausalLM(Qwen2Config(**SIZES)), tmp_path / "m")
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    held, after_first, most, after_step = process.submit(step_bytes, step, folder).result()
    planned = memory.learner(config, shape)
    measured = held + after_first + most
    # Adam's moments come with the first step, and there were none yet.
    trained = memory.adapter_parameters(config.learner, shape) or shape.parameters
    moments = 8 * trained
    # New weights leave in buckets when the step is done.
    others = planned.cuda + (config.weights.bucket_mib << 20)
    expected = planned.total - others - moments
    assert expected == pytest.approx(measured, rel=0.1)
    # They come in the place of the gradients; the bucket is gone, too.
    bucket = 4 * BUCKET if config.learner.zero_stage == 1 else 0
    assert after_step + after_first - bucket == pytest.approx(moments, rel=0.1)


@pytest.mark.parametrize("chunk", [16, 512], ids=["a layer", "logits"])
def test_what_scores_takes_no_more_than_the_plan_says(tmp_path: Path, chunk: int) -> None:
    """Its weights exactly, and of its work, which nothing is kept of, no less than a half."""
    config = RunConfig()
    config.model.max_context = TOKENS // SEQUENCES
    config.learner = LearnerConfig(logprob_chunk=chunk)
    config.teacher = TeacherConfig(dtype=Precision.float32, microbatch_tokens=TOKENS)
    folder = saved(Qwen2ForCausalLM(Qwen2Config(**SIZES)), tmp_path / "m")
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    teachers: list[FrozenPolicy] = []

    def load() -> None:
        teachers.append(FrozenPolicy("teacher", str(folder), config.teacher, config.learner, 1.0))

    prompts = [np.zeros(2, dtype=np.int64)] * SEQUENCES
    answers = [np.zeros(TOKENS // SEQUENCES - 2, dtype=np.int64)] * SEQUENCES
    groups = list(range(SEQUENCES))
    _, held = growth(load)
    most, _ = growth(
        lambda: score_sequences(teachers[0].policy, prompts, answers, groups, False, TOKENS)
    )
    planned = host_memory.scorer(config, config.teacher, shape)
    assert planned.weights == pytest.approx(held, rel=0.01)
    assert planned.work / 2 < most < planned.work
