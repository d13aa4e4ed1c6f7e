"""A run's memory while it goes on: a line of history per step, sums over its whole life, and the
newest step as a checkpoint would hold it."""

from dataclasses import replace
from pathlib import Path

from rlsys.loop.loop import Loop
from rlsys.run import snapshot
from rlsys.run.checkpointer import Origin
from rlsys.run.history import History
from rlsys.run.progress import Progress
from rlsys.watch.accounting import Times


class Record:
    """Of one run, from its origin on."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        self.origin = origin
        self.history = History(folder)
        self.progress = Progress()
        if origin.content:
            self.progress = Progress.from_dict(origin.content["run"])
        self.progress.resumes += origin.resumed
        self._earlier = replace(self.progress)
        self.last: snapshot.Snapshot | None = None
        """Of the newest step, with all that it refers to: a checkpoint of it can be written until
        the next one is learned."""

    def resume(self, loop: Loop) -> None:
        """The loop has been brought to the origin.

        Raises:
            CheckpointError: the history is of another run.
        """
        if self.origin.resumed:
            self.history.resume(self.origin.version, set(loop.state.ledger.living))
        loop.state.ledger.take_events()

    def step(self, loop: Loop) -> None:
        """Write the step's line of history, and take a snapshot of the same moment."""
        self.history.step(loop.state.version, loop.state.ledger.take_events())
        self.last = snapshot.take(loop)

    def count_time(self, train_s: float, times: dict[str, Times]) -> None:
        """Training time since this driver began to train; that of earlier ones is added."""
        earlier = self._earlier
        self.progress.train_s = earlier.train_s + train_s
        self.progress.times = {
            role: own + earlier.times.get(role, Times()) for role, own in times.items()
        }
