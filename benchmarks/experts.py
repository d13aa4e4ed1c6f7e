"""Policies with experts, on a CPU, without Ray and vLLM: what a replayed choice is worth, and what
ZeRO-3 sends.

    python benchmarks/experts.py drift MODEL [--steps 4] [--staleness 0 2 4]
    python benchmarks/experts.py bytes
    python benchmarks/experts.py speed [--turns 5]

drift: a learner of GRPO with four updates a step on groups of completions of the generated
arithmetic, sampled by transformers under the weights that it had `staleness` steps ago, with
learner.experts.replay=none and =learner. Printed is how far the policy of a step's updates is from
the sampler, over all trained tokens: k3 of the KL (nats per token), the 1st and the 99th percentile
of the ratio, and the effective sample size.

bytes: two ranks with gloo and ZeRO-3 take a step on a policy with experts, and on a dense one of
equal active parameters. Printed is what DeepSpeed's own counter says was sent, by operation, in
MiB, for rows of few tokens and for rows of many.

speed: a learner's step on 32 demonstrations, of each architecture of the local policy in turns:
seconds of the CPU (one thread, so that other programs do not count), medians.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import torch
from torch.multiprocessing import spawn
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlsys import schema
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.experts import ExpertsConfig, Replay
from rlsys.config.local_policy import Architecture, LocalPolicyConfig
from rlsys.config.optimizer import OptimizerConfig
from rlsys.config.run import LearnerConfig, Precision, SamplingConfig
from rlsys.data import arithmetic
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.local_policy.shapes import build_model
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.network import free_port

GROUPS, SIZE, MOST_TOKENS, MINIBATCHES = 8, 8, 48, 4
RATE = 1e-4
VARIANTS = {
    "qwen2": (Architecture.qwen2, ExpertsConfig()),
    "qwen3_moe": (Architecture.qwen3_moe, ExpertsConfig()),
    "qwen3_moe, auxiliary loss": (Architecture.qwen3_moe, ExpertsConfig(auxiliary_loss=1e-3)),
    "deepseek_v3": (Architecture.deepseek_v3, ExpertsConfig()),
}


def drift(model: str, steps: int, staleness: int, replay: Replay) -> dict[str, float]:
    """Means over the steps whose completions are of the weights `staleness` steps before."""
    torch.manual_seed(0)
    config = LearnerConfig(
        dtype=Precision.float32,
        minibatches=MINIBATCHES,
        microbatch_tokens=1024,
        optimizer=OptimizerConfig(learning_rate=RATE),
        experts=ExpertsConfig(replay=replay),
    )
    algorithm = AlgorithmConfig()
    algorithm.kl.coefficient = 0.0
    objective = PolicyGradient(algorithm, config, SamplingConfig(max_tokens=MOST_TOKENS))
    ranks = Ranks(0, 1, "127.0.0.1", free_port(), config)
    learner = Learner(model, objective, ranks, Schedule(config.optimizer, 1000))
    sampler = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    problems = arithmetic.generate(1000, seed=1)
    waiting: deque[pa.RecordBatch] = deque()
    found: list[dict[str, float]] = []
    for version in range(steps + 2 * staleness):
        sampler.load_state_dict(learner.policy.model.state_dict())
        asked = problems[version * GROUPS : (version + 1) * GROUPS]
        waiting.append(sampled(sampler, tokenizer, asked, version))
        if len(waiting) > staleness:
            metrics = learner.step(waiting.popleft(), version)
            found.append(metrics)
    names = ("mismatch_k3", "ratio_p01", "ratio_p99", "effective_sample_size")
    return {name: float(np.mean([metrics[name] for metrics in found[-steps:]])) for name in names}


@torch.no_grad()
def sampled(
    model: Any, tokenizer: Any, problems: list[arithmetic.Problem], version: int
) -> pa.RecordBatch:
    """A `training` batch: a group a problem, right answers rewarded, advantages of GRPO."""
    columns: dict[str, list[Any]] = {field.name: [] for field in schema.training()}
    for group, problem in enumerate(problems):
        question = [{"role": "user", "content": problem.question}]
        text = tokenizer.apply_chat_template(question, tokenize=False)
        prompt = torch.tensor([tokenizer.encode(text)] * SIZE)
        made = model.generate(
            prompt,
            do_sample=True,
            top_k=0,
            max_new_tokens=MOST_TOKENS,
            output_logits=True,
            return_dict_in_generate=True,
        )
        answers = made.sequences[:, prompt.shape[1] :]
        logprobs = torch.stack(made.logits, 1).log_softmax(-1)
        logprobs = logprobs.gather(2, answers[..., None])[..., 0]
        ends = (answers == tokenizer.eos_token_id).int()
        lengths = torch.where(ends.any(1), ends.argmax(1) + 1, answers.shape[1]).tolist()
        right = f"<answer>{problem.answer}</answer>"
        rewards = np.array([float(right in tokenizer.decode(ids)) for ids in answers])
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
        for index, length in enumerate(lengths):
            row = {
                "group_id": group,
                "sample_index": index,
                "prompt_token_ids": prompt[index].tolist(),
                "token_ids": answers[index, :length].tolist(),
                "rollout_logprobs": logprobs[index, :length].tolist(),
                "kept_token_ids": None,
                "policy_versions": [version] * length,
                "forced": [False] * length,
                "advantages": [float(advantages[index])] * length,
                "reward": float(rewards[index]),
            }
            for name, value in row.items():
                columns[name].append(value)
    return schema.build(schema.training(), columns)


def demonstrations(ids: np.ndarray) -> pa.RecordBatch:
    """[rows, tokens] as demonstrations whose prompts have four tokens."""
    columns = {"prompt_token_ids": list(ids[:, :4]), "token_ids": list(ids[:, 4:])}
    return schema.build(schema.DEMONSTRATIONS, columns | {"loss_weights": [None] * len(ids)})


def sent(rank: int, port: int, folder: Path, architecture: Architecture, tokens: int) -> None:
    """One of two ranks: a step on rows of so many tokens, counted by DeepSpeed."""
    torch.set_num_threads(1)
    config = LearnerConfig(
        dtype=Precision.float32,
        zero_stage=3,
        microbatch_tokens=tokens,
        deepspeed_options={"comms_logger": {"enabled": True, "prof_all": True, "verbose": False}},
    )
    ranks = Ranks(rank, 2, "127.0.0.1", port, config)
    import deepspeed.comm

    path = folder / architecture.value
    learner = Learner(str(path), CrossEntropy(), ranks, Schedule(config.optimizer, 10))
    rng = np.random.default_rng(0)
    batch = demonstrations(rng.integers(5, 300, (2 * max(1, tokens // 64), 64)))
    learner.step(batch, 0)
    counted = deepspeed.comm.comm.comms_logger
    counted.comms_dict.clear()
    learner.step(batch, 1)
    found = {
        name: sum(size * times[0] for size, times in sizes.items())
        for name, sizes in counted.comms_dict.items()
    }
    if rank == 0:
        (folder / f"{architecture.value}-{tokens}.json").write_text(json.dumps(found))


def measure_bytes() -> None:
    """A table in MiB."""
    folder = Path(tempfile.mkdtemp())
    tokenizer = build_tokenizer()
    for architecture in Architecture:
        config = LocalPolicyConfig(architecture=architecture, layers=2)
        model = build_model(config, tokenizer)
        model.save_pretrained(folder / architecture.value)
        tokenizer.save_pretrained(folder / architecture.value)
        size = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20
        for tokens in (64, 1024):
            spawn(_rank, (free_port(), folder, architecture, tokens), nprocs=2)
            found = json.loads((folder / f"{architecture.value}-{tokens}.json").read_text())
            told = ", ".join(f"{name} {count / 2**20:.1f}" for name, count in found.items())
            print(f"{architecture.value:<12} {size:6.1f} MiB, rows of {tokens}: {told}", flush=True)


def measure_speed(turns: int) -> None:
    """Seconds of each variant, and times those of the dense policy."""
    folder, tokenizer = Path(tempfile.mkdtemp()), build_tokenizer()
    rng = np.random.default_rng(0)
    batch = demonstrations(rng.integers(5, 300, (32, 48)))
    learners = {}
    for name, (architecture, experts) in VARIANTS.items():
        build_model(LocalPolicyConfig(architecture=architecture), tokenizer).save_pretrained(
            folder / name
        )
        config = LearnerConfig(
            dtype=Precision.float32, zero_stage=0, microbatch_tokens=2048, experts=experts
        )
        ranks = Ranks(0, 1, "127.0.0.1", free_port(), config)
        schedule = Schedule(config.optimizer, 100)
        learners[name] = Learner(str(folder / name), CrossEntropy(), ranks, schedule)
    seconds: dict[str, list[float]] = {name: [] for name in learners}
    for turn in range(turns + 1):
        for name, learner in learners.items():
            started = time.process_time()
            learner.step(batch, turn)
            if turn:  # the first one warms up
                seconds[name].append(time.process_time() - started)
    dense = statistics.median(seconds["qwen2"])
    for name, each in seconds.items():
        median = statistics.median(each)
        print(f"{name:<28}{median:6.2f} s of the CPU a step, {median / dense:.2f} times dense")


def _rank(rank: int, *arguments: Any) -> None:
    sent(rank, *arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    of_drift = kinds.add_parser("drift")
    of_drift.add_argument("model")
    of_drift.add_argument("--steps", type=int, default=4)
    of_drift.add_argument("--staleness", type=int, nargs="+", default=[0, 2, 4])
    kinds.add_parser("bytes")
    kinds.add_parser("speed").add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.kind == "bytes":
        measure_bytes()
        return
    if arguments.kind == "speed":
        measure_speed(arguments.turns)
        return
    for staleness in arguments.staleness:
        for replay in (Replay.none, Replay.learner):
            found = drift(arguments.model, arguments.steps, staleness, replay)
            told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            print(f"staleness {staleness}, replay {replay.value:<8} {told}", flush=True)


if __name__ == "__main__":
    main()
