"""What changes a row's task and is not supported: it is refused by name, never left out silently.

Pictures, videos, sound and tools make another task of the same text: a model that is not shown
the picture is asked to guess. Columns of that kind which hold nothing are fine.
"""

import re
from typing import Any

from rlsys.data.raw import RawRow, RowError, is_filled, shown

_MEDIA = {
    "image": "pictures",
    "img": "pictures",
    "picture": "pictures",
    "video": "videos",
    "audio": "sounds",
}
_MEDIA_COLUMN = re.compile(
    r"(?:decoded_)?(image|img|picture|video|audio)s?(?:_?[0-9]+)?"
    r"(?:_(?:paths?|files?|urls?|bytes|base64))?"
)
_MEDIA_STRUCTS = ("multi_modal_data", "multi_modal_inputs")
_PLACEHOLDER = re.compile(
    r"<(image|video|audio)(?:_?[0-9]+)?>|<\|(?:vision_start|(image|video|audio)_pad|image_[0-9]+)\|>"
)
_TOOL_FIELDS = ("need_tools_kwargs", "tools_kwargs", "interaction_kwargs")
_PLAIN_AGENT = "single_turn_agent"


def refuse_columns(raw: RawRow) -> None:
    """Raise RowError where a column brings media, tools or an agent to the task."""
    for column, value in raw.values.items():
        media = _MEDIA_COLUMN.fullmatch(column)
        if media is not None and is_filled(value):
            raise _unsupported(raw, column, _MEDIA[media[1]], value)
        if column in _MEDIA_STRUCTS and is_filled(value):
            raise _unsupported(raw, column, "pictures, videos or sounds", value)
        if column == "tools" and is_filled(value):
            raise _unsupported(raw, column, "tools", value)
    _refuse_agents(raw)


def refuse_placeholders(raw: RawRow, text: str) -> None:
    """Raise RowError where a prompt has a place for a picture, a video or sound.

    A tag that is closed again (`<video>...</video>`) is mark-up that the question is about.
    """
    found = _PLACEHOLDER.search(text)
    if found is None or (found[1] and f"</{found[1]}>" in text):
        return
    kind = _MEDIA[found[1] or found[2] or "image"]
    raise raw.error(
        "prompt", f"text alone, as {kind} are not supported", f"{found[0]!r} in {shown(text)}"
    )


def refuse_turn(raw: RawRow, column: str, turn: dict[str, Any]) -> None:
    """Raise RowError where a message of a conversation is more than text."""
    if turn["role"] in ("tool", "function") or is_filled(turn.get("tool_calls")):
        raise _unsupported(raw, column, "tool calls", turn)
    content = turn.get("content")
    for part in content if isinstance(content, list) else ():
        kind = str(part.get("type")) if isinstance(part, dict) else ""
        media = next((_MEDIA[name] for name in _MEDIA if name in kind), "")
        if media:
            raise _unsupported(raw, column, media, part)


def _refuse_agents(raw: RawRow) -> None:
    """verl's rows for tools and for conversations with a simulated user."""
    extra = raw.values.get("extra_info")
    fields = extra if isinstance(extra, dict) else {}
    for name in _TOOL_FIELDS:
        if is_filled(fields.get(name)):
            what = "tools" if "tools" in name else "conversations with an environment"
            raise _unsupported(raw, f"extra_info.{name}", what, fields[name])
    agent = raw.values.get("agent_name")
    if is_filled(agent) and agent != _PLAIN_AGENT:
        raise raw.error("agent_name", f"{_PLAIN_AGENT}, the only one supported", shown(agent))


def _unsupported(raw: RawRow, column: str, what: str, value: Any) -> RowError:
    return raw.error(column, f"no {what}, which are not supported", shown(value))
