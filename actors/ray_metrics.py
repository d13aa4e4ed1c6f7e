"""The run's metrics in Ray's own registry (Prometheus), beside the dashboard's."""

import re

from ray.util.metrics import Gauge

from rlsys.observe.loggers import Metrics


class RayGauges:
    """A Logger: one gauge per metric, named rlsys_GROUP_NAME, tagged with the run."""

    name = "Ray's gauges"

    def __init__(self, run: str) -> None:
        self.tags = {"run": run}
        self.gauges: dict[str, Gauge] = {}

    def step(self, step: int, metrics: Metrics) -> None:
        """Set every gauge to its newest value."""
        for name, value in metrics.items():
            plain = "rlsys_" + re.sub(r"[^a-zA-Z0-9_]", "_", name)
            if plain not in self.gauges:
                self.gauges[plain] = Gauge(plain, description=name, tag_keys=("run",))
            self.gauges[plain].set(value, tags=self.tags)

    later = step

    def summary(self, step: int, figures: Metrics) -> None:
        """Nothing: the process that serves gauges ends."""

    def close(self) -> None:
        """They end with this process."""
