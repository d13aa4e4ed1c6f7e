"""How far a recipe is, and how much time is left by what its stages took before."""

from collections.abc import Iterable

from rlsys.errors import LineageError
from rlsys.lineage.manifest import Manifest, read_manifest
from rlsys.observe.columns import duration
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.table import minutes


def left(folder: RecipeFolder, names: Iterable[str]) -> str:
    """`12:30 left`, of the stages that are not done; of one that was never done here nothing is
    known: `12:30 left as before, and 2 stages that never ended here`. Empty: there are none."""
    took = [_took_s(folder, name) for name in names]
    if not took:
        return ""
    unknown = took.count(None)
    known_s = sum(seconds for seconds in took if seconds is not None)
    unmeasured = f"{unknown} stage{'s' if unknown > 1 else ''} that never ended here"
    if unknown == len(took):
        return f"left: {unmeasured}"
    return f"{duration(known_s)} left as before" + (f", and {unmeasured}" if unknown else "")


def _took_s(folder: RecipeFolder, name: str) -> float | None:
    """What the stage took when it was last done, in its place or put aside from it."""
    made: Manifest | None = folder.manifest(name)
    if made is None:
        for aside in folder.put_aside(name):
            try:
                made = read_manifest(aside)
                break
            except LineageError:  # it was put aside before its end
                continue
    return None if made is None else 60 * minutes(made)
