"""Values that YAML reads otherwise than they are written.

`010` is 8 to it (base 8) and `1:30` is 90 (base 60), so seeds 008 and 010 would be one seed; `1e3`,
`on` and `010` are no texts, so a run that is named after a commit would have another name.
"""

import json
import re

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config.shape import hint_of
from rlsys.errors import ConfigError

UNREADABLE = (yaml.YAMLError, OmegaConfBaseException, ValueError, RecursionError)
"""What readers of YAML raise; ValueError of a number of 5,000 digits, and of bytes that are no
text."""

_DIGITS = r"[-+]?(?:0[0-7_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)"
_MISREAD = re.compile(_DIGITS)
_SUSPECT = re.compile(rf"(?:^|[\s:,\[{{=-]){_DIGITS}(?:$|[\s,\]}}#])", re.MULTILINE)
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def require_plain_numbers(text: str, where: str) -> None:
    """Raise ConfigError naming the first number of a YAML text that is read as another one."""
    if not _SUSPECT.search(text):  # composing is slow, and such numbers are rare
        return
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for scalar in _scalars(node):
        if scalar.style is not None or scalar.tag not in _NUMBERS:
            continue
        if not _MISREAD.fullmatch(scalar.value):
            continue
        read, is_sixties = yaml.safe_load(scalar.value), ":" in scalar.value
        plain = read if is_sixties else int(scalar.value.replace("_", ""))
        if is_sixties or plain != read:
            line = f"line {scalar.start_mark.line + 1}: " if "\n" in text.strip() else ""
            base = 60 if is_sixties else 8
            raise ConfigError(
                f"{where}: {line}{scalar.value}: YAML reads that as {read} (base {base}); nearest "
                f"valid: {plain}, or '{scalar.value}' in quotes where it is a text"
            )


def as_typed(setting: str, value: str) -> str:
    """A value of the command line; that of a text in quotes where YAML would make a number or true
    and false of it."""
    if hint_of(setting) is not str:
        return value
    try:
        read = OmegaConf.from_dotlist([f"text={value}"]).text
    except UNREADABLE:  # whoever reads it says so
        return value
    return json.dumps(value) if isinstance(read, (bool, int, float)) else value


def _scalars(node: yaml.Node | None) -> "list[yaml.ScalarNode]":
    """In their order; none is looked at twice, as aliases may lead back."""
    found, left, seen = [], [node], set()
    while left:
        one = left.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.ScalarNode):
            found.append(one)
        elif isinstance(one, yaml.MappingNode):
            left[:0] = [part for pair in one.value for part in pair]
        elif isinstance(one, yaml.SequenceNode):
            left[:0] = one.value
    return found
