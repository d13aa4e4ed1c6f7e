"""What `rlsys doctor --config FILE` adds: all that a run looks at before it starts Ray, and whether
its fleet has room on this machine. Nothing is started, made or written."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rlsys.commands.installation import Check, Level
from rlsys.config.run import RunConfig
from rlsys.errors import RlsysError


def checks_of_run(
    config: Path, overrides: list[str], num_gpus: int, cluster: str, tell: Callable[[str], None]
) -> Iterator[Check]:
    """A line for each thing that may keep the run from its first step.

    Args:
        num_gpus: of this machine.
        cluster: the address of the one that a run would join; empty: it starts its own.
        tell: told what is looked at.
    """
    try:
        settings = _settings(config, overrides)
    except RlsysError as error:
        yield Check("settings", _told(error), Level.PROBLEM)
        return
    yield Check("settings", f"{config}, of rlsys {_command(settings)}")
    for name, look in (("rows", _rows), ("disk", _disk), ("memory", _memory)):
        try:
            found = look(settings, tell)
        except RlsysError as error:
            yield Check(name, _told(error), Level.PROBLEM)
        else:
            if found:
                yield Check(name, found)
    address = settings.cluster.address or cluster
    if address and address != "local":
        yield Check("fleet", f"{address} is asked when the run starts", Level.NOTE)
    else:
        there = {"CPU": settings.cluster.num_cpus or os.cpu_count() or 1, "GPU": num_gpus}
        yield _fleet(settings, there)


def _settings(config: Path, overrides: list[str]) -> RunConfig:
    from rlsys.algorithms.settings import check_algorithm
    from rlsys.config.load import load
    from rlsys.config.run_model import require_fleet, require_model
    from rlsys.observe.trackers import check_loggers
    from verifiers.settings import check_rewards

    settings = load(config, overrides, check_rewards, check_algorithm, check_loggers)
    require_fleet(settings)
    require_model(settings)
    return settings


def _command(settings: RunConfig) -> str:
    from rlsys.stages.kinds import KINDS

    return KINDS[settings.run.stage].command


def _rows(settings: RunConfig, tell: Callable[[str], None]) -> str:
    """The run's length, and what its user should know of the rows; its plug-ins have graded."""
    from rlsys.stages.kinds import KINDS

    tell("reading the rows")
    plan = KINDS[settings.run.stage].read(settings, False, tell)
    return "\n".join([plan.length, *plan.notes])


def _disk(settings: RunConfig, tell: Callable[[str], None]) -> str:
    from actors.drivers.stage import check_space
    from rlsys.disk import require_writable
    from rlsys.stages.kinds import KINDS

    folder = nearest = Path(settings.run.directory).expanduser().resolve()
    while not nearest.exists():  # it is made with the first run
        nearest = nearest.parent
    require_writable(str(nearest))
    if settings.model.path and KINDS[settings.run.stage].trains:
        check_space(folder / "new", settings, settings.model.path)
    return f"{folder} can be written"


def _memory(settings: RunConfig, tell: Callable[[str], None]) -> str:
    """The memory plan on this machine; empty for a run that is for GPUs where there are none, and
    where the sizes of the model are not known."""
    from actors.memory import demand_of, room_here
    from rlsys.config.memory_fit import require_fit
    from rlsys.config.precision import cpu_has_bfloat16, decided
    from rlsys.local_policy.resolve import policy_network

    room = room_here(settings)
    if room is None:
        return ""
    precise = decided(settings, cpu_has_bfloat16())
    plan = require_fit(demand_of(precise, policy_network(settings), room))
    return "\n".join(plan.lines()) if plan else ""


def _fleet(settings: RunConfig, there: Mapping[str, float]) -> Check:
    from actors.placement import lacking
    from actors.roles import needs

    wanted = needs(settings)
    members = ", ".join(f"{need.count} {need.role}" for need in wanted)
    need = {kind: sum(one.total[kind] for one in wanted) for kind in there}
    if short := lacking(wanted, there):
        hint = "lower the shares or counts in rollout, learner, reference and verifiers"
        if need["GPU"] and not there["GPU"]:
            hint = "start it where there are GPUs; `rlsys plan` says which memory they must have"
        return Check("fleet", f"{members}: {'; '.join(short)} here", Level.PROBLEM, hint)
    amounts = ", ".join(f"{need[kind]:g} of {there[kind]:g} {kind}s" for kind in there)
    return Check("fleet", f"{members}: {amounts}")


def _told(error: RlsysError) -> str:
    return f"{type(error).__name__}: {error}"
