"""How fast a sampler has new weights, proved, against a bare copy of the same bytes.

    python benchmarks/weights.py [--shapes 256x4 1024x20] [--bucket-mib 256] [--repeats 9]
    python benchmarks/weights.py --shapes 64x8x128    # many small tensors: 128 experts a layer

A learner's process and a vLLM engine's, on one node. Each way is measured with rlsys and bare:

- `update`: from the learner's tensors until the sampler may sample with them. rlsys: fingerprints,
  buckets, Ray's store, the store's pages mapped by the sampler, vLLM's layerwise reload under
  watch, every fingerprint compared. Bare: all weights as one array, put into the store and mapped,
  and the same reload, with no names compared and nothing proved.
- `copy`: the same into plain parameters instead of vLLM's, which packs them for its kernels: two
  copies, the fewest by which bytes get from one process's memory into another's, and the proofs.
- `moved`: as `copy`, but without rlsys's fingerprints: what moving costs, and what proving does.
- `store`: the first half of `copy` alone, from the learner's tensors into the store.

Rounds alternate; the first, in which the store's pages are touched for the first time, are left
out. The last line of stdout is one JSON object; a `ratio` is that of the speeds, rlsys over bare.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import ray
import torch

from actors.learner_rank import STREAMING_COPIES, put_pieces
from rlsys.config.local_policy import Architecture, LocalPolicyConfig
from rlsys.config.run import ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.local_policy.shapes import build_model
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.sampling.sampler import Sampler
from rlsys.weights import fingerprint
from rlsys.weights.bundle import Manifest, Named, found, pack, plan_buckets, views
from rlsys.weights.mapping import locate
from rlsys.weights.saved_form import SavedForm

COLD_ROUNDS = 5
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
Shapes = list[tuple[str, tuple[int, ...]]]


def write_policy(shape: str, folder: Path) -> None:
    """A decoder of HIDDENxLAYERS, or of HIDDENxLAYERSxEXPERTS, with random weights."""
    hidden, layers, *experts = map(int, shape.split("x"))
    tokenizer = build_tokenizer()
    config = LocalPolicyConfig(
        hidden_size=hidden,
        intermediate_size=4 * hidden if experts else 3 * hidden,
        layers=layers,
        heads=hidden // 64,
    )
    if experts:
        config.architecture, (config.experts,) = Architecture.qwen3_moe, experts
    build_model(config, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def cut(flat: torch.Tensor, shapes: Shapes) -> Iterator[Named]:
    """Tensors that lie in one, one behind another."""
    start = 0
    for name, shape in shapes:
        end = start + int(np.prod(shape))
        yield name, flat[start:end].view(shape)
        start = end


@ray.remote(num_cpus=0, runtime_env={"env_vars": ONE_THREAD | STREAMING_COPIES})
class Learner:
    """The sending process, in a learner's environment, with weights in the CPU's memory."""

    def __init__(self, policy: Path, bucket_mib: int) -> None:
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
        self.named = [(name, parameter.detach()) for name, parameter in model.named_parameters()]
        self.plan = plan_buckets([t.nbytes for _, t in self.named], bucket_mib << 20)
        self.saved_form = SavedForm(model, {name: tuple(t.shape) for name, t in self.named})
        self.flat = torch.cat([t.reshape(-1) for _, t in self.saved_form.of(self.named)]).numpy()

    def shapes(self) -> Shapes:
        return list(self.saved_form.shapes.items())

    @ray.method(num_returns=2)
    def publish(self, proved: bool = True) -> tuple[Manifest, list[ray.ObjectRef]]:
        """As LearnerRank.publish."""
        buckets = (
            list(self.saved_form.of([self.named[i] for i in indices])) for indices in self.plan
        )
        with (
            nullcontext() if proved else patch.object(fingerprint, "fingerprint", lambda tensor: 0)
        ):
            return pack(1, buckets, put_pieces)

    def put(self) -> list[ray.ObjectRef]:
        """Bare."""
        return [ray.put(self.flat)]


class Parameters(torch.nn.Module):
    """A model as far as loading goes; loads as vLLM's default_weight_loader does."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        for name, shape in shapes:
            parameter = torch.nn.Parameter(torch.zeros(shape), requires_grad=False)
            parameter.weight_loader = self.load  # type: ignore[attr-defined]
            self.register_parameter(name.replace(".", "_"), parameter)

    def load(self, parameter: torch.Tensor, loaded: torch.Tensor) -> None:
        parameter.data.copy_(loaded)

    def load_weights(self, tensors: Iterable[Named]) -> None:
        for name, tensor in tensors:
            parameter = self.get_parameter(name.replace(".", "_"))
            parameter.weight_loader(parameter, tensor)  # type: ignore[attr-defined]


def reload_bare(worker: Any, path: str, offset: int, num_bytes: int, shapes: Shapes) -> None:
    """In the sampler's process: vLLM's layerwise reload, unwatched."""
    from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

    transfer = worker.weight_transfer_engine
    flat = torch.from_numpy(transfer.mapper.view(path, offset, num_bytes)).view(torch.float32)
    initialize_layerwise_reload(transfer.model)
    transfer.model.load_weights(cut(flat, shapes))
    transfer.finish_weight_update()


@ray.remote(
    num_cpus=0,
    # vLLM takes functions from its own process only if it is told to.
    runtime_env={"env_vars": ONE_THREAD | {"VLLM_ALLOW_INSECURE_SERIALIZATION": "1"}},
)
class Rollout:
    """The receiving side, as a rollout worker with its sampler."""

    async def start(self, policy: Path, shapes: Shapes) -> None:
        self.shapes, self.plain = shapes, Parameters(shapes)
        self.sampler = Sampler(
            "rollout-0",
            str(policy),
            ModelConfig(),
            RolloutConfig(dtype=Precision.float32),
            WeightsConfig(),
            0,
        )
        await self.sampler.start()
        self.sampler.update.names = [name for name, _ in shapes]

    async def update(self, manifest: Manifest, refs: list[ray.ObjectRef]) -> None:
        """As RolloutWorker.update_weights, without the canary."""
        await self.sampler.update.load(manifest, await asyncio.gather(*refs))

    async def bare_update(self, refs: list[ray.ObjectRef]) -> None:
        array = await refs[0]
        (place,) = locate([array])
        vllm = self.sampler.vllm
        await vllm.engine_core.pause_scheduler_async(mode="keep", clear_cache=False)
        to_load = (*place, array.nbytes, self.shapes)
        await vllm.collective_rpc(reload_bare, args=to_load)  # type: ignore[arg-type]
        await vllm.update_weight_version("1")
        await vllm.resume_generation()

    async def copy(
        self, manifest: Manifest, refs: list[ray.ObjectRef], proved: bool = True
    ) -> None:
        """As SharedMemoryTransfer, whose process is here this one."""
        from rlsys.weights.load_proof import LoadProof

        placed, spans = found(manifest, await asyncio.gather(*refs))
        if not proved:
            self.plain.load_weights(views(placed, spans))
            return
        proof = LoadProof(self.plain)
        proof.load(views(placed, spans))
        proof.check(manifest)

    async def bare_copy(self, refs: list[ray.ObjectRef]) -> None:
        self.plain.load_weights(cut(torch.from_numpy(await refs[0]), self.shapes))


def measure(shape: str, bucket_mib: int, repeats: int, policy: Path) -> dict[str, Any]:
    """Medians of alternating rounds."""
    write_policy(shape, policy)
    actors: list[Any] = [Learner, Rollout]
    learner, rollout = actors[0].remote(policy, bucket_mib), actors[1].remote()
    shapes = ray.get(learner.shapes.remote())
    ray.get(rollout.start.remote(policy, shapes))
    ways: dict[str, Callable[[], Any]] = {
        "update": lambda: rollout.update.remote(*learner.publish.remote()),
        "bare_update": lambda: rollout.bare_update.remote(learner.put.remote()),
        "copy": lambda: rollout.copy.remote(*learner.publish.remote()),
        "bare_copy": lambda: rollout.bare_copy.remote(learner.put.remote()),
        "moved": lambda: rollout.copy.remote(*learner.publish.remote(False), False),
        "store": lambda: learner.publish.remote(),
        "bare_store": lambda: learner.put.remote(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(COLD_ROUNDS + repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            result = ray.get(way())
            seconds[name].append(time.perf_counter() - started)
            del result
            time.sleep(0.2)  # the store frees what nobody refers to
    for actor in (learner, rollout):
        ray.kill(actor)
    median = {name: statistics.median(s[COLD_ROUNDS:]) for name, s in seconds.items()}
    return {
        "bytes": 4 * sum(int(np.prod(shape)) for _, shape in shapes),
        "tensors": len(shapes),
        "seconds": {name: round(s, 4) for name, s in median.items()},
        "ratio": {
            "update": round(median["bare_update"] / median["update"], 3),
            "copy": round(median["bare_copy"] / median["copy"], 3),
            "moved": round(median["bare_copy"] / median["moved"], 3),
            "store": round(median["bare_store"] / median["store"], 3),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=["256x4", "1024x20"])
    parser.add_argument("--bucket-mib", type=int, nargs="+", default=[256])
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    os.environ.update(RAY_worker_niceness="0", RAY_USAGE_STATS_ENABLED="0")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=5 << 30,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    results = {}
    for shape in arguments.shapes:
        for bucket_mib in arguments.bucket_mib:
            with tempfile.TemporaryDirectory() as folder:
                result = measure(shape, bucket_mib, arguments.repeats, Path(folder))
            results[f"{shape} in buckets of {bucket_mib} MiB"] = result
            print(
                f"{shape}, {result['bytes'] / 1e6:.0f} MB, buckets of {bucket_mib} MiB: "
                f"{result['seconds']} rlsys over bare: {result['ratio']}",
                flush=True,
            )
    ray.shutdown()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
