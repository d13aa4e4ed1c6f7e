"""Thinking limits as fields of an HTTP request, against an app that keeps what it is sent."""

import asyncio
import json
from typing import Any

import pytest

from rlsys.serving.http_fields import ThinkingFields, moved


def sent(body: bytes, method: str = "POST", parts: int = 1) -> tuple[bytes, dict[bytes, bytes]]:
    """What the app behind the middleware gets: body and headers."""
    size = -(-len(body) // parts)
    messages: list[dict[str, Any]] = [
        {
            "type": "http.request",
            "body": body[i * size : (i + 1) * size],
            "more_body": i < parts - 1,
        }
        for i in range(parts)
    ]
    got: list[tuple[bytes, dict[bytes, bytes]]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        whole = b""
        while True:
            message = await receive()
            whole += message["body"]
            if not message["more_body"]:
                break
        got.append((whole, dict(scope["headers"])))

    async def send(message: Any) -> None:
        raise AssertionError("the app sends nothing")

    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": method, "headers": headers}
    asyncio.run(ThinkingFields(app)(scope, receive, send))
    return got[0]


@pytest.mark.parametrize("parts", [1, 3])
def test_limits_reach_the_processor_and_the_length_is_that_of_the_new_body(parts: int) -> None:
    request = {"model": "m", "max_reasoning_tokens": 6, "min_reasoning_tokens": 2}
    body, headers = sent(json.dumps(request).encode(), parts=parts)
    assert json.loads(body) == {
        "model": "m",
        "vllm_xargs": {"max_reasoning_tokens": 6, "min_reasoning_tokens": 2},
    }
    assert headers[b"content-length"] == b"%d" % len(body)


def test_other_requests_are_left_byte_for_byte() -> None:
    for body in (b'{ "model": "m" }', b"[1]", b"no json", b"\xff", b""):
        assert sent(body)[0] == body
    limited = b'{"max_reasoning_tokens": 6}'
    assert sent(limited, method="PUT")[0] == limited


def test_what_vllm_xargs_says_goes_first_and_null_is_no_limit() -> None:
    both = {"max_reasoning_tokens": 6, "vllm_xargs": {"max_reasoning_tokens": 9, "other": 1}}
    expected = {"vllm_xargs": {"max_reasoning_tokens": 9, "other": 1}}
    assert json.loads(moved(json.dumps(both).encode())) == expected
    assert json.loads(moved(b'{"max_reasoning_tokens": null}')) == {}


def test_a_client_that_leaves_is_passed_on() -> None:
    seen: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["type"])

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "method": "POST", "headers": []}
    asyncio.run(ThinkingFields(app)(scope, receive, send))
    assert seen == ["http.disconnect"]
