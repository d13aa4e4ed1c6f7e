"""Losses and advantage estimators by name: built in, and from a user's files.

A plug-in file assigns `LOSSES = {"name": function}`, `ADVANTAGES = {"name": function}`, or both;
contract.py says what such a function is.
"""

from collections.abc import Collection, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import pyarrow as pa

from rlsys.algorithms.contract import (
    ESTIMATOR_COLUMNS,
    LOSS_COLUMNS,
    Bound,
    Estimator,
    TokenLoss,
    bind,
    columns_of,
)
from rlsys.config import algorithm as settings
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.errors import AlgorithmError, instead
from rlsys.plugins import PluginFile, read_plugins, run_plugin
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
_OWN_COLUMNS = (*LOSS_COLUMNS, "policy_versions")


class Registry:
    """The losses and estimators that this process can use.

    Args:
        plugins: plug-in files, or their paths, relative to the working directory.

    Raises:
        PluginError: a plug-in file is missing or fails to import.
        AlgorithmError: it has no losses or estimators, or what it has cannot be one.
    """

    def __init__(self, plugins: Sequence[str | PluginFile] = ()) -> None:
        self._losses: dict[str, Bound[TokenLoss]] = {}
        self._estimators: dict[str, Bound[Estimator]] = {}
        paths = [plugin for plugin in plugins if isinstance(plugin, str)]
        files = [plugin for plugin in plugins if isinstance(plugin, PluginFile)]
        for file in [*files, *read_plugins(paths)]:
            self._add(file)

    def losses(self) -> list[str]:
        """All names, sorted; importing none of the built-in ones."""
        return sorted({*settings.LOSSES, *self._losses})

    def estimators(self) -> list[str]:
        """As losses."""
        return sorted({*settings.ESTIMATORS, *self._estimators})

    def loss(self, name: str) -> Bound[TokenLoss]:
        """A loss without its options.

        Raises:
            AlgorithmError: there is none of this name; says the nearest.
        """
        if name in settings.LOSSES:
            # Not at the top: it imports torch, which who only asks for names does without.
            from rlsys.algorithms.clipping import LOSSES

            return Bound(name, LOSSES[name])
        if name not in self._losses:
            raise AlgorithmError(f"no loss {name!r}{instead(name, self.losses())}")
        return self._losses[name]

    def estimator(self, name: str) -> Bound[Estimator]:
        """As loss."""
        if settings.is_per_token(name):
            from rlsys.algorithms.gae import ADVANTAGES as PER_TOKEN  # torch, as above

            return Bound(name, PER_TOKEN[name])
        if name in settings.ESTIMATORS:
            from rlsys.algorithms.advantages import ADVANTAGES

            return Bound(name, ADVANTAGES[name])
        if name not in self._estimators:
            raise AlgorithmError(f"no estimator {name!r}{instead(name, self.estimators())}")
        return self._estimators[name]

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
        losses, estimators = _table(module, "LOSSES", where), _table(module, "ADVANTAGES", where)
        if not losses and not estimators:
            raise AlgorithmError(
                f'{where}: expected LOSSES = {{"name": function}}, or ADVANTAGES of the same form'
            )
        taken = {*self.losses(), *self.estimators()}
        for name in (*losses, *estimators):
            if name in taken:
                raise AlgorithmError(f"{where}: the name {name!r} is already taken")
        for name, value in losses.items():
            token_loss = value if isinstance(value, TokenLoss) else TokenLoss(value)
            _check(token_loss.function, {*_OWN_COLUMNS, *ROLE_COLUMNS}, f"{where}: loss {name!r}")
            self._losses[name] = Bound(name, token_loss, file=file.path)
        for name, value in estimators.items():
            estimator = value if isinstance(value, Estimator) else Estimator(value)
            _check(estimator.function, {*ESTIMATOR_COLUMNS}, f"{where}: estimator {name!r}")
            self._estimators[name] = Bound(name, estimator, file=file.path)


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


def _check(function: Any, known: Collection[str], where: str) -> None:
    """Raise AlgorithmError on what is no function, or on a parameter that is no column."""
    if not callable(function):
        raise AlgorithmError(f"{where}: expected a function, got {function!r}")
    for name in columns_of(function):
        if name not in known:
            raise AlgorithmError(
                f"{where} reads the column {name!r}, which nothing brings{instead(name, known)}; "
                "what stands behind a * is an option"
            )
