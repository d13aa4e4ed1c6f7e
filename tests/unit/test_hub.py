"""A hub that cannot be reached is known in seconds, and then only its cache is asked."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from rlsys import hub
from rlsys.config.model_files import read_config
from rlsys.errors import ConfigError
from rlsys.pretrained import loading

MODEL = "nobody/nothing"


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The environment, and what the hub's library read of it, are those of before afterwards."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    hub.silence.cache_clear()
    yield
    hub.silence.cache_clear()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address where nobody listens, as that of the hub."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    return f"http://127.0.0.1:{port}"


def test_a_model_of_a_hub_out_of_reach_is_one_error_at_once(nobody: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError) as raised:
        read_config(MODEL, "model.path")
    assert time.monotonic() - began < 5
    assert str(raised.value).endswith(
        f"nor does the hub give its config.json: {nobody} cannot be reached (Connection refused), "
        "and it is not among what was downloaded before (HF_HOME)"
    )


def test_a_tokenizer_of_a_hub_out_of_reach_is_one_error_at_once(nobody: str) -> None:
    began = time.monotonic()
    with (
        pytest.raises(ConfigError, match=r"no tokenizer: http.* cannot be reached"),
        loading(MODEL, "no tokenizer"),
    ):
        raise OSError("what transformers says of it\nin several lines")
    assert time.monotonic() - began < 5


def test_what_was_downloaded_before_is_found_without_the_hub(nobody: str, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--nobody--nothing" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "qwen2"}')
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    began = time.monotonic()
    assert read_config(MODEL, "model.path")["model_type"] == "qwen2"
    assert time.monotonic() - began < 5
    assert os.environ["HF_HUB_OFFLINE"] == "1"  # for the members, which load the rest of it
    assert hub.has_config(MODEL)
    assert not hub.has_config("nobody/else")


def test_a_hub_that_says_nothing_is_out_of_reach_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "_REPLY_S", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "cannot be reached (" in hub.silence()


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_hub_that_answers_is_asked_as_before(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    class Completions(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Completions) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert hub.silence() == ""
    assert os.environ["HF_HUB_OFFLINE"] == ""


def test_a_hub_that_the_user_has_switched_off_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(hub, "_unreachable", lambda endpoint: pytest.fail("it was asked"))
    assert hub.silence().startswith("the hub is switched off (HF_HUB_OFFLINE), and it is not")
