"""Thinking limits as plain fields of an HTTP request to vLLM's server.

vLLM hands a logits processor what a request has in `vllm_xargs`, and ignores fields that it does
not know: a `max_reasoning_tokens` beside `max_tokens`, where other reasoning APIs have it, would be
no limit at all, and nobody would be told.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from rlsys.thinking.limits import LEAST, MOST

AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
App = Callable[[AsgiMessage, Receive, Send], Awaitable[None]]


class ThinkingFields:
    """ASGI middleware: moves the limits of a POST's JSON object into its `vllm_xargs`."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        first = await _whole(receive)
        if first["type"] == "http.request":
            first["body"] = moved(first["body"])
            others = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
            length = str(len(first["body"])).encode()
            scope = {**scope, "headers": [*others, (b"content-length", length)]}
        unread = [first]

        async def replay() -> AsgiMessage:
            return unread.pop() if unread else await receive()

        await self.app(scope, replay, send)


def moved(body: bytes) -> bytes:
    """The body with its limits where vLLM looks for them. One that says a limit in both places
    keeps what `vllm_xargs` says; what is no JSON object, or has no limits, is left as it is."""
    try:
        request = json.loads(body)
    except ValueError:  # the server will say so
        return body
    if not isinstance(request, dict):
        return body
    fields = {name: request.pop(name) for name in (MOST, LEAST) if name in request}
    # A null means no limit, and vllm_xargs takes no nulls.
    limits = {name: value for name, value in fields.items() if value is not None}
    if not fields:
        return body
    if limits:
        request["vllm_xargs"] = limits | (request.get("vllm_xargs") or {})
    return json.dumps(request).encode()


async def _whole(receive: Receive) -> AsgiMessage:
    """A request's body in one message; the disconnect where the client left before."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body += message.get("body", b"")
        if not message.get("more_body"):
            return {"type": "http.request", "body": body, "more_body": False}
