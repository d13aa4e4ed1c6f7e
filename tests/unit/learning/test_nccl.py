"""Deadlines of collectives, on gloo: the process groups of NCCL take them by the same call."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RANK = """
import sys, time
from datetime import timedelta
import torch
import torch.distributed as dist
from rlsys.learning.nccl import limit_collectives
rank, file = int(sys.argv[1]), sys.argv[2]
dist.init_process_group(
    "gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=timedelta(seconds=600)
)
other = dist.new_group([0, 1])
dist.all_reduce(torch.ones(1), group=other)
limit_collectives(1.0)
if rank == 1:
    time.sleep(600)
for group in (None, other):
    try:
        dist.all_reduce(torch.ones(1), group=group)
    except RuntimeError as error:
        print("ended:", str(error).splitlines()[0], flush=True)
"""


def test_a_rank_whose_peer_does_not_come_is_freed_after_the_deadline_in_every_group(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", RANK]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    began = time.monotonic()
    try:
        said, _ = ranks[0].communicate(timeout=120)
    finally:
        for rank in ranks:
            rank.kill()
            rank.communicate()
    assert said.count("ended: ") == 2, said
    assert time.monotonic() - began < 120
