"""On-policy distillation: the student samples, and a teacher says of each token how likely it was.

Thinking Machines Lab, On-Policy Distillation (2025); GKD, arXiv:2306.13649; MiniLLM,
arXiv:2306.08543. The log-ratio of sampler to teacher estimates the reverse KL of a token, so the
advantage of a token is

    A'_t = A_t - lambda (log pi_rollout(y_t) - log pi_teacher(y_t))

and A = 0 is pure distillation.
"""

import numpy as np

from rlsys.config.run import Precision, TeacherConfig
from rlsys.errors import ConfigError
from rlsys.learning.objectives.policy_gradient import AdvantageTerm
from rlsys.learning.sequences import Sequences

_SAME = {Precision.float32: 1e-3, Precision.bfloat16: 3e-2}
"""Mean distance, nats per token, up to which two policies are one: sampler and scorer compute the
same policy by other kernels, which differ by so much."""


class TeacherTerm:
    """What a teacher adds to the advantages, and the watch for one that adds nothing."""

    def __init__(self, config: TeacherConfig, precision: Precision) -> None:
        self.config = config
        self.same = max(_SAME[config.dtype], _SAME[precision])

    def values(self, sequences: Sequences) -> list[np.ndarray]:
        """[T_i] for each completion.

        Raises:
            ConfigError: the teacher says of the first step's tokens what the policy says itself.
        """
        columns = sequences.columns
        pairs = zip(columns["rollout_logprobs"], columns["teacher_logprobs"], strict=True)
        ratios = [sampled - taught for sampled, taught in pairs]
        # Not of a resumed run: its student may have become its teacher, which was what it is for.
        if sequences.version == 0:
            self._require_difference(ratios, sequences)
        return [-self.config.coefficient * ratio for ratio in ratios]

    def _require_difference(self, ratios: list[np.ndarray], sequences: Sequences) -> None:
        taught = np.concatenate([r[t] for r, t in zip(ratios, sequences.trained, strict=True)])
        if len(taught) and (apart := float(np.abs(taught).mean())) < self.same:
            raise ConfigError(
                f"teacher.path={self.config.path!r}: of the first step's {len(taught):,} tokens it "
                f"says what the policy says itself (they are {apart:.2g} nats apart, {self.same:g} "
                "are rounding), so there is nothing to learn from it; is it the same policy?"
            )


def teacher_terms(config: TeacherConfig, precision: Precision) -> list[AdvantageTerm]:
    """The term of a run's teacher; none without one, or where only the loss reads it.

    Args:
        precision: of the policy where it samples.
    """
    if not config.path or not config.coefficient:
        return []
    term = TeacherTerm(config, precision)
    return [AdvantageTerm(("teacher_logprobs",), term.values, alone=not config.rewards)]
