"""The errors a user can meet. All derive from RlsysError and survive pickling.

And the name that a misspelt one may have meant, for their messages; and which of several errors is
the cause of the others."""

import difflib
from collections.abc import Iterable


class RlsysError(Exception):
    """Root of every error that rlsys raises on purpose."""


class ConfigError(RlsysError, ValueError):
    """A setting is unknown, mistyped or impossible; names the value, its path and a valid one."""


class NotAtHandError(ConfigError):
    """A model is in no folder here, nor does the hub give it: it may be elsewhere, or later."""


class DataError(RlsysError, ValueError):
    """A row cannot be read; names the file, the row number, the column and what was expected."""


class SchemaError(RlsysError, ValueError):
    """An Arrow batch does not have the columns of its contract."""


class ResourceError(RlsysError):
    """The cluster has fewer CPUs or GPUs than the fleet needs."""


class SamplerError(RlsysError):
    """vLLM's engine does not start, with its own error and where its log is; or a served model does
    not answer, with what its server says."""


class SamplerKilledError(SamplerError):
    """vLLM's engine was ended from outside while it started, with where its log is."""


class WeightSyncError(RlsysError):
    """A rollout worker does not hold the weights that the learner published."""


class PluginError(RlsysError):
    """A user's file is missing, or cannot be imported; says where it fails."""


class VerifierError(RlsysError):
    """A verifier is missing, misconfigured or fails its self-test."""


class AlgorithmError(RlsysError):
    """A loss or an advantage estimator is missing, misconfigured or fails; names it and where."""


class SandboxError(RlsysError):
    """The sandbox cannot be set up on this machine, or is closed; says what is missing."""


class StallError(RlsysError):
    """A named wait passed its deadline; says who waits for whom."""


class NoSignalError(RlsysError):
    """Nothing can be learned: prompt after prompt, all completions earn the same reward."""


class SickPolicyError(RlsysError):
    """The figures of training have left every range in which a policy learns."""


class WorkerError(RlsysError):
    """A fleet member died or raised; names it and its root exception. Its work may be sent again,
    to another member where there is one."""


class WorkerDiedError(WorkerError):
    """A fleet member, or the node of an object, is gone. It says nothing about the work itself."""


class ResumeError(RlsysError):
    """A run cannot be gone on with: it is still running, or has done all of its steps."""


class NotRunningError(RlsysError):
    """A command asks a run's driver for something, and no driver is there, or it ended before."""


class DiskError(RlsysError):
    """A file of the run cannot be written; names it and the reason."""


class CheckpointError(RlsysError):
    """A checkpoint cannot be written, is damaged, or does not belong to what it is used for."""


class LineageError(RlsysError):
    """Nothing says what made a file or a folder, or what says so is damaged; names it."""


class HubError(RlsysError):
    """The hub refuses an upload, or cannot be reached; says what it answered."""


class RecipeError(RlsysError):
    """A stage of a recipe failed, or a gate did; names it, the figure, and how to go on."""


class FleetError(RlsysError):
    """The fleet is past help: a member cannot be replaced. The run cannot go on."""


class LearnerLostError(FleetError):
    """A learner rank is gone, and what it learned since the last checkpoint with it."""


def first_cause(error: BaseException) -> BaseException:
    """The first leaf of an exception group: the failure that stopped the others. Any other error is
    its own cause."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def nearest(wanted: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that needs the fewest keystrokes from what was typed; None where none is like it.

    `dappo` is `dapo` rather than `dppo`: of equally near names the one that begins alike. `kl_coef`
    is `kl_coefficient`: what is left out at the end is one step.

    Args:
        cutoff: how alike they must be, from 0 to 1.
    """
    near = []
    for name in sorted(names):
        typed, there = wanted.casefold(), name.casefold()
        steps = 1 if len(typed) > 1 and there.startswith(typed) else _steps(typed, there)
        share = 1 - steps / max(len(typed), len(there), 1)
        if max(share, difflib.SequenceMatcher(None, there, typed).ratio()) >= cutoff:
            begins_alike = next(
                (i for i, (a, b) in enumerate(zip(typed, there, strict=False)) if a != b),
                len(typed),
            )
            near.append((steps, -begins_alike, name))
    return min(near)[-1] if near else None


def instead(wanted: str, names: Iterable[str]) -> str:
    """The end of an error message: the name that may have been meant, and all names."""
    names = sorted(names)
    close = nearest(wanted, names)
    guess = f"; did you mean {close!r}?" if close else ""
    return f"{guess}; there are: {', '.join(names) or 'none'}"


def _steps(a: str, b: str) -> int:
    """Letters to put in, take out, replace, or exchange with the next one, to get from a to b."""
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(b, start=1):
            steps = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                steps = min(steps, earlier[j - 2] + 1)
            row.append(steps)
    return row[-1]
