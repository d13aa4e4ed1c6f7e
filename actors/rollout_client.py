"""The learner's line to the rollout workers, for transports in which it drives their updates."""

from typing import Any

import ray

from rlsys.config.run import RunConfig, Transport


class RolloutClient:
    """vLLM's weight-sync client (four calls) on the rollout actors, all of them at once.

    An engine's answer that takes longer than loop.stall_timeout_s raises Ray's GetTimeoutError.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.workers = [ray.get_actor(f"rollout-{i}") for i in range(config.rollout.workers)]

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        """Each engine gets its own ranks in the group: vLLM knows of one engine only."""
        size = self.config.rollout.tensor_parallel
        infos = [
            init_info | {"rank_offset": 1 + i * size}
            if self.config.weights.transport is Transport.nccl
            else init_info
            for i in range(len(self.workers))
        ]
        self._wait(
            w.connect_weights.remote(info) for w, info in zip(self.workers, infos, strict=True)
        )

    def start_weight_update(self) -> None:
        """Hold sampling up, everywhere."""
        self._wait(worker.begin_update.remote() for worker in self.workers)

    def update_weights(self, update_info: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Receive what is being sent."""
        self._wait(worker.receive_weights.remote(update_info) for worker in self.workers)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Nothing yet: the fleet asks for it with the manifest, which is the proof."""

    def _wait(self, calls: Any) -> None:
        ray.get(list(calls), timeout=self.config.loop.stall_timeout_s)
