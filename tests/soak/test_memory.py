"""Memory of every process of a real run of 500 steps: Ray, vLLM, DeepSpeed on a tiny policy."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.soak

STEPS = 500
WARM_UP_STEPS = 100
"""Allocators, caches and thread stacks find their size within these."""
CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
KERNELS = "64"
"""That torch and oneDNN keep of vLLM's engine, which makes one per layer's shape and batch size. By
default they are 1,024: some 100 MB, and more than 500 steps until they have come together. Other
members have few by themselves."""
CONFIG = """
model:
  max_context: 128
  cache: {folder}/cache
  local: {{hidden_size: 64, intermediate_size: 128, layers: 2, heads: 2, steps: 40, threads: 1}}
data: {{max_prompt_tokens: 48}}
sampling: {{max_tokens: 16}}
evaluation: {{prompts: 8, final_prompts: 8, samples: 2}}
loop:
  steps: {steps}
  groups_per_step: 4
  group_size: 4
  groups_per_call: 2
  evaluate_every: 50
  checkpoint_every: 50
learner: {{share_prompts: true, optimizer: {{learning_rate: 1.0e-4}}}}
run: {{name: memory, directory: {folder}/runs}}
"""


@dataclass
class Watcher:
    """Looks at all processes below one, again and again, until it is stopped."""

    pid: int
    every_s: float = 1.0
    anonymous_mb: dict[tuple[int, str], list[tuple[float, float]]] = field(default_factory=dict)
    """By process, (step, resident memory that is its own: no file's)."""
    shared_mb: dict[tuple[int, str], float] = field(default_factory=dict)
    """By process, the most of the shared object store that it had touched."""
    spilled: set[str] = field(default_factory=set)
    """Files that Ray wrote because its object store was full."""
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, metrics: Path) -> None:
        while not self.stop.wait(self.every_s):
            step = len(metrics.read_text().splitlines()) if metrics.exists() else 0
            for pid in descendants(self.pid):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
                except (FileNotFoundError, ProcessLookupError):
                    continue  # It ended between the listing and the look.
                if "RssAnon" not in status:
                    continue  # A zombie has no memory.
                key = (pid, title(command))
                own = kib(status, "RssAnon") / 1024
                self.anonymous_mb.setdefault(key, []).append((step, own))
                shared = kib(status, "RssShmem") / 1024
                self.shared_mb[key] = max(shared, self.shared_mb.get(key, 0.0))
            self.spilled.update(
                str(p) for p in Path("/tmp/ray/session_latest").glob("ray_spilled_objects*/*")
            )

    def slopes(self) -> Iterator[tuple[str, float, float, float]]:
        """Name, MB at first, MB at last, and MB per 100 steps, of processes that lived through."""
        for (_, name), samples in sorted(self.anonymous_mb.items(), key=lambda item: item[0][1]):
            chosen = np.array([s for s in samples if WARM_UP_STEPS <= s[0] < STEPS])
            if len(chosen) and chosen[-1, 0] - chosen[0, 0] > (STEPS - WARM_UP_STEPS) / 2:
                slope = float(np.polyfit(chosen[:, 0], chosen[:, 1], 1)[0]) * 100
                yield name, chosen[0, 1], chosen[-1, 1], slope


def kib(status: str, name: str) -> int:
    """A figure of /proc/PID/status (man 5 proc), in KiB."""
    (line,) = (line for line in status.splitlines() if line.startswith(name + ":"))
    return int(line.split()[1])


def title(command: str) -> str:
    """`ray::LearnerRank`, `gcs_server`, `python -m rlsys`: short, and the same for each run."""
    words = command.replace("\0", " ").split()
    if not words:
        return "no command"
    if words[0].startswith(("ray::", "VLLM::")):
        return words[0].split(".")[0]
    name = Path(words[0]).name
    scripts = [Path(word).name for word in words[1:4] if word.endswith(".py") or word == "rlsys"]
    return " ".join([name, *scripts])


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended between the listing and the look.
            # The second field, the name in parentheses, may hold blanks.
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def test_memory_of_every_process_is_flat_and_nothing_is_spilled(tmp_path: Path) -> None:
    config = tmp_path / "memory.yaml"
    config.write_text(CONFIG.format(folder=tmp_path, steps=STEPS))
    with (tmp_path / "output").open("w") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "rlsys", "train", "--config", str(config)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | dict.fromkeys(CACHES, KERNELS),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        watcher = Watcher(running.pid)
        metrics = tmp_path / "runs" / "memory" / "metrics.jsonl"
        thread = threading.Thread(target=watcher.watch, args=(metrics,))
        thread.start()
        try:
            status = running.wait(timeout=1400)
        finally:
            watcher.stop.set()
            thread.join()
            running.kill()
    assert status == 0, (tmp_path / "output").read_text()[-3000:]
    rows = list(watcher.slopes())
    print(f"\n{'process':<44}{'MB at first':>12}{'at last':>10}{'per 100 steps':>15}")
    for name, first, last, slope in rows:
        print(f"{name:<44}{first:>12.1f}{last:>10.1f}{slope:>15.2f}")
    shared = {name: mb for (_, name), mb in watcher.shared_mb.items() if mb > 1}
    print(f"most of the object store touched, MB: {shared}")
    print(json.dumps({"mb_per_100_steps": {name: round(slope, 3) for name, *_, slope in rows}}))
    names = " ".join(name for name, *_ in rows)
    for role in ("RolloutWorker", "LearnerRank", "VerifierWorker", "ReferenceWorker", "rlsys"):
        assert role in names
    assert watcher.spilled == set()
    # 2 MB in 100 steps would be 1 GB in 50,000.
    assert {name: slope for name, *_, slope in rows if slope > 2.0} == {}
