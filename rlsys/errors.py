"""The errors a user can meet. All derive from RlsysError and survive pickling."""


class RlsysError(Exception):
    """Root of every error that rlsys raises on purpose."""


class ConfigError(RlsysError, ValueError):
    """A setting is unknown, mistyped or impossible; names the value, its path and a valid one."""


class DataError(RlsysError, ValueError):
    """A row cannot be read; names the file, the row number, the column and what was expected."""


class SchemaError(RlsysError, ValueError):
    """An Arrow batch does not have the columns of its contract."""


class ResourceError(RlsysError):
    """The cluster has fewer CPUs or GPUs than the fleet needs."""


class EngineError(RlsysError):
    """vLLM's engine does not start; gives vLLM's own error and where its log is."""


class WeightSyncError(RlsysError):
    """A rollout worker does not hold the weights that the learner published."""


class VerifierError(RlsysError):
    """A verifier is missing, misconfigured or fails its self-test."""


class SandboxError(RlsysError):
    """The sandbox cannot be set up on this machine, or is closed; says what is missing."""


class StallError(RlsysError):
    """A named wait passed its deadline; says who waits for whom."""


class NoSignalError(RlsysError):
    """Nothing can be learned: prompt after prompt, all answers earn the same reward."""


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


class FleetError(RlsysError):
    """The fleet is past help: a member cannot be replaced. The run cannot go on."""


class LearnerLostError(FleetError):
    """A learner rank is gone, and what it learned since the last checkpoint with it."""
