"""What makes a hang of NCCL end and tell of itself: torch's flight recorder, and deadlines.

The recorder keeps the newest collectives of each rank. When one is past the deadline of its process
group, torch's watchdog writes them to a file for each rank and ends the process:

    torchfrtrace -p nccl-rank- runs/NAME/logs

compares the files and names the collective, and the ranks that did not come to it. Written against
torch 2.13, by its headers; not run on GPUs yet.
"""

import math
from datetime import timedelta
from pathlib import Path

from torch.distributed import distributed_c10d

_PREFIX = "nccl-rank-"
_COLLECTIVES = 2000
"""Of each rank, that are remembered; torch's own default where the recorder is on."""


def recorder_environment(logs: Path, start_s: float) -> dict[str, str]:
    """What torch and DeepSpeed read in a learner rank's process, before they are imported.

    Args:
        logs: the run's folder of logs, where the files go, each with its rank.
        start_s: deadline of the ranks' start, in which they load at their own pace.
    """
    return {
        "TORCH_FR_BUFFER_SIZE": str(_COLLECTIVES),
        "TORCH_FR_DUMP_TEMP_FILE": str(logs / _PREFIX),
        "TORCH_NCCL_DUMP_ON_TIMEOUT": "1",
        "TORCH_NCCL_ENABLE_MONITORING": "1",
        "DEEPSPEED_TIMEOUT": str(math.ceil(start_s / 60)),
    }


def limit_collectives(timeout_s: float) -> None:
    """From now on a collective of any process group that is there has this deadline."""
    for group in distributed_c10d._world.pg_map:
        distributed_c10d._set_pg_timeout(timedelta(seconds=timeout_s), group)
