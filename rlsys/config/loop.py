"""The `loop:` section: how many steps and groups, how stale, how often to look and to save."""

from dataclasses import dataclass

from rlsys.config.ranges import ranged

AUTO = "auto"
"""Of a setting that the run finds itself."""


@dataclass
class LoopConfig:
    """The training loop: how many groups, how stale, how often to look."""

    steps: int = ranged(100, least=1, may_change=True)
    """Optimizer steps of the run, unless `epochs` says how long it is."""
    epochs: float = ranged(0.0, least=0, may_change=True)
    """Passes over the training prompts; the run then has as many steps as they need, the last one
    filled up from the next pass. 0: `steps` says how long it is. Of the two, the one that is set
    last decides: on the command line, in the file, in base.yaml."""
    groups_per_step: int = ranged(16, least=1)
    """Groups (prompts) per optimizer step."""
    group_size: int = ranged(8, least=2, why="advantages compare the completions of one prompt")
    """Completions per prompt; advantages are relative to the group, so at least 2."""
    groups_per_call: int = ranged(1, least=1)
    """Groups that one call samples, grades or scores; more where completions are short,
    since every remote call costs 1 to 2 ms of CPU."""
    max_staleness: int | str = ranged(AUTO, least=0)
    """The most optimizer steps between the oldest token's policy version and the version trained;
    0 is the synchronous algorithm. auto: 2 at first, more while the learner is held up by it and
    the data stay useful, less where they do not (rlsys/loop/bound.py)."""
    target_effective_sample_size: float = ranged(0.5, above=0, below=1)
    """Share of a step's tokens that importance weights must leave useful; below it, an automatic
    bound shrinks. At 0.5 a step teaches as much as half of it would on-policy."""
    max_group_failures: int = ranged(3, least=1, may_change=True)
    """How often one call for a group may raise before the group is dropped as `failed`: its data
    are at fault."""
    max_group_losses: int = ranged(5, least=1, may_change=True)
    """How often one call for a group may be lost with its worker or node before the group is
    dropped as `lost`. More than failures, since a death is mostly no fault of the group; a bound,
    since a group may be what kills its workers."""
    max_failed_groups_in_a_row: int = ranged(8, least=1, may_change=True)
    """A streak of dropped groups, of either kind, stops the run: something is broken, not
    unlucky."""
    max_batches_without_signal: int = ranged(50, least=1, may_change=True)
    """So many batches of groups dropped as `no_signal` before a single step stop the run, which
    would sample for ever. A policy that is right 99 times in 100 needs 13 for groups of 8."""
    max_learner_restarts: int = ranged(3, least=0)
    """How often a run starts its fleet anew from its newest checkpoint because a learner rank died;
    one death more ends it."""
    evaluate_every: int = ranged(10, least=0, may_change=True)
    """Steps between held-out checks; 0: only before and after."""
    checkpoint_every: int = ranged(50, least=1, may_change=True)
    """Steps between checkpoints; the last step always writes one."""
    keep_checkpoints: int = ranged(2, least=1, may_change=True)
    """Older checkpoints are removed once a newer one is complete."""
    stop_grace_s: float = ranged(20.0, least=0, may_change=True)
    """Seconds from Ctrl-C or SIGTERM for a step in the learner to end and a checkpoint to be
    written; 0: none of both. 20 and the end of the fleet fit in the 30 s after which Kubernetes
    and Slurm kill."""
    stall_timeout_s: float = ranged(300.0, above=0, may_change=True)
    """Deadline of every named wait; a longer one stops the run and says who waits for whom. Waits
    for completions have it again for as long as tokens are sampled."""

    @property
    def peer_timeout_s(self) -> float:
        """Deadline of what one member waits for another by, inside a call of the driver: half of
        the driver's, so that whoever knows the culprit's name speaks first."""
        return self.stall_timeout_s / 2
