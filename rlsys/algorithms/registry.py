"""Losses and advantage estimators by name: built in, from plug-in files, from installed packages.

A plug-in file assigns `LOSSES = {"name": function}`, `ADVANTAGES = {"name": function}`, or both; a
package has an entry point of that name in the group `rlsys.losses` or `rlsys.advantages`.
contract.py says what such a function is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Generic

import pyarrow as pa

from rlsys import entry_points
from rlsys.algorithms.contract import (
    ESTIMATOR_COLUMNS,
    LOSS_COLUMNS,
    Bound,
    Estimator,
    Spec,
    TokenLoss,
    bind,
    columns_of,
)
from rlsys.config import algorithm as settings
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.errors import AlgorithmError, instead
from rlsys.plugins import PluginFile, all_read, run_plugin
from rlsys.roles import CONTRACTS
from rlsys.schema import training

ROLE_COLUMNS = tuple(
    dict.fromkeys(
        column.name
        for contract in CONTRACTS.values()
        for column in contract
        if pa.types.is_list(column.type)
        and pa.types.is_floating(column.type.value_type)
        and column.name not in training().names
    )
)
"""Numbers per token that a loss may name, and a role is started for."""


@dataclass(frozen=True)
class _Kind(Generic[Spec]):
    """Losses, or estimators: where they are found, and what they may read."""

    word: str
    spec: type[Spec]
    table: str
    """What a file, and a built-in module, calls its functions by their names."""
    group: str
    """Of packages' entry points."""
    modules: Mapping[str, str]
    """Of the built-in ones; imported when asked for, as some import torch."""
    columns: Collection[str]


_LOSSES = _Kind(
    "loss",
    TokenLoss,
    "LOSSES",
    settings.LOSS_GROUP,
    dict.fromkeys(settings.LOSSES, "rlsys.algorithms.clipping"),
    {*LOSS_COLUMNS, "policy_versions", *ROLE_COLUMNS},
)
_ESTIMATORS = _Kind(
    "estimator",
    Estimator,
    "ADVANTAGES",
    settings.ESTIMATOR_GROUP,
    dict.fromkeys(settings.ESTIMATORS, "rlsys.algorithms.advantages")
    | dict.fromkeys(settings.TOKEN_ESTIMATORS, "rlsys.algorithms.gae"),
    {*ESTIMATOR_COLUMNS},
)


class _Functions(Generic[Spec]):
    """All of one kind: built in, of files, of packages; a name is looked up in this order."""

    def __init__(self, kind: _Kind[Spec]) -> None:
        self.kind: _Kind[Spec] = kind
        self._of_files: dict[str, Bound[Spec]] = {}

    def names(self) -> list[str]:
        """All of them, sorted; importing none."""
        return sorted({*self.taken(), *entry_points.names_in(self.kind.group)})

    def bare(self, name: str) -> Bound[Spec]:
        """One without its options.

        Raises:
            AlgorithmError: there is none of this name; says the nearest.
            PluginError: a package that has it fails to import.
        """
        modules = self.kind.modules
        if name in modules:
            return Bound(name, vars(import_module(modules[name]))[self.kind.table][name])
        if name in self._of_files:
            return self._of_files[name]
        installed = entry_points.find(self.kind.group, name)
        if installed is None:
            raise AlgorithmError(f"no {self.kind.word} {name!r}{instead(name, self.names())}")
        spec = self._spec(name, installed.value, f"package {installed.package}")
        return Bound(name, spec, file=installed.file, package=installed.package)

    def add(self, name: str, value: Any, file: PluginFile) -> None:
        """One of a file."""
        self._of_files[name] = Bound(
            name, self._spec(name, value, f"plug-in {file.path}"), file=file.path
        )

    def taken(self) -> set[str]:
        """Names that no other file can give."""
        return {*self.kind.modules, *self._of_files}

    def _spec(self, name: str, value: Any, where: str) -> Spec:
        """Raises AlgorithmError on what is no function, or on a parameter that is no column."""
        kind, known = self.kind, self.kind.columns
        spec = value if isinstance(value, kind.spec) else kind.spec(value)
        where = f"{where}: {kind.word} {name!r}"
        if not callable(spec.function):
            raise AlgorithmError(f"{where}: expected a function, got {spec.function!r}")
        for column in columns_of(spec.function):
            if column not in known:
                raise AlgorithmError(
                    f"{where} reads the column {column!r}, which nothing brings"
                    f"{instead(column, known)}; what stands behind a * is an option"
                )
        return spec


class Registry:
    """The losses and estimators that this process can use.

    Args:
        plugins: plug-in files, or their paths, relative to the working directory.

    Raises:
        PluginError: a plug-in file is missing or fails to import.
        AlgorithmError: it has no losses or estimators, or what it has cannot be one.
    """

    def __init__(self, plugins: Sequence[str | PluginFile] = ()) -> None:
        self._losses, self._estimators = _Functions(_LOSSES), _Functions(_ESTIMATORS)
        for file in all_read(plugins):
            self._add(file)

    def losses(self) -> list[str]:
        """All names, sorted; importing none of them."""
        return self._losses.names()

    def estimators(self) -> list[str]:
        """As losses."""
        return self._estimators.names()

    def loss(self, name: str) -> Bound[TokenLoss]:
        """A loss without its options.

        Raises:
            AlgorithmError: there is none of this name; says the nearest.
            PluginError: a package that has it fails to import.
        """
        return self._losses.bare(name)

    def estimator(self, name: str) -> Bound[Estimator]:
        """As loss."""
        return self._estimators.bare(name)

    def loss_of(self, config: AlgorithmConfig) -> Bound[TokenLoss]:
        """The configured one, with its options: `algorithm.loss` and, by the names clip_low,
        clip_high, dual_clip, tau_positive and tau_negative, those of `algorithm.clip`.

        Raises:
            AlgorithmError: there is none, or an option is not as it must be.
        """
        clip = config.clip
        bounds = {
            "clip_low": clip.low,
            "clip_high": clip.high,
            "dual_clip": clip.dual,
            "tau_positive": clip.tau_positive,
            "tau_negative": clip.tau_negative,
        }
        return bind(self.loss(config.loss.name), bounds, config.loss.options)

    def estimator_of(self, config: AlgorithmConfig) -> Bound[Estimator]:
        """The configured one, with its options: those of `algorithm.advantage`.

        Raises:
            AlgorithmError: as loss_of.
        """
        own = config.advantage
        fixed = {
            "std_floor": own.std_floor,
            "k": own.k,
            "difficulty_source": own.difficulty_source,
            "difficulty_edges": own.difficulty_edges,
        }
        return bind(self.estimator(own.estimator), fixed, own.options)

    def _add(self, file: PluginFile) -> None:
        where = f"plug-in {file.path}"
        if file.functions:
            raise AlgorithmError(
                f"{where}:{file.functions[0]}: name the file alone; its LOSSES and ADVANTAGES say "
                "what it has"
            )
        module = _run(file)
        both: tuple[_Functions[Any], ...] = (self._losses, self._estimators)
        found = [(each, _table(module, each.kind.table, where)) for each in both]
        if not any(table for _, table in found):
            raise AlgorithmError(
                f'{where}: expected LOSSES = {{"name": function}}, or ADVANTAGES of the same form'
            )
        taken = {name for each in both for name in each.taken()}
        for functions, table in found:
            for name, value in table.items():
                if name in taken:
                    raise AlgorithmError(f"{where}: the name {name!r} is already taken")
                functions.add(name, value, file)


def role_columns(loss: Bound[TokenLoss]) -> tuple[str, ...]:
    """What a loss reads that a role is started for."""
    return tuple(name for name in loss.columns if name in ROLE_COLUMNS)


def batch_columns(loss: Bound[TokenLoss]) -> tuple[str, ...]:
    """What a loss reads of a batch as it is, beside what every loss may."""
    return tuple(name for name in loss.columns if name not in LOSS_COLUMNS)


@cache
def _run(file: PluginFile) -> ModuleType:
    """Once in a process: a file may take long to import, and keep something."""
    return run_plugin(file)


def _table(module: ModuleType, name: str, where: str) -> dict[str, Any]:
    table = vars(module).get(name, {})
    if not isinstance(table, dict):
        raise AlgorithmError(f'{where}: expected {name} = {{"name": function}}, got {table!r}')
    return table
