"""Rollouts as a worker would send them, with known values; weights as a worker would pull them."""

import numpy as np
import pyarrow as pa
import ray

from actors.learner_rank import RankSettings
from actors.roles import rank_settings
from rlsys import schema
from rlsys.config.run import Precision, RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.learning.tasks import Task, task_of
from rlsys.weights.bundle import Manifest, found, unpack

ANSWER = "<think>first 1+1=2. then 2+1=3. so the answer is 3.</think><answer>3</answer>"
CANARY = list(range(5, 45))
"""Token ids."""


def settings(**learner: object) -> RunConfig:
    """A config for direct construction, without a file."""
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig("accuracy", verifier="math", weight=1.0)]
    config.learner.optimizer.learning_rate = 1e-2
    for role in (config.learner, config.rollout, config.reference):
        role.dtype = Precision.float32
    for name, value in learner.items():
        setattr(config.learner, name, value)
    return config


def told(config: RunConfig) -> tuple[Task, RankSettings]:
    """What a learner's rank is made with, beside its place and its policy."""
    return task_of(config, ()), rank_settings(config)


def rollouts(groups: int, size: int, texts: list[str] | None = None) -> pa.RecordBatch:
    """Groups of answers of 3 to 9 tokens; the same for every call."""
    rng = np.random.default_rng(0)
    rows = groups * size
    lengths = rng.integers(3, 10, rows)
    prompts = [rng.integers(5, 60, 6).tolist() for _ in range(groups)]
    columns = {
        "prompt_id": [f"p{i // size}" for i in range(rows)],
        "group_id": [i // size for i in range(rows)],
        "sample_index": [i % size for i in range(rows)],
        "source": ["arithmetic"] * rows,
        "prompt_text": ["1+1+1=?"] * rows,
        "expected": ['"3"'] * rows,
        "info": ["{}"] * rows,
        "difficulty": [None] * rows,
        "prompt_token_ids": [prompts[i // size] for i in range(rows)],
        "token_ids": [rng.integers(5, 60, n) for n in lengths],
        "rollout_logprobs": [rng.uniform(-4.5, -3.5, n) for n in lengths],
        "kept_token_ids": [None] * rows,
        "policy_versions": [np.zeros(n) for n in lengths],
        "latent_version": [None] * rows,
        "forced": [np.zeros(n, bool) for n in lengths],
        "finish_reason": ["stop"] * rows,
        "text": texts or [ANSWER] * rows,
        "reasoning_tokens": [2] * rows,
        "answer_tokens": [n - 2 for n in lengths],
        "worker": ["rollout-0"] * rows,
        "sampled_s": [0.1] * rows,
    }
    return schema.build(schema.ROLLOUTS, columns)


def pulled(manifest: Manifest, buckets: ray.ObjectRef) -> dict[str, np.ndarray]:
    """Every published weight, proved, as copies that outlive the store's."""
    placed, spans = found(manifest, ray.get(ray.get(buckets)))
    return {n: tensor.numpy() for n, tensor in unpack(placed, [np.array(s) for s in spans])}
