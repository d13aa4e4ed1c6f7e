"""A run's folder as far as its speed is read from it: metrics, samples and settings."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.run import RunConfig

GROUPS, SIZE, STEP_S = 4, 2, 7.75


def config() -> RunConfig:
    """Of 4 groups of 2, one member of each role, on a machine of 2 cores."""
    made = load(CONFIGS / "base.yaml")
    made.loop.groups_per_step, made.loop.group_size, made.loop.max_staleness = GROUPS, SIZE, 1
    made.cluster.num_cpus = 2
    return made


def leave_run(
    folder: Path, steps: int = 8, recorded: tuple[float, float, float] | None = None
) -> Path:
    """Learning takes 1 s and 10 ms a token; sampling works 6 s of each step, verifiers 0.8 s, the
    reference 2 s, the driver 1.2 s; a decoding step takes 50 ms.

    recorded: the samplers' law, of a step, a sequence and a prompt, seconds.
    """
    (folder / "samples").mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(config()))
    lines = []
    for step in range(1, steps + 1):
        lengths = [10 + 10 * step] * (GROUPS * SIZE)
        tokens = sum(lengths)
        learn_s = 1.0 + 0.01 * tokens
        metrics = {
            "step": step,
            "throughput/step_s": STEP_S if step > 1 else 99.0,
            "throughput/consumed_tokens": tokens,
            "policy/learn_s": learn_s,
            "weights/pause_s": 0.5,
            "time/rollout/busy": 6 / STEP_S,
            "time/verifier/busy": 0.8 / STEP_S,
            "time/reference/busy": 2 / STEP_S,
            "time/learner/busy": (learn_s + 0.25) / STEP_S,
            "time/driver/busy": 1.2 / STEP_S,
        }
        if recorded:
            names = ("step_s", "sequence_s", "begin_s")
            metrics |= {f"sampler/{n}": s for n, s in zip(names, recorded, strict=True)}
        lines.append(json.dumps(metrics) + "\n")
        rows = [
            {"group_id": i // SIZE, "token_ids": [i] * n, "sampled_s": 0.05 * n}
            | {"prompt_token_ids": [0] * 5}
            for i, n in enumerate(lengths)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"samples/step-{step:06d}.parquet")
    (folder / "metrics.jsonl").write_text("".join(lines))
    return folder
