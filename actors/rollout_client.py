"""The learner's line to the rollout workers, for transports in which it drives their updates."""

from collections.abc import Iterable
from typing import Any

import ray
from ray.exceptions import GetTimeoutError

from rlsys.config.run import Transport
from rlsys.errors import StallError


class RolloutClient:
    """vLLM's weight-sync client (four calls) on rollout actors, all of them at once.

    names: of the actors.
    gpus_each: of one sampler.

    A call that is not answered within timeout_s, half of loop.stall_timeout_s, raises StallError
    with the names of the workers that owe a reply: the driver, which waits for the learner, does
    not know them.
    """

    def __init__(
        self, names: Iterable[str], gpus_each: int, transport: Transport, timeout_s: float
    ) -> None:
        self.gpus_each, self.transport, self.timeout_s = gpus_each, transport, timeout_s
        self.workers = {name: ray.get_actor(name) for name in names}

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """Each sampler gets its own ranks in the group: vLLM knows of one sampler only."""
        size = self.gpus_each
        infos = [
            init_info | {"rank_offset": 1 + i * size}
            if self.transport is Transport.nccl
            else init_info
            for i in range(len(self.workers))
        ]
        calls = zip(self.workers.items(), infos, strict=True)
        self._wait(
            "to meet the learner",
            {name: worker.connect_weights.remote(info) for (name, worker), info in calls},
        )

    def start_weight_update(self) -> None:
        """Hold sampling up, everywhere."""
        workers = self.workers.items()
        self._wait("to begin an update", {n: w.begin_update.remote() for n, w in workers})

    def update_weights(self, update_info: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Receive what is being sent."""
        workers = self.workers.items()
        self._wait(
            "to receive weights", {n: w.receive_weights.remote(update_info) for n, w in workers}
        )

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Nothing yet: the fleet asks for it with the manifest, which is the proof."""

    def _wait(self, what: str, calls: dict[str, Any]) -> None:
        """Until all have answered.

        Args:
            calls: refs by the worker's name.
        Raises:
            StallError: some have not in time.
        """
        timeout_s = self.timeout_s
        try:
            ray.get(list(calls.values()), timeout=timeout_s)
        except GetTimeoutError as error:
            replied, _ = ray.wait(list(calls.values()), num_returns=len(calls), timeout=0)
            late = ", ".join(name for name, ref in calls.items() if ref not in replied)
            raise StallError(
                f"the learner waited {timeout_s:.0f} s for {late} {what} (half of "
                f"loop.stall_timeout_s); {len(replied)} of {len(calls)} have answered"
            ) from error
