"""JSON that stands as a text in a column of a row."""

import json
from typing import Any


def decode_object(value: Any) -> Any:
    """Decode a JSON text of an object, or of a list of objects; return all else as it is.

    Other JSON texts stay texts on purpose: the answer `[2, 5]` is an interval and `72` a number
    as text, and both are compared as what the data set's author wrote.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if isinstance(decoded, list) and not (decoded and all(isinstance(x, dict) for x in decoded)):
        return value
    return decoded
