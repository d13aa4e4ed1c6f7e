"""What a run's objective needs of other roles, by the columns that they bring."""

from collections.abc import Sequence

from rlsys.algorithms.contract import Bound, TokenLoss
from rlsys.algorithms.registry import Registry, role_columns
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.run import TeacherConfig
from rlsys.plugins import PluginFile


def policy_columns(algorithm: AlgorithmConfig, loss: Bound[TokenLoss]) -> tuple[str, ...]:
    """The policy gradient's own: the reference's logprobs, where there is a KL term, and what the
    loss names."""
    kl = ("reference_logprobs",) if algorithm.kl.coefficient > 0 else ()
    return tuple(dict.fromkeys([*kl, *role_columns(loss)]))


def columns_of(
    algorithm: AlgorithmConfig,
    teacher: TeacherConfig,
    plugins: Sequence[PluginFile] | None = None,
) -> tuple[str, ...]:
    """All that the objective of a run reads.

    Args:
        plugins: algorithm.plugins as read where the run was started; None: read them here.
    """
    registry = Registry(algorithm.plugins if plugins is None else plugins)
    own = policy_columns(algorithm, registry.loss(algorithm.loss.name))
    taught = ("teacher_logprobs",) if teacher.path else ()
    return tuple(dict.fromkeys([*own, *taught]))
