"""The keys and values of a layer of settings: each is one that there is, of the shape that it has.

OmegaConf would find them, too, but names no path inside lists and none for whole sections.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config.loop import AUTO
from rlsys.config.renamed import RENAMED, RENAMED_VALUES
from rlsys.config.run import RunConfig
from rlsys.errors import instead, nearest

COMMAND_LINE = "the command line"
_TYPES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}
_NUMBERS = (int, float)
_MISSING = "???"
_SHORT = {
    "algorithm": "preset",
    "algorithm.advantage": "estimator",
    "algorithm.clip": "algorithm.loss.name",
    "algorithm.loss": "name",
    "algorithm.off_policy": "mode",
    "model": "path",
    "data": "train",
}
"""What a text in place of a section most often means: the setting of it, or one elsewhere."""
_NO_SPACE = re.compile(r"(.+):([-+.\d].*)")
"""A name and its number that YAML reads as a name alone."""


def of_section(section: type, values: Any, path: str, where: str) -> Iterator[str]:
    """Each key that the section does not have, and each value of another shape."""
    if not isinstance(values, dict):
        is_short = path in _SHORT and isinstance(values, str)
        hint = f"; nearest valid: {_meant(path, str(values), where)}" if is_short else ""
        yield f"{where}: {path}={values!r}: expected a section of settings{hint}"
        return
    hints = get_type_hints(section)
    for name, value in values.items():
        key = f"{path}.{name}" if path else str(name)
        if name not in hints:
            yield f"{where}: unknown key {key!r}{_instead_of(key, path, list(hints))}"
        elif below := section_of(hints[name]):
            if value is not None or hints[name] is below:
                yield from of_section(below, value, key, where)
        elif get_origin(hints[name]) is list:
            yield from _of_list(get_args(hints[name])[0], value, key, where)
        elif get_origin(hints[name]) is dict:
            yield from _of_mapping(get_args(hints[name])[1], value, key, where)
        elif misfit := _misfit(hints[name], value):
            yield f"{where}: {key}={value}: {misfit}"


def hint_of(name: str) -> Any:
    """The type of a setting, by its whole name; None where there is no such setting."""
    section: Any = RunConfig
    hint: Any = None
    for part in name.split("."):
        hint = get_type_hints(section).get(part) if section else None
        section = section_of(hint) if hint else None
    return hint


def _misfit(hint: Any, value: Any) -> str:
    """What a single value had to be that OmegaConf would take as another one; empty: it fits."""
    if value == _MISSING:  # to OmegaConf it is the mark of a value that is said elsewhere
        return "expected a value"
    if hint == int | str and type(value) not in (int, str):
        return f"expected a whole number or {AUTO}"
    if hint is str and isinstance(value, (bool, float)):
        return "expected a text; one that YAML reads as a number, or as true and false, is quoted"
    if hint is bool and type(value) is int and value not in (0, 1):
        return "expected true or false"
    return ""


def section_of(hint: Any) -> type | None:
    """The section that a field holds, or may hold beside null; None for any other."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next((cast(type, kind) for kind in kinds if is_dataclass(kind)), None)


def of_nobody(section: type, layers: Sequence[tuple[str, Any]]) -> Iterator[str]:
    """Each name that the last layer takes away from a mapping and that none of those before it has:
    what is misspelt would stay, and nobody would know."""
    *before, (where, last) = layers
    for path in _mappings(section, ""):
        there = {name for _, layer in before for name in _at(layer, path)}
        for name, value in _at(last, path).items():
            if value is None and name not in there:
                yield (
                    f"{where}: {path}.{name}=null: there is no such name to take away"
                    f"{instead(name, there)}"
                )


def _mappings(section: type, prefix: str) -> Iterator[str]:
    """Settings that are mappings from names of the user's own to numbers."""
    for name, hint in get_type_hints(section).items():
        if below := section_of(hint):
            yield from _mappings(below, f"{prefix}{name}.")
        elif get_origin(hint) is dict and _number_in(get_args(hint)[1]) is not None:
            yield f"{prefix}{name}"


def _at(layer: Any, path: str) -> dict[str, Any]:
    """The mapping that a layer has in a place."""
    for name in path.split("."):
        layer = layer.get(name) or {}
    return cast(dict[str, Any], layer)


def _number_in(element: Any) -> type | None:
    """Of which numbers a mapping is; None: of something else."""
    return next((kind for kind in _NUMBERS if kind in (element, *get_args(element))), None)


def _meant(path: str, value: str, where: str) -> str:
    """A text in place of a section as the setting that it means, in the spelling of its place."""
    setting = _SHORT[path] if "." in _SHORT[path] else f"{path}.{_SHORT[path]}"
    value = RENAMED_VALUES.get(f"{setting}={value}", value)
    if where == COMMAND_LINE:
        return f"{setting}={value}"
    return f"{setting.replace('.', ': {')}: {value}{'}' * setting.count('.')}"


def _instead_of(key: str, path: str, names: list[str]) -> str:
    """What an unknown key may mean: one like it at any depth, or those of its section."""
    if key in RENAMED:
        return f"; it is called {RENAMED[key]!r} now"
    every = _all_keys(RunConfig)
    if key in every:
        nested = f"{key.replace('.', ': {')}: ...{'}' * key.count('.')}"
        return f"; in a file a key has no dots: {nested}"
    siblings = {name: f"{path}.{name}" if path else name for name in names}
    there_are = ", ".join(siblings.values())
    siblings |= {o.rpartition(".")[2]: n for o, n in RENAMED.items() if o.startswith(f"{path}.")}
    deepest_first = sorted(every, key=lambda one: one.count("."), reverse=True)
    elsewhere = {one.rpartition(".")[2]: one for one in deepest_first}
    elsewhere = {old.rpartition(".")[2]: new for old, new in RENAMED.items()} | elsewhere
    # Not whole paths, of which all in one section are alike.
    leaf = key.rpartition(".")[2]
    for known, cutoff in ((elsewhere, 1.0), (siblings, 0.6), (elsewhere, 0.9)):
        if close := nearest(leaf, known, cutoff):
            return f"; did you mean {known[close]!r}?"
    return f"; there are: {there_are}"


def _of_list(element: type, values: Any, path: str, where: str) -> Iterator[str]:
    if not isinstance(values, list):
        nearest = "" if isinstance(values, dict) else f"; nearest valid: [{values}]"
        yield f"{where}: {path}={values!r}: expected a list, which is replaced as a whole{nearest}"
        return
    if not is_dataclass(element):
        return
    for index, item in enumerate(values):
        found = list(of_section(cast(type, element), item, f"{path}[{index}]", where))
        yield from found
        if found:
            continue
        try:
            OmegaConf.merge(OmegaConf.structured(element), item)
        except OmegaConfBaseException as error:
            key = str(error.full_key)
            value = OmegaConf.select(OmegaConf.create(item), key)
            reason = expected(cast(type, element), key, error)
            yield f"{where}: {path}[{index}].{key}={value!r}: {reason}"


def _of_mapping(element: Any, values: Any, path: str, where: str) -> Iterator[str]:
    """Names that are the user's own, each with a value of one type."""
    if not isinstance(values, dict):
        yield f"{where}: {path}={values!r}: expected a mapping, as in {path}={{NAME: VALUE}}"
        return
    number = _number_in(element)
    if number is None:
        return
    if not values and where == COMMAND_LINE:
        yield (
            f"{where}: {path}={{}}: names are added to those of before; nearest valid: "
            f"{path}.NAME=null, which takes one away"
        )
    for name, value in values.items():
        one = f"{where}: {path}.{name}={value!r}: expected {_TYPES[number]}"
        if isinstance(value, dict):
            first = next(iter(value), "PART")
            yield f"{one}; a name with a dot stands in braces: {path}={{{name}.{first}: VALUE}}"
        elif value is None and (missed := _NO_SPACE.fullmatch(str(name))):
            yield (
                f"{where}: {path}={{{name}}}: a space stands behind the colon; nearest valid: "
                f"{path}={{{missed[1]}: {missed[2]}}}"
            )
        elif not _is_of(number, value):
            yield one


def _is_of(number: type, value: Any) -> bool:
    """Whether a value of YAML is such a number, as OmegaConf reads it, or null."""
    return value is None or (isinstance(value, (int, number)) and not isinstance(value, bool))


def _all_keys(section: type, prefix: str = "") -> list[str]:
    keys = []
    for name, hint in get_type_hints(section).items():
        keys.append(f"{prefix}{name}")
        if below := section_of(hint):
            keys += _all_keys(below, f"{prefix}{name}.")
    return keys


def expected(section: type, key: str, error: Exception) -> str:
    """What a setting's type takes; what OmegaConf says where that has no plain name."""
    name, _, below = key.partition("[")[0].partition(".")
    hint = get_type_hints(section)[name]
    hint = get_args(hint)[0] if get_origin(hint) is list else hint
    if below:
        return expected(section_of(hint) or hint, below, error)
    return f"expected {_TYPES[hint]}" if hint in _TYPES else first_line(error)


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
