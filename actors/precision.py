"""The precision of a fleet whose settings leave it to the machines; see rlsys.config.precision."""

from actors.nodes import ask_nodes
from actors.roles import needs
from rlsys.config.precision import ROLES, cpu_has_bfloat16, decided, is_open
from rlsys.config.run import RunConfig


def decided_by_nodes(config: RunConfig) -> RunConfig:
    """The settings with a precision for each role, by the CPUs of all nodes: one without
    instructions for bfloat16, or that does not answer, decides for all."""
    if not is_open(config):
        return config
    return decided(config, all(ask_nodes(cpu_has_bfloat16, "CPU")))


def precisions(config: RunConfig, trains: bool = True) -> str:
    """The fleet's, as in `learner bfloat16, rollout bfloat16, reference float32`."""
    roles = [need.role for need in needs(config, trains) if need.role in ROLES]
    return ", ".join(f"{role} {getattr(config, role).dtype.value}" for role in roles)
