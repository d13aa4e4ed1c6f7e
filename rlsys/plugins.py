"""A user's own Python files: found, read, sent to other nodes as they are, and run there.

What they bring is told by whoever asks for them: verifiers (verifiers/registry.py), losses and
advantage estimators (algorithms/registry.py).
"""

import hashlib
import importlib
import linecache
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rlsys.errors import PluginError, instead
from rlsys.faults import describe, told_if_slow

PLUGIN_MODULE = "rlsys_plugin_"
"""What the names of the modules begin with that plug-in files make."""


@dataclass(frozen=True)
class PluginFile:
    """A plug-in file as it was read: sent to other nodes, it is the same there."""

    path: str
    source: str
    functions: tuple[str, ...] = ()
    """The reward functions that were named; empty: all that it has."""


def read_plugins(paths: Sequence[str]) -> list[PluginFile]:
    """Read plug-in files, relative to the working directory: FILE, FILE:FUNCTION, or
    MODULE:FUNCTION of an installed module. Functions of one file make one plug-in; all of them
    where it is also named without one.

    Raises:
        PluginError: one is missing; says the nearest.
    """
    functions: dict[str, list[str]] = {}
    for path in paths:
        where, function = _parts(path)
        functions.setdefault(where, []).append(function)
    return [
        _read(where, () if "" in names else tuple(dict.fromkeys(names)))
        for where, names in functions.items()
    ]


def all_read(plugins: Sequence[str | PluginFile]) -> list[PluginFile]:
    """Plug-in files, of which some are read already and others named by their paths.

    Raises:
        PluginError: one is missing; says the nearest.
    """
    read = [plugin for plugin in plugins if isinstance(plugin, PluginFile)]
    return read + read_plugins([plugin for plugin in plugins if isinstance(plugin, str)])


def _parts(path: str) -> tuple[str, str]:
    """What stands before and behind the last colon, where a function's name stands behind it."""
    where, colon, function = path.rpartition(":")
    return (where, function) if colon and function.isidentifier() else (path, "")


def _read(where: str, functions: tuple[str, ...]) -> PluginFile:
    path = Path(where).expanduser()
    if path.is_file():
        try:
            source = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise PluginError(
                f"plug-in {path}: expected a Python file in UTF-8: {error}"
            ) from error
        return PluginFile(str(path.resolve()), source, functions)
    is_module = all(part.isidentifier() for part in where.split("."))
    if functions and is_module and not where.endswith(".py"):
        # Not a copy of its text, which may import what lies beside it.
        return PluginFile(where, f"from {where} import {', '.join(functions)}\n", functions)
    raise PluginError(f"no plug-in file {path}{_beside(path)}")


def _beside(path: Path) -> str:
    """Where the path of a plug-in breaks off, or what has nearly its name there."""
    folder = path.parent.resolve()
    if not folder.is_dir():
        return f": there is no folder {folder}"
    files = [str(path.parent / file.name) for file in folder.glob("*.py")]
    return instead(str(path), files) if files else f": there is no Python file in {folder}"


def run_plugin(file: PluginFile) -> ModuleType:
    """The module that a plug-in file makes.

    Raises:
        PluginError: it fails to import; says where.
    """
    digest = hashlib.sha256(file.path.encode()).hexdigest()[:8]
    module = ModuleType(f"{PLUGIN_MODULE}{Path(file.path).stem}_{digest}")
    module.__file__ = file.path
    sys.modules[module.__name__] = module  # dataclasses look their module up by name
    # Its lines stand in tracebacks also where the file does not exist: on other nodes.
    lines = file.source.splitlines(keepends=True)
    linecache.cache[file.path] = (len(file.source), None, lines, file.path)
    try:
        with (
            imports_beside(Path(file.path)),
            told_if_slow(f"importing the plug-in {file.path}", file.path),
        ):
            exec(compile(file.source, file.path, "exec"), vars(module))
    except ModuleNotFoundError as error:
        told = describe(error, file.path)
        raise PluginError(f"plug-in {file.path}: {told}{_importable(file.path)}") from error
    # Whatever a user's file raises becomes one error that names it; sys.exit() would end the
    # command without a word.
    except (Exception, SystemExit) as error:
        raise PluginError(f"plug-in {file.path}: {describe(error, file.path)}") from error
    return module


@contextmanager
def imports_beside(file: Path) -> Iterator[None]:
    """Inside, a user's file imports what lies in its folder, as a program does.

    Afterwards these modules belong to that file alone: another one's `helpers.py` is another
    module. A file that does not exist here, on another node, has nothing beside it.
    """
    if not file.is_file():
        yield
        return
    folder, before = file.resolve().parent, set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # the file itself may have taken it away
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            where = getattr(sys.modules[name], "__file__", None)
            if where and folder in Path(where).resolve().parents:
                del sys.modules[name]


def _importable(path: str) -> str:
    """What a plug-in may import, where it is not what it did."""
    if Path(path).is_file():
        return f"; a plug-in imports what is installed, and what lies in {Path(path).parent}"
    return "; on other nodes than its own a plug-in imports only what is installed there"
