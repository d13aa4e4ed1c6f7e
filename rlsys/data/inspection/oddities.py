"""What is odd about rows that can be read: seldom wrong in itself, often a sign of what is."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlsys.data.inspection.kinds import kind_of
from rlsys.data.raw import is_blank
from rlsys.data.rows import PromptKind, Row
from rlsys.data.templates import ends_in_open_turn

_LONG_EXPECTED = 200
_SENTENCE_WORDS = 4
_LONG_SOLUTION = 40
_SHOWN_CHARACTERS = 60
SHOWN_SIGHTS = 4
_MISSING = frozenset(("nan", "none", "null", "n/a", "na", "undefined", "unknown", "?", "-"))
_TEMPLATE = re.compile(
    r"<\|[A-Za-z_]+\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|^### (?:Instruction|Response):"
    r"|\{\{?\s*(?:question|problem|input|prompt|query|instruction|context)\s*\}\}?",
    re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]+\)|\\includegraphics|<img\s")
_GARBLED = re.compile("\ufffd|[ÂÃâ][\u0080-\u00bf]|â€|[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MARKED = re.compile(r"####[ \t]*(\S+)|\\(?:boxed|fbox)\{([^{}]+)\}")
_ASKED_WITH = ("context", "passage", "system", "system_prompt")
_SCRIPTS = {
    "Latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
    "Chinese, Japanese or Korean": re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"),
    "Cyrillic": re.compile("[\u0400-\u04ff]"),
    "Arabic": re.compile("[\u0600-\u06ff]"),
    "Devanagari": re.compile("[\u0900-\u097f]"),
}


@dataclass(frozen=True)
class Oddity:
    """One oddity and the rows that show it."""

    name: str
    rows: list[Row]
    examples: tuple[str, ...]
    """What was seen in the first of them, shortened, each different sight once."""
    num_sights: int
    """Different ones in all."""


def find_oddities(rows: Sequence[Row]) -> list[Oddity]:
    """The oddities that occur, in a fixed order."""
    found = []
    for name, look in (*_LOOKS.items(), *_other_scripts(rows)):
        seen = [(row, sight) for row in rows if (sight := look(row))]
        if seen:
            sights = list(dict.fromkeys(cut(sight) for _, sight in seen))
            rows_seen = [row for row, _ in seen]
            found.append(Oddity(name, rows_seen, tuple(sights[:SHOWN_SIGHTS]), len(sights)))
    return found


def cut(sight: str) -> str:
    """What was seen, as long as a line has room for."""
    return sight if len(sight) <= _SHOWN_CHARACTERS else f"{sight[:_SHOWN_CHARACTERS]}..."


def _text(row: Row) -> str:
    """The expected answer where it is a text that is compared."""
    compared = row.kind not in (PromptKind.PROGRAM, PromptKind.PATCH)
    return row.expected if compared and isinstance(row.expected, str) else ""


def _space_around(row: Row) -> str:
    text = _text(row)
    return repr(text) if text != text.strip() else ""


def _missing(row: Row) -> str:
    text = _text(row)
    return repr(text) if text.strip().lower() in _MISSING else ""


def _sentence(row: Row) -> str:
    text = _text(row)
    is_long = len(_WORD.findall(text)) >= _SENTENCE_WORDS
    return repr(text) if is_long and "\\" not in text and kind_of(row) == "text" else ""


def _long(row: Row) -> str:
    text = _text(row)
    return f"{len(text)} characters" if len(text) > _LONG_EXPECTED else ""


def _leftover(row: Row) -> str:
    prompt = _prompt(row)
    found = _TEMPLATE.search(prompt)
    is_code = row.kind in (PromptKind.PROGRAM, PromptKind.PATCH)
    return "" if found is None or is_code or ends_in_open_turn(prompt) else repr(found.group())


def _given_away(row: Row) -> str:
    if row.kind in (PromptKind.PROGRAM, PromptKind.PATCH):
        return ""
    prompt = _prompt(row)
    solution = row.info.get("solution")
    if isinstance(solution, str) and len(solution) > _LONG_SOLUTION and solution.strip() in prompt:
        return "its whole solution"
    expected = "".join(str(row.expected).split())
    for mark in _MARKED.finditer(prompt):
        if "".join((mark[1] or mark[2]).split()) == expected:
            return repr(mark.group())
    return ""


def _picture(row: Row) -> str:
    found = _PICTURE.search(_prompt(row))
    is_code = row.kind in (PromptKind.PROGRAM, PromptKind.PATCH)
    return repr(found.group()) if found and not is_code else ""


def _garbled(row: Row) -> str:
    prompt = _prompt(row)
    found = _GARBLED.search(prompt)
    return repr(prompt[max(0, found.start() - 15) : found.end() + 15]) if found else ""


def _left_out(row: Row) -> str:
    if row.kind in (PromptKind.PROGRAM, PromptKind.PATCH):
        return ""
    whole = "\n".join(message["content"] for message in row.messages)
    for column in _ASKED_WITH:
        if any(text not in whole for text in _texts(row.info.get(column))):
            return f"column {column}"
    return ""


def _texts(value: Any) -> list[str]:
    """All texts in a column's value, whatever it is made of."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) and not is_blank(value) else []


_LOOKS: dict[str, Callable[[Row], str]] = {
    "answers with white space around them": _space_around,
    "answers that read like a missing value": _missing,
    "answers that are a sentence": _sentence,
    f"answers of over {_LONG_EXPECTED} characters": _long,
    "prompts with the answer in them": _given_away,
    "columns that the question may need and the prompt lacks": _left_out,
    "prompts with leftovers of a template": _leftover,
    "prompts that refer to a picture": _picture,
    "prompts with garbled characters": _garbled,
}


def _other_scripts(rows: Sequence[Row]) -> Iterator[tuple[str, Callable[[Row], str]]]:
    """One look for each script of prompts beside the most frequent."""
    script_of = {id(row): _script(_prompt(row)) for row in rows}
    scripts = list(script_of.values())
    main = max(_SCRIPTS, key=scripts.count)
    for script in _SCRIPTS:
        if script != main and script in scripts:

            def look(row: Row, script: str = script) -> str:
                return repr(_prompt(row)) if script_of[id(row)] == script else ""

            yield f"prompts in {script} letters, unlike the others", look


def _script(text: str) -> str:
    if text.isascii():
        return "Latin"
    counts = {script: len(letters.findall(text)) for script, letters in _SCRIPTS.items()}
    most = max(counts, key=lambda script: counts[script])
    return most if counts[most] else ""


def _prompt(row: Row) -> str:
    return "\n".join(message["content"] for message in row.messages if message["role"] != "system")
