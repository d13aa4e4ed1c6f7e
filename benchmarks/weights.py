"""How fast new weights reach an engine's process, against a bare copy of the same bytes.

    python benchmarks/weights.py [--mib 1536] [--bucket-mib 64] [--repeats 7]

`transport` is what a publish does with the object store: from the learner's tensors, through
fingerprints, buckets and Ray's store, to tensors in another process that maps the store's pages
and has compared every fingerprint. `bare` is the same bytes as one array, copied by ray.put and
seen by the other process, with no names and no proof; `memcpy` one copy into memory that is
warm. What the engine does with the tensors then is loading, not transport.

Rounds alternate; the first two, in which the store's pages are touched for the first time, are
reported apart. The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray
import torch

from rlsys.weights.bundle import Manifest, Named, found, pack, plan_buckets, views
from rlsys.weights.fingerprint import fingerprint
from rlsys.weights.mapping import Mapper, locate

COLD_ROUNDS = 2


def policy(mib: int) -> list[Named]:
    """Tensors in the proportions of a decoder: an embedding, then layers of seven each."""
    hidden, vocabulary = (1024, 50_000) if mib >= 256 else (128, 2_000)
    shapes = [(hidden, hidden)] * 4 + [(3 * hidden, hidden)] * 3
    named = [("embed", torch.randn(vocabulary, hidden).bfloat16())]
    while sum(t.nbytes for _, t in named) < mib << 20:
        layer = len(named)
        for i, shape in enumerate(shapes):
            named.append((f"layer{layer}.{i}", torch.randn(shape).bfloat16()))
        named.append((f"layer{layer}.norm", torch.ones(hidden).bfloat16()))
    return named


@ray.remote(num_cpus=0)
class Engine:
    """The receiving process."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.mapper = Mapper()

    def receive(self, manifest: Manifest, refs: list[ray.ObjectRef]) -> int:
        """Map, look at and prove every tensor, as LoadProof does."""
        placed, spans = found(manifest, ray.get(refs))
        mapped = [self.mapper.view(*locate(span), span.nbytes) for span in spans]
        proofs = [fingerprint(tensor) for _, tensor in views(placed, mapped)]
        assert proofs == [t.fingerprint for t in manifest.tensors]
        return len(proofs)

    def see(self, refs: list[ray.ObjectRef]) -> int:
        """Have the bare bytes."""
        return sum(a.nbytes for a in ray.get(refs))


def measure(named: list[Named], bucket_bytes: int, repeats: int, engine: Any) -> dict[str, Any]:
    """Medians of seconds per way, of alternating rounds."""
    plan = plan_buckets([t.nbytes for _, t in named], bucket_bytes)
    flat = torch.cat([t.reshape(-1) for _, t in named]).view(torch.uint8).numpy()
    warm = np.zeros_like(flat)

    def transport() -> None:
        buckets = ([named[i] for i in bucket] for bucket in plan)
        manifest, refs = pack(0, buckets, ray.put)
        ray.get(engine.receive.remote(manifest, refs))

    def bare() -> None:
        ray.get(engine.see.remote([ray.put(flat)]))

    def memcpy() -> None:
        np.copyto(warm, flat)

    ways: list[Callable[[], None]] = [transport, bare, memcpy]
    seconds: dict[str, list[float]] = {way.__name__: [] for way in ways}
    for _ in range(COLD_ROUNDS + repeats):
        for way in ways:
            started = time.perf_counter()
            way()
            seconds[way.__name__].append(time.perf_counter() - started)
            time.sleep(0.2)  # the store frees what nobody refers to
    median = {name: statistics.median(s[COLD_ROUNDS:]) for name, s in seconds.items()}
    gigabytes = flat.nbytes / 1e9
    return {
        "bytes": flat.nbytes,
        "tensors": len(named),
        "buckets": len(plan),
        "gb_per_s": {name: gigabytes / s for name, s in median.items()},
        "first_gb_per_s": {name: gigabytes / s[0] for name, s in seconds.items()},
        "over_bare": median["bare"] / median["transport"],
        "over_memcpy": median["memcpy"] / median["transport"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, nargs="+", default=[6, 1536])
    parser.add_argument("--bucket-mib", type=int, nargs="+", default=[64])
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(RAY_worker_niceness="0", RAY_USAGE_STATS_ENABLED="0")
    store = 4 * max(arguments.mib) << 20
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=max(store, 1 << 29),
        logging_level="ERROR",
        log_to_driver=False,
    )
    engine = Engine.remote()
    results = {}
    for mib in arguments.mib:
        named = policy(mib)
        for bucket_mib in arguments.bucket_mib:
            result = measure(named, bucket_mib << 20, arguments.repeats, engine)
            results[f"{mib} MiB in buckets of {bucket_mib}"] = result
            rates = "  ".join(f"{n} {r:.2f} GB/s" for n, r in result["gb_per_s"].items())
            print(
                f"{mib} MiB, buckets of {bucket_mib} MiB: {rates}  transport/bare "
                f"{result['over_bare']:.2f}  transport/memcpy {result['over_memcpy']:.2f}",
                flush=True,
            )
    ray.shutdown()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
