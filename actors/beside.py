"""Other commands of rlsys on this machine, which a cluster of this run's own does not know of."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from actors.roles import needs
from rlsys.config.model_names import FILE
from rlsys.config.run import ClusterConfig, RunConfig
from rlsys.errors import RlsysError
from rlsys.network import named_cluster
from rlsys.run.folder import LOCK

_WORKING = ("train", "eval", "chat")
"""Commands that keep cores busy."""


def beside(config: ClusterConfig) -> list[str]:
    """What to tell the user before this machine's cores are shared; nothing where a cluster is
    joined, since that one divides what it has."""
    if named_cluster(config.address) is not None:
        return []
    others = [
        f"process {process.pid}, rlsys {command}{_holding(process)}"
        for process, command in _commands().values()
    ]
    if not others:
        return []
    return [
        f"note: on this machine there is also {'; '.join(others)}. Each has a Ray of its own that "
        f"counts all {os.cpu_count()} CPUs as free, so they share the cores and each takes longer. "
        "To run one after the other, let both join one Ray (`ray start --head`) with "
        "cluster.queue_s=SECONDS"
    ]


def command_of(words: Sequence[str]) -> str:
    """The command of rlsys that a process runs, by its command line; empty: none that works long.
    Not those that only start another process: `sh -c`, `timeout`, `ray job submit`."""
    if not words or not Path(words[0]).name.startswith("python"):
        return ""
    if list(words[1:3]) == ["-m", "rlsys"]:
        following = words[3:]
    elif len(words) > 1 and Path(words[1]).name == "rlsys":
        following = words[2:]
    else:
        return ""
    return following[0] if following and following[0] in _WORKING else ""


def _commands() -> dict[int, tuple[psutil.Process, str]]:
    """By process id; without this process, its parents, and what others have forked."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {
        process.pid: (process, command)
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.pid not in own and (command := command_of(process.info["cmdline"] or ()))
    }
    return {pid: one for pid, one in found.items() if one[0].info["ppid"] not in found}


def _holding(process: psutil.Process) -> str:
    """`, which trains FOLDER on 2 CPUs`, by the lock that a run holds; empty where nobody may look,
    or before it has one."""
    try:
        locks = [Path(file.path) for file in process.open_files() if Path(file.path).name == LOCK]
    except psutil.Error:
        return ""
    for lock in locks:
        if lock.with_name(FILE).is_file():
            return f", which trains {lock.parent}{_on_cpus(lock.with_name(FILE))}"
    return ""


def _on_cpus(saved: Path) -> str:
    """` on 2 CPUs`, by a run's settings; empty where they are of a version with other settings, or
    name plug-in files that are to be found from where that run was started alone."""
    try:
        config: Any = OmegaConf.merge(OmegaConf.structured(RunConfig), OmegaConf.load(saved))
        return f" on {sum(need.total['CPU'] for need in needs(config)):g} CPUs"
    except (OmegaConfBaseException, RlsysError):
        return ""
