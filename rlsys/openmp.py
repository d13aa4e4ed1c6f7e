"""How the threads of a process on CPUs wait for each other."""

import os

_WAIT_POLICY = "OMP_WAIT_POLICY"


def wait_policy() -> dict[str, str]:
    """The environment variable that has threads sleep at OpenMP's barriers, unless the environment
    says otherwise.

    A thread that spins there keeps the one that it waits for from its core, wherever there are
    fewer cores than threads (docs/performance.md).
    """
    return {_WAIT_POLICY: os.environ.get(_WAIT_POLICY, "passive")}
