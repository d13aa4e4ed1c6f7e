"""The `algorithm:` section against the losses and estimators that there are, a user's too.

The section by itself is checked where it is defined (rlsys/config/algorithm_checks.py), without any
file; whoever will train hands `check_algorithm` to `load`, so that all faults are told together.
"""

from rlsys.algorithms.registry import Registry, role_columns
from rlsys.config.algorithm import ESTIMATORS, LOSSES
from rlsys.config.algorithm_checks import fail
from rlsys.config.run import RunConfig
from rlsys.errors import AlgorithmError, ConfigError, PluginError


def check_algorithm(config: RunConfig) -> None:
    """Load the plug-in files and packages, and find the loss and the estimator with their options.

    Raises:
        ConfigError: one is not there, a plug-in fails, or the run does not bring a column that the
            loss reads; says where, and the nearest.
    """
    reads_teacher = _reads_teacher(config)
    teacher = config.teacher
    if reads_teacher and not teacher.path:
        raise ConfigError(
            f"algorithm.loss.name={config.algorithm.loss.name}: it reads teacher_logprobs, and "
            "there is no teacher; nearest valid: teacher.path set to a folder, a run or a hub id"
        )
    if teacher.path and not teacher.coefficient and (not reads_teacher or not teacher.rewards):
        raise ConfigError(
            f"teacher.coefficient={teacher.coefficient:g}: nothing would be learned from the "
            "teacher; nearest valid: teacher.coefficient=1, or a loss that reads teacher_logprobs, "
            "with teacher.rewards=true"
        )


def _reads_teacher(config: RunConfig) -> bool:
    """Whether the loss does, once it and the estimator are found with their options."""
    algorithm = config.algorithm
    loss, advantage = algorithm.loss, algorithm.advantage
    is_built_in = loss.name in LOSSES and advantage.estimator in ESTIMATORS
    if is_built_in and not (algorithm.plugins or loss.options or advantage.options):
        return False  # nothing is to be found, and built-in losses read no teacher
    try:
        registry = Registry(algorithm.plugins)
    except (PluginError, AlgorithmError) as error:
        raise ConfigError(f"algorithm.plugins: {error}") from error
    try:
        estimator = registry.estimator_of(algorithm)
    except (PluginError, AlgorithmError) as error:
        raise ConfigError(f"algorithm.advantage: {error}") from error
    try:
        found = registry.loss_of(algorithm)
    except (PluginError, AlgorithmError) as error:
        raise ConfigError(f"algorithm.loss: {error}") from error
    if algorithm.drop_no_signal and estimator.spec.beyond_groups:
        reason = f"under {estimator.name} a group of equal rewards carries a signal"
        fail("drop_no_signal", algorithm.drop_no_signal, reason, "false")
    return "teacher_logprobs" in role_columns(found)
