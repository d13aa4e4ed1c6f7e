"""What a run's objective needs of other roles, by the columns that they bring."""

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.run import RunConfig


def kl_columns(algorithm: AlgorithmConfig) -> tuple[str, ...]:
    """The policy gradient's own: the reference's logprobs, where there is a KL term."""
    return ("reference_logprobs",) if algorithm.kl_coefficient > 0 else ()


def columns_of(config: RunConfig) -> tuple[str, ...]:
    """All that the objective of a run reads."""
    teacher = ("teacher_logprobs",) if config.teacher.path else ()
    return (*kl_columns(config.algorithm), *teacher)
