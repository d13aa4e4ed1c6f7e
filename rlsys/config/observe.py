"""The `observe:` section: where metrics go, and what is watched for while a run goes on."""

from dataclasses import dataclass, field

from rlsys.config.ranges import ranged


@dataclass
class WatchedRange:
    """Of one figure of a step; null: no bound. A figure that is not a number is outside of all."""

    least: float | None = ranged(None, least=0)
    """Below it, an alarm."""
    most: float | None = ranged(None, least=0)
    """Above it, an alarm."""
    stop_below: float | None = ranged(None, least=0)
    """Below it no policy learns any more: observe.stop_after such steps in a row stop the run."""
    stop_above: float | None = ranged(None, least=0)
    """The same, above it."""


@dataclass
class ObserveConfig:
    """Loggers and alarms. A healthy run of a small policy stays within KL 0 to 0.2, effective
    sample size 0.9 to 1, entropy 0.02 to 0.2, gradient norm 0.1 to 1.2."""

    loggers: list[str] = field(default_factory=list)
    """Experiment trackers that are told of the run, beside metrics.jsonl, TensorBoard and Ray's
    gauges: wandb, mlflow, trackio, swanlab (docs/loggers.md). Each is an extra of the package."""
    project: str = "rlsys"
    """What trackers file the run under."""
    completions_every: int = ranged(10, least=0)
    """Steps between two of which trackers are sent completions, eight of each; 0: they are sent
    none. All completions are in the run's samples."""

    length_alarm_window: int = ranged(10, least=0)
    """Steps in each of the two windows that are compared: a step's completions alone are too few to
    tell a trend; 0: no alarm."""
    length_alarm_growth: float = ranged(0.1, least=0)
    """Growth of the mean completion length, as a share, that counts as growth."""
    truncated: float = ranged(0.33, least=0, most=1)
    """Share of completions cut off at sampling.max_tokens, above which an alarm is on: of a third
    nobody sees the answer, and the policy learns to be short rather than right. 1: no alarm."""
    waiting: float = ranged(0.5, least=0, most=1)
    """Share of wall time in which the learner waits for groups, or samplers for slots, above which
    an alarm is on: half of what that role costs is spent on nothing. 1: no alarm; none either with
    loop.max_staleness=0, where roles take turns."""
    preempted: float = ranged(0.01, least=0)
    """Preemptions per completion, above which an alarm is on: each computes anew what a completion
    had, and one in a hundred is not felt. A completion can lose its place more than once, so there
    is no largest value."""
    share_window: int = ranged(5, least=1)
    """Steps whose mean is held against these three."""

    kl: WatchedRange = field(default_factory=lambda: WatchedRange(most=1.0, stop_above=10.0))
    """Nats per token to the reference. Long runs without a KL term reach some tenths; at 10 the
    policy's completions are noise to the reference."""
    effective_sample_size: WatchedRange = field(
        default_factory=lambda: WatchedRange(least=0.3, stop_below=0.05)
    )
    """Share of the step's tokens that importance weights leave useful. Stale data cost a tenth."""
    entropy: WatchedRange = field(
        default_factory=lambda: WatchedRange(least=1e-4, most=4.0, stop_above=8.0)
    )
    """Nats per token. Models that answer have 0.02 to 1.5; 4 is a choice among 55 tokens, at 8 it
    is one among 3000. A policy that is sure of all it says learns nothing, but harms nothing."""
    ratio: WatchedRange = field(
        default_factory=lambda: WatchedRange(least=0.8, most=1.25, stop_below=0.4, stop_above=4.0)
    )
    """Mean of policy over sampler, after truncation; 1 for data of the policy itself."""
    gradient_norm: WatchedRange = field(
        default_factory=lambda: WatchedRange(most=20.0, stop_above=1000.0)
    )
    """Before clipping. Its size depends on the loss's denominator, so the bounds are wide; it can
    be as small as it likes."""
    starved_experts: WatchedRange = field(default_factory=lambda: WatchedRange(most=0.45))
    """Share of a layer's experts that got less than a tenth of the mean load, of the worst layer.
    Routers that send all tokens to the same k of E experts starve E - k, half of the experts or
    more; text of one kind leaves some of them idle in a healthy model."""
    stop_after: int = ranged(5, least=0)
    """Steps in a row outside a stop bound that stop the run: single ones are bad luck, and an
    error in the data passes; 0: never."""
