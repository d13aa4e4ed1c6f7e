"""The Hugging Face hub, asked once whether it is there.

huggingface_hub asks six times for each file, over half a minute, before it says that there is no
network or takes what is in its cache; a tokenizer is several files.
"""

import http.client
import os
import ssl
import sys
import threading
import urllib.error
import urllib.request
from functools import cache

_REPLY_S = 5.0
_SWITCH = "HF_HUB_OFFLINE"
_CACHE = "and it is not among what was downloaded before (HF_HOME)"


def is_switched_off() -> bool:
    """Whether the user has asked for the hub's cache alone."""
    return os.environ.get(_SWITCH, "0") not in ("", "0")


def has_config(model: str) -> bool:
    """Whether a model's config.json is in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model, "config.json"), str)


@cache
def silence() -> str:
    """Why a file that is not in the hub's cache cannot be had; empty: the hub answers.

    A hub that is out of reach is switched off, as by the user, for this process and for those that
    it starts: what is in the cache is then found there at once.
    """
    if is_switched_off():
        return f"the hub is switched off ({_SWITCH}), {_CACHE}"
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    reason = _unreachable(endpoint)
    if not reason:
        return ""
    os.environ[_SWITCH] = "1"
    if constants := sys.modules.get("huggingface_hub.constants"):
        vars(constants)[_SWITCH] = True  # it has read the variable
    return f"{endpoint} cannot be reached ({reason}), {_CACHE}"


def _unreachable(endpoint: str) -> str:
    """What keeps it from answering, in seconds; a name that nobody resolves takes longer."""
    said = [f"no reply within {_REPLY_S:g} s"]

    def ask() -> None:
        said[:] = [_failure(endpoint)]

    asking = threading.Thread(target=ask, daemon=True, name="ask the hub")
    asking.start()
    asking.join(_REPLY_S)
    return said[0]


def _failure(endpoint: str) -> str:
    try:
        request = urllib.request.Request(endpoint, method="HEAD")
        urllib.request.urlopen(request, timeout=_REPLY_S).close()
    except (urllib.error.HTTPError, http.client.HTTPException):
        return ""  # it answers, if not to this
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        # huggingface_hub may know of other certificates.
        is_there = isinstance(cause, ssl.SSLError)
        return "" if is_there else getattr(cause, "strerror", None) or str(cause)
    return ""
