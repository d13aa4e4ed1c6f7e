"""`rlsys push` against a hub that runs here."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlsys import hub
from rlsys.cli import app
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError, HubError, LineageError
from rlsys.lineage import digests
from rlsys.lineage.manifest import write_manifest


class StandIn(ThreadingHTTPServer):
    """As much of the hub's API as an upload asks for; every file goes with its commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made: list[dict[str, Any]] = []
        """Repositories."""
        self.files: dict[str, bytes] = {}
        self.refuses = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses:
            self._answer(403, {"error": "you may not write there"})
        elif self.path == "/api/repos/create":
            self.server.made.append(json.loads(body))
            self._answer(200, {"url": f"{self.server.url}/me/small", "name": "me/small"})
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif self.path.endswith("/preupload/main"):
            asked = json.loads(body)["files"]
            plain = {"uploadMode": "regular", "shouldIgnore": False}
            self._answer(200, {"files": [{"path": one["path"], **plain} for one in asked]})
        else:
            assert self.path == "/api/models/me/small/commit/main", self.path
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.files[line["value"]["path"]] = content
            url = f"{self.server.url}/me/small/commit/0123"
            self._answer(200, {"success": True, "commitOid": "0123", "commitUrl": url})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A hub at HF_ENDPOINT, and a token for it."""
    server = StandIn()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_test")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub.silence.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    hub.silence.cache_clear()


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy that a stage has left."""
    monkeypatch.setattr(digests, "CACHE", tmp_path / "cache" / "digests.json")
    folder = tmp_path / "rl" / "policy"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    figures = {"pass_at_1": {"mean": 0.5, "low": 0.4, "high": 0.6}}
    outputs = {"policy": folder}
    write_manifest(tmp_path / "rl", "rl", RunConfig(), {}, outputs, figures, time.monotonic())
    return folder


def push(policy: Path, repository: str = "me/small", *options: str) -> Any:
    """What the command came to."""
    return CliRunner().invoke(app, ["push", str(policy), repository, *options])


def test_a_policy_is_uploaded_with_its_card_and_without_this_machines_paths(
    stand_in: StandIn, policy: Path
) -> None:
    done = push(policy, "me/small", "--private")
    assert done.exit_code == 0, done.exception
    assert f"is now {stand_in.url}/me/small/commit/0123" in done.output
    assert stand_in.made[0]["visibility"] == "private"
    assert set(stand_in.files) == {"README.md", "config.json", "model.safetensors"}
    assert stand_in.files["model.safetensors"] == (policy / "model.safetensors").read_bytes()
    card = stand_in.files["README.md"].decode()
    assert card.startswith("---\n")
    assert "| held out in rl | pass_at_1 | 0.500 [0.400, 0.600] |" in card


def test_a_card_that_is_there_is_uploaded_as_it_is(stand_in: StandIn, policy: Path) -> None:
    (policy / "README.md").write_text("---\nlicense: mit\n---\nmy own words\n")
    push(policy)
    assert stand_in.files["README.md"].decode().endswith("my own words\n")


def test_what_the_hub_refuses_is_one_line(stand_in: StandIn, policy: Path) -> None:
    stand_in.refuses = True
    error = push(policy).exception
    assert isinstance(error, HubError)
    assert "me/small: the hub refuses: " in str(error)
    assert "403" in str(error)


def test_a_hub_that_is_switched_off_is_said_before_anything_is_sent(
    stand_in: StandIn, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = push(policy).exception
    assert isinstance(error, HubError)
    assert "the hub is switched off" in str(error)
    assert stand_in.made == []


@pytest.mark.parametrize("repository", ["small", "me/small/policy", "me/sm all"])
def test_a_repository_has_an_organization_and_a_name(
    stand_in: StandIn, policy: Path, repository: str
) -> None:
    error = push(policy, repository).exception
    assert isinstance(error, ConfigError)
    assert f"REPOSITORY {repository}: " in str(error)


def test_a_folder_that_is_no_policy_or_has_no_manifest_is_refused(
    stand_in: StandIn, policy: Path
) -> None:
    assert isinstance(push(policy.parent.parent).exception, ConfigError)
    (policy / "manifest.json").unlink()
    assert isinstance(push(policy).exception, LineageError)
    assert stand_in.made == []
