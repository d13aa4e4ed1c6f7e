"""A hub that runs here: as much of its API as an upload asks for."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PART = 64
"""Bytes of a part of a large file that is uploaded in parts."""
_REPOSITORY = "/me/small"


class StandIn(ThreadingHTTPServer):
    """Small files go with their commit; weights, once `large` says so, by git LFS before it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made: list[dict[str, Any]] = []
        """Repositories."""
        self.files: dict[str, bytes] = {}
        """Of the commit, by their paths; of a large one what its commit points to."""
        self.large: tuple[str, ...] = ()
        """Endings of files that the hub wants by git LFS."""
        self.in_parts = False
        self.stored: dict[str, bytes] = {}
        """Large files by their sha256."""
        self.parts: dict[str, list[bytes]] = {}
        self.sent: list[str] = []
        """Paths that large files and parts of them were put to."""
        self.refuses = False
        self.takes_large = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        self._answer(404, {"error": "no such path"})

    def do_PUT(self) -> None:
        """Of a large file, or a part of one."""
        _, _, oid, *number = self.path.split("/")
        body = self._body()
        self.server.sent.append(self.path)
        if number:
            self.server.parts[oid][int(number[0]) - 1] = body
        else:
            self.server.stored[oid] = body
        self.send_response(200)
        self.send_header("ETag", f"part-{len(body)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self._body()
        if self.server.refuses:
            self._answer(403, {"error": "you may not write there"})
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            self._answer(200, {"url": f"{self.server.url}{_REPOSITORY}", "name": "me/small"})
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif self.path.endswith("/preupload/main"):
            self._answer(200, {"files": [*map(self._mode, json.loads(body)["files"])]})
        elif self.path == f"{_REPOSITORY}.git/info/lfs/objects/batch":
            self._answer(200, {"objects": [*map(self._object, json.loads(body)["objects"])]})
        elif self.path.startswith("/complete/"):
            self._complete(json.loads(body))
        else:
            assert self.path == f"/api/models{_REPOSITORY}/commit/main", self.path
            self._commit(body)

    def _mode(self, asked: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if asked["path"].endswith(self.server.large or "/") else "regular"
        return {"path": asked["path"], "uploadMode": mode, "shouldIgnore": False}

    def _object(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Where a large file is to be put; nothing of one that is there."""
        oid, size = asked["oid"], asked["size"]
        if not self.server.takes_large:
            return asked | {"error": {"code": 413, "message": "larger than your plan allows"}}
        if oid in self.server.stored:
            return asked
        upload: dict[str, Any] = {"href": f"{self.server.url}/put/{oid}"}
        if self.server.in_parts:
            count = -(-size // PART)
            self.server.parts[oid] = [b""] * count
            places = {f"{n}": f"{self.server.url}/put/{oid}/{n}" for n in range(1, count + 1)}
            upload["href"] = f"{self.server.url}/complete/{oid}"
            upload["header"] = {"chunk_size": f"{PART}", **places}
        return asked | {"actions": {"upload": upload}}

    def _complete(self, said: dict[str, Any]) -> None:
        parts = self.server.parts[said["oid"]]
        assert [one["etag"] for one in said["parts"]] == [f"part-{len(one)}" for one in parts]
        self.server.stored[said["oid"]] = b"".join(parts)
        self._answer(200, {})

    def _commit(self, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.stored[value["oid"]]
        url = f"{self.server.url}{_REPOSITORY}/commit/0123"
        self._answer(200, {"success": True, "commitOid": "0123", "commitUrl": url})

    def _body(self) -> bytes:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""
