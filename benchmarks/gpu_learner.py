"""Parts of gpu_check.py: a learner's speed and memory, its weights as they leave, its state."""

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_models import LENGTHS, model_folder, sequences

from rlsys.config import memory
from rlsys.config.lora import LoraConfig
from rlsys.config.memory import GIB
from rlsys.config.model_shape import shape_of
from rlsys.config.run import LearnerConfig, Precision, RunConfig
from rlsys.learning.checkpoint import copied
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.learning.weights_out import WeightsOut
from rlsys.learning.work import speed_report
from rlsys.network import free_port


def learner_of(
    device: str, folder: Path, size: str, lora: LoraConfig | None
) -> tuple[Learner, RunConfig]:
    """One that learns from demonstrations, with layers that are computed twice."""
    length, count = LENGTHS[device]
    config = RunConfig()
    config.model.max_context = length
    config.learner = LearnerConfig(
        gpus=1.0 if device == "cuda" else 0.0,
        dtype=Precision.bfloat16 if device == "cuda" else Precision.float32,
        microbatch_tokens=length * count,
        gradient_checkpointing=True,
        lora=lora,
    )
    ranks = Ranks(0, 1, "127.0.0.1", free_port(), config.learner)
    schedule = Schedule(config.learner.optimizer, 10)
    return Learner(model_folder(device, folder, size), CrossEntropy(), ranks, schedule), config


def steps(device: str, learner: Learner, count: int) -> list[float]:
    """Seconds of each, of two microbatches."""
    prompts, answers, _ = sequences(device)
    groups = list(range(len(prompts)))
    layout = lay_out(blocks_of(groups, len(groups), False), prompts, answers, None)
    layout = layout.to(torch.device(device))
    seconds = []
    for _ in range(count):
        started = time.monotonic()
        for is_last in (False, True):
            learner.deepspeed.set_gradient_accumulation_boundary(is_last)
            logprobs, _ = learner.deepspeed(layout, None)
            learner.deepspeed.backward(-logprobs.mean())
        learner.deepspeed.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    return seconds


def learned(device: str, folder: Path, size: str, lora: LoraConfig | None) -> dict[str, Any]:
    """Speed, and memory beside the plan's, of a learner of one size."""
    learner, config = learner_of(device, folder, size, lora)
    seconds = float(np.median(steps(device, learner, 4)[1:]))
    length, count = LENGTHS[device]
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    planned = memory.learner(config, shape)
    # Nothing is published here.
    others = planned.cuda + planned.copy + (config.weights.bucket_mib << 20)
    assert learner.work is not None
    flops = 2 * count * learner.work.of(length, [])
    speed = speed_report(flops, seconds, learner.ranks.device)
    found = {
        "tokens_per_s": round(2 * length * count / seconds),
        "tflops": round(speed["tflops"], 3),
        "mfu": round(speed["mfu"], 3) if "mfu" in speed else "unknown peak of this device",
        "planned_gib": round((planned.total - others) / GIB, 3),
    }
    if device == "cuda":
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 3)
        torch.cuda.reset_peak_memory_stats()
    return found


def check_learner(device: str, folder: Path) -> dict[str, Any]:
    sizes = ("half", "one_and_a_half") if device == "cuda" else ("half",)
    return {size: learned(device, folder / size, size, None) for size in sizes}


def check_lora(device: str, folder: Path) -> dict[str, Any]:
    return learned(device, folder, "one_and_a_half", LoraConfig(rank=16))


def check_compiled(device: str, folder: Path) -> dict[str, Any]:
    """Norms and MLPs by torch.compile, for rows of any length, against the same learner as it is;
    attention, which is a kernel of its own, stays. On CPUs nothing is generated."""
    learner, _ = learner_of(device, folder, "half", None)
    length, count = LENGTHS[device]
    eager = float(np.median(steps(device, learner, 4)[1:]))
    decoder = learner.policy.model.get_decoder()
    for layer in decoder.layers:
        for part in (layer.mlp, layer.input_layernorm, layer.post_attention_layernorm):
            part.compile(dynamic=True, backend="inductor" if device == "cuda" else "aot_eager")
    first, *others = steps(device, learner, 4)
    compiled = float(np.median(others))
    return {
        "eager_tokens_per_s": round(2 * length * count / eager),
        "compiled_tokens_per_s": round(2 * length * count / compiled),
        "compiling_s": round(first - compiled, 1),
    }


def check_checkpoint(device: str, folder: Path) -> dict[str, Any]:
    learner, _ = learner_of(device, folder / "model", "half", None)
    steps(device, learner, 1)
    out = WeightsOut(learner.policy, learner.ranks)
    kept = folder / "kept"
    kept.mkdir()
    found = {}
    for attempt in ("first", "second"):  # the first one pins its buffers
        started = time.monotonic()
        state = copied(kept, learner, out, str(folder / "model"))
        found[f"copied_{attempt}_s"] = round(time.monotonic() - started, 3)
    started = time.monotonic()
    state.write()
    written = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
    return found | {
        "written_s": round(time.monotonic() - started, 3),
        "gib": round(written / GIB, 3),
    }


def check_publish(device: str, folder: Path) -> dict[str, Any]:
    """By way, seconds: for how long the next step waits for weights to leave, until it is done, and
    until they have left; medians of three rounds, in which both ways take turns. They leave for
    memory of the CPU's, in the place of Ray's store."""
    learner, config = learner_of(device, folder, "half", None)
    out, bucket_bytes = WeightsOut(learner.policy, learner.ranks), config.weights.bucket_mib << 20
    store = np.zeros(sum(map(math.prod, out.shapes().values())) * out.dtype.itemsize, np.uint8)

    def put(pieces: list[np.ndarray]) -> None:
        np.concatenate(pieces, out=store[: sum(len(piece) for piece in pieces)])

    def before_step() -> float:
        out.publish(1, bucket_bytes, put)
        return time.monotonic()

    def beside_step() -> float:
        out.publish_copy(1, put)
        return time.monotonic()

    found: dict[str, list[dict[str, float]]] = {"before_step": [], "beside_step": []}
    with ThreadPoolExecutor(1) as thread:
        for way in 4 * list(found):  # the first round pins buffers and makes the optimizer's states
            started = time.monotonic()
            if way == "before_step":
                leaving = thread.submit(before_step)
                leaving.result()
            else:
                out.copy(1, bucket_bytes)
                if device == "cuda":
                    torch.cuda.synchronize()
                leaving = thread.submit(beside_step)
            waited = time.monotonic()
            steps(device, learner, 1)
            stepped = time.monotonic()
            one = {"waits_s": waited, "stepped_s": stepped, "left_s": leaving.result()}
            found[way].append({name: at - started for name, at in one.items()})
    return {
        way: {name: round(float(np.median([r[name] for r in rounds[1:]])), 4) for name in rounds[0]}
        for way, rounds in found.items()
    }
