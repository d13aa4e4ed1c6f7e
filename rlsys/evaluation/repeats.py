"""Whether the same evaluation, asked for twice, gives the same completions; and what makes it."""

from rlsys.config.run import Precision, PrefixCache, RunConfig

ONE_BY_ONE = "rollout.max_sequences=1 weights.prefix_cache=off"
"""Settings under which nothing is sampled beside a completion."""


def caveat(config: RunConfig) -> str:
    """What the tables say first where a repetition may give other completions; empty: it does not.

    A completion's random numbers come from run.seed, its problem, its setting and its number alone.
    Its arithmetic may depend on what is sampled beside it, too, which is a matter of timing:
    kernels for GPUs, for bfloat16 and for several threads round a row differently in batches of
    different sizes. In float32 on one thread of a CPU they do not (docs/evaluation.md has the
    measurement).
    """
    rollout = config.rollout
    if config.run.deterministic:
        return ""
    if rollout.max_sequences == 1 and config.weights.prefix_cache is PrefixCache.off:
        return ""
    exact = f"sample one completion at a time: {ONE_BY_ONE}"
    if rollout.gpus:
        where = "on GPUs"
    elif rollout.dtype is not Precision.float32:
        which = Precision.bfloat16 if rollout.dtype is Precision.auto else rollout.dtype
        where, exact = f"in {which.value}", f"rollout.dtype=float32, or {exact}"
    elif rollout.threads > 1:
        where, exact = f"with rollout.threads={rollout.threads}", "rollout.threads=1"
    else:
        return ""
    return (
        f"Repeated with the same seed, some completions may differ: {where} a completion is "
        f"rounded by what is sampled beside it. To repeat exactly: {exact}"
    )
