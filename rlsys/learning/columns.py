"""What the learner's objective needs of other roles, by the columns that they bring."""

from rlsys.config.algorithm import AlgorithmConfig


def columns_of(algorithm: AlgorithmConfig) -> tuple[str, ...]:
    """The policy gradient's: the reference's logprobs where there is a KL term."""
    return ("reference_logprobs",) if algorithm.kl_coefficient > 0 else ()
