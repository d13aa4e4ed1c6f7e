"""Requests to an OpenAI-compatible chat endpoint: many at a time, all within one deadline."""

import http.client
import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rlsys.errors import VerifierError

_MAX_REPLY_BYTES = 1 << 20
_PAUSE_S = 0.5
_TRANSIENT = frozenset({408, 409, 425, 429})
_SHOWN = 200


@dataclass(frozen=True)
class Reply:
    """What the model said; or, when there is nothing, why."""

    content: str | None
    fault: str = ""
    reasoning: str = ""
    """What the server has taken out of the content."""
    finish_reason: str = ""
    tokens: int = 0
    """Of the completion, reasoning included, as the server counts them; 0: it does not say."""


class ChatClient:
    """Posts to `BASE_URL/chat/completions`.

    Redirects are not followed and proxies not used, so that the key reaches no other host.

    Args:
        named: what the user calls base_url, for errors.
        base_url: http or https, as in http://localhost:8000/v1.
        api_key: sent as a bearer token; none when empty.
        concurrency: requests at a time.
        attempts: how often a request is sent before its failure counts: no connection, HTTP 5xx,
            408, 409, 425 and 429.

    Raises:
        VerifierError: base_url is not one.
    """

    def __init__(
        self, named: str, base_url: str, api_key: str, concurrency: int, attempts: int
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise VerifierError(f"{named}={base_url!r}; nearest valid: 'http://localhost:8000/v1'")
        self._url = parts
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._concurrency = concurrency
        self._attempts = attempts

    def ask_all(self, payloads: Sequence[dict[str, Any]], deadline_s: float) -> list[Reply]:
        """One reply for each payload, in order, at the latest after deadline_s seconds."""
        deadline = time.monotonic() + deadline_s
        connections = [self._connection(deadline_s) for _ in payloads]
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="chat")
        futures = [
            pool.submit(self._ask, connection, json.dumps(payload).encode(), deadline)
            for connection, payload in zip(connections, payloads, strict=True)
        ]
        done, _ = wait(futures, deadline_s)
        late = Reply(None, f"no reply within {deadline_s:g} s")
        replies = [future.result() if future in done else late for future in futures]
        for connection in connections:
            _interrupt(connection)
        pool.shutdown(wait=False, cancel_futures=True)
        return replies

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        kind = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        return kind(str(self._url.hostname), self._url.port, timeout=timeout_s)

    def _ask(
        self, connection: http.client.HTTPConnection, payload: bytes, deadline: float
    ) -> Reply:
        reply = Reply(None, "not sent: the deadline passed before")
        for attempt in range(self._attempts):
            left = deadline - time.monotonic() - attempt * _PAUSE_S
            if left <= 0:
                break
            time.sleep(attempt * _PAUSE_S)
            connection.timeout = left
            try:
                reply, may_change = self._post(connection, payload)
            except (OSError, http.client.HTTPException) as error:
                reply, may_change = Reply(None, str(error) or type(error).__name__), True
            finally:
                connection.close()
            if not may_change:
                break
        return reply

    def _post(self, connection: http.client.HTTPConnection, payload: bytes) -> tuple[Reply, bool]:
        """The reply, and whether the next attempt may bring another."""
        path = f"{self._url.path.rstrip('/')}/chat/completions"
        connection.request("POST", path, payload, self._headers)
        response = connection.getresponse()
        body = response.read(_MAX_REPLY_BYTES)
        if response.status == 200:
            return _read(body), False
        fault = f"HTTP {response.status}: {body[:_SHOWN].decode(errors='replace')}"
        return Reply(None, fault), response.status >= 500 or response.status in _TRANSIENT


def _interrupt(connection: http.client.HTTPConnection) -> None:
    """Wake a thread that still waits for a byte now and then of a reply that is late."""
    waiting = connection.sock
    if waiting is not None:
        try:
            waiting.shutdown(socket.SHUT_RDWR)
        except OSError:  # closed meanwhile
            return


def _read(body: bytes) -> Reply:
    """The first choice, as the model ended it."""
    try:
        whole = json.loads(body)
        choice = whole["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        content = message["content"]
        reasoning = message.get("reasoning") or message.get("reasoning_content") or ""
        tokens = (whole.get("usage") or {}).get("completion_tokens") or 0
    except (ValueError, LookupError, TypeError, AttributeError):
        return Reply(None, f"no chat completion: {body[:_SHOWN].decode(errors='replace')!r}")
    if content is None and (reasoning or finish == "length"):
        content = ""
    if not isinstance(content, str):
        return Reply(None, f"the reply was cut off or empty (finish_reason {finish!r})")
    return Reply(content, "", str(reasoning), str(finish), int(tokens))
