"""What `dtype: auto` stands for: bfloat16 on GPUs and on CPUs with instructions for it, float32 on
other CPUs, which fall back to a plain loop: seven times slower (docs/performance.md).

On GPUs it is decided when the settings are read, on CPUs once it is known which ones a run will
have. A member may be placed on any node, so it is one decision for all of them: where learner,
sampler and reference round differently, their logprobs differ by the rounding.

    learner.dtype     rollout.dtype, reference.dtype, teacher.dtype where they are auto
    auto, bfloat16    bfloat16 where the role has GPUs or the CPUs have it, else float32
    float32           float32, too
"""

from dataclasses import replace
from pathlib import Path

from rlsys.config.run import LearnerConfig, Precision, ReferenceConfig, RolloutConfig, RunConfig

ROLES = ("learner", "rollout", "reference", "teacher")
COMPUTED = (Precision.float32, Precision.bfloat16)
"""Those that a model can be computed in."""
_FLAGS = {"avx512_bf16", "amx_bf16"}
"""As Linux names the instructions that torch and vLLM have products in bfloat16 for."""


def is_open(config: RunConfig) -> bool:
    """Whether a role's precision is yet to be decided."""
    return any(getattr(config, role).dtype is Precision.auto for role in ROLES)


def decided(config: RunConfig, cpus_have_bfloat16: bool | None = None) -> RunConfig:
    """The settings with a precision for each role.

    Args:
        cpus_have_bfloat16: whether all CPUs that a role may run on have its instructions; None: not
            known yet, and roles on CPUs stay as they are.
    """
    follows = config.learner.dtype is Precision.float32

    def of(own: LearnerConfig | RolloutConfig | ReferenceConfig) -> Precision:
        if own.dtype is not Precision.auto:
            return own.dtype
        if follows:
            return Precision.float32
        if own.gpus:
            return Precision.bfloat16
        if cpus_have_bfloat16 is None:
            return Precision.auto
        return Precision.bfloat16 if cpus_have_bfloat16 else Precision.float32

    sections = {role: getattr(config, role) for role in ROLES}
    return replace(config, **{role: replace(own, dtype=of(own)) for role, own in sections.items()})


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this machine's CPU has instructions for products in bfloat16; False where no Linux
    says so."""
    if not cpuinfo.is_file():
        return False
    lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    listed = next((line for line in lines if line.startswith("flags")), "")
    return not _FLAGS.isdisjoint(listed.split())
