"""What installed packages bring by entry points: verifiers, losses, advantage estimators.

    [project.entry-points."rlsys.losses"]
    surer = "my_losses:surer"

Names are read from the packages' metadata; a package is imported when its name is asked for. On a
cluster it has to be installed on every node.
"""

import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from rlsys.errors import PluginError
from rlsys.faults import describe, told_if_slow


@dataclass(frozen=True)
class Installed:
    """What an entry point stands for."""

    value: Any
    package: str
    """With its version, as in `my-losses 1.0`."""
    file: str
    """Of the module that the entry point names; empty: it has none."""


def names_in(group: str) -> list[str]:
    """The names of a group's entry points, sorted; importing none of them."""
    return sorted(metadata.entry_points(group=group).names)


def find(group: str, name: str) -> Installed | None:
    """What a group has by a name; None: no package has an entry point of it.

    Raises:
        PluginError: its import fails, or several packages have one.
    """
    found = sorted(metadata.entry_points(group=group, name=name), key=_package)
    packages = list(dict.fromkeys(map(_package, found)))
    if len(packages) > 1:
        raise PluginError(
            f"{name!r} is an entry point ({group}) of several packages: {', '.join(packages)}; "
            "uninstall all but one"
        )
    if not found:
        return None
    point, package = found[0], packages[0]
    try:
        with told_if_slow(f"importing {point.module} of the package {package}", ""):
            value = point.load()
    # Whatever a user's package raises becomes one error that names it; sys.exit() would end the
    # command without a word.
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"package {package}: its entry point {name} = {point.value!r} ({group}) fails: "
            f"{describe(error)}"
        ) from error
    return Installed(value, package, getattr(sys.modules[point.module], "__file__", None) or "")


def _package(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.module
