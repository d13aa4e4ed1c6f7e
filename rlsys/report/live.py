"""A report that follows its runs: a file that is written again, or a page on this machine."""

import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from rlsys.disk import replace_text
from rlsys.errors import ConfigError

HOST = "127.0.0.1"
_NAMES = (HOST, "localhost")
_SHARE = 4.0
"""Making the page takes at most one part in so many of the time: training uses the same cores."""


class Fresh:
    """The page, made anew when it is asked for and the last one is old.

    Args:
        least_s: age below which a page is not made again, however quickly it is made.
    """

    def __init__(
        self,
        make: Callable[[], str],
        least_s: float = 5.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.make, self.least_s, self.now = make, least_s, now
        self._text = ""
        self._until = -float("inf")
        self._lock = Lock()

    def page(self) -> str:
        """As fresh as is worth its making."""
        with self._lock:
            if self.now() >= self._until:
                began = self.now()
                self._text = self.make()
                took = self.now() - began
                self._until = self.now() + max(self.least_s, _SHARE * took)
            return self._text


def watch(
    fresh: Fresh,
    file: Path,
    is_over: Callable[[], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write the page until the runs are over, and once more then."""
    while True:
        over = is_over()
        if over:
            fresh = Fresh(fresh.make)
        replace_text(file, fresh.page())
        if over:
            return
        sleep(fresh.least_s)


def server(fresh: Fresh, port: int) -> ThreadingHTTPServer:
    """A server of the page on this machine alone; `serve_forever` runs it.

    Args:
        port: 0: a free one.
    Raises:
        ConfigError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A page of another site that names its own host by our address is not answered.
            if (self.headers.get("Host") or "").rpartition(":")[0] not in _NAMES:
                self.send_error(HTTPStatus.FORBIDDEN)
            elif self.path.partition("?")[0] != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._send(fresh.page().encode())

        def _send(self, body: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ConfigError(
            f"--serve {port}: the port cannot be had ({error.strerror}); nearest valid: --serve 0, "
            "any free one"
        ) from error
