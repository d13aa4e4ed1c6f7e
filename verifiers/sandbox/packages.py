"""Installed packages that programs may import, shown read-only by the zygote.

A package is one folder or file (with the folder NAME.libs beside it, where wheels keep the shared
libraries that they bring). Nothing else of an installation is shown: somebody's package may hold
the tests or the answers that a program is graded by.
"""

import os
import sys
from importlib.machinery import ModuleSpec

FOLDER = "/packages"
"""Where packages stand at level strong, whatever their place outside."""


def parse(argument: str) -> dict[str, str]:
    """Paths by name, of the zygote's argument: NAME=PATH, one to a line."""
    return dict(line.split("=", 1) for line in argument.split("\n") if line)


def shown_paths(located: dict[str, str]) -> tuple[str, ...]:
    """Files and folders that have to be readable."""
    libraries = [
        os.path.join(os.path.dirname(path), f"{name}.libs") for name, path in located.items()
    ]
    return (*located.values(), *filter(os.path.isdir, libraries))


def make_importable(located: dict[str, str], folder: str | None) -> None:
    """Have the import system find the packages and nothing beside them: no folder on sys.path.

    Args:
        folder: where they stand now; None: where they are installed.
    """
    if located:
        sys.meta_path.append(_Finder(located, folder))


class _Finder:
    """A finder of top-level modules (importlib.abc.MetaPathFinder)."""

    def __init__(self, located: dict[str, str], folder: str | None) -> None:
        self._places = {
            name: os.path.join(folder, os.path.basename(path)) if folder else path
            for name, path in located.items()
        }
        self._folders = {name for name, path in located.items() if os.path.isdir(path)}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The specification of a package by its name."""
        place = self._places.get(name)
        if place is None or path is not None:
            return None
        import importlib.util  # here, so that only jobs that import a package have it

        if name not in self._folders:
            return importlib.util.spec_from_file_location(name, place)
        entry = os.path.join(place, "__init__.py")
        return importlib.util.spec_from_file_location(
            name, entry, submodule_search_locations=[place]
        )
