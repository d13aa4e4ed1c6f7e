"""What stages will read, read before the first of them starts: a row or a file that the last stage
cannot read is told at once, and not after all the others."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from rlsys.config.run import RunConfig, StageKind
from rlsys.data.demonstrations import read_lessons
from rlsys.data.load import RunRows
from rlsys.data.pairs import read_pairs
from rlsys.data.rates import read_rates
from rlsys.data.read import read_rows
from rlsys.data.world.parts import is_part
from rlsys.errors import RlsysError
from rlsys.evaluation.catalog import find
from rlsys.grading.expected import require_gradable
from rlsys.lineage.digests import is_hub_id
from rlsys.lineage.kinds import EVALUATE, word_of
from rlsys.recipes.check import Checked
from rlsys.recipes.recipe import StageSpec


def _rows(path: str, config: RunConfig) -> None:
    """What is asked has to be gradable, too; of `sft` only what its checks ask for is."""
    rows = read_rows(path, config.data).rows
    if config.run.stage is not StageKind.sft:
        require_gradable(RunRows(rows, [], ()), config)


_Read = Callable[[str, RunConfig], object]
_READERS: dict[str, _Read] = {
    "rows": _rows,
    "demonstrations": lambda path, config: read_lessons(path, config.data, config.sft.all_turns),
    "pairs": lambda path, config: read_pairs(path, config.data),
    "rates": lambda path, config: read_rates(path),
}
"""By the word of an input, as its stage will read it."""


def read_ahead(checked: Checked, left: Collection[str], tell: Callable[[str], None]) -> None:
    """Read the data files that no stage makes, each once, and look for those of benchmarks. What
    the hub has is left to its stage.

    Args:
        left: names of the stages that are not done.
        tell: told each file.
    Raises:
        DataError, ConfigError: as the stage would, with the stage's name.
    """
    done: set[tuple[object, ...]] = set()
    for stage in (one for one in checked.recipe.stages if one.name in left):
        settings = checked.settings[stage.name]
        for name, path in _files(stage, checked):
            word = word_of(name)
            how = (settings.run.stage, settings.data, settings.verifiers, settings.sft.all_turns)
            key = (word, path, repr(how))
            if key in done:
                continue
            done.add(key)
            tell(f"reading {path}")
            try:
                _READERS[word](path, settings)
            except RlsysError as error:
                raise type(error)(f"{stage.where}: {name}: {error}") from error
        if stage.kind == EVALUATE:
            _require_benchmarks(stage, settings)


def _files(stage: StageSpec, checked: Checked) -> Iterator[tuple[str, str]]:
    for name, path in checked.outside(stage).items():
        if word_of(name) in _READERS and not is_hub_id(path) and not is_part(path):
            yield name, path


def _require_benchmarks(stage: StageSpec, settings: RunConfig) -> None:
    for benchmark in find(settings.benchmarks.names):
        if benchmark.rows is None:
            try:
                benchmark.find(Path(settings.benchmarks.data))
            except RlsysError as error:
                raise type(error)(f"{stage.where}: {error}") from error
