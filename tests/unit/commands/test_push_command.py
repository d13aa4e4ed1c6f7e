"""`rlsys push` against a hub that runs here."""

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from rlsys import hub
from rlsys.cli import app
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError, HubError, LineageError
from rlsys.lineage import digests
from rlsys.lineage.manifest import write_manifest
from tests.helpers.hub import PART, StandIn


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
    assert "me/small: the hub refuses: 403" in str(error)
    assert "you may not write there" in str(error)
    assert "\n" not in str(error)


@pytest.fixture
def large(stand_in: StandIn, policy: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Weights that the hub wants by git LFS, as it does where there is no Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    stand_in.large = (".safetensors",)
    weights = policy / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + bytes(range(256)))
    return weights.read_bytes()


@pytest.mark.parametrize("in_parts", [False, True])
def test_large_weights_are_uploaded_before_the_commit_that_points_to_them(
    stand_in: StandIn, policy: Path, large: bytes, in_parts: bool
) -> None:
    stand_in.in_parts = in_parts
    done = push(policy)
    assert done.exit_code == 0, done.exception
    assert stand_in.stored == {hashlib.sha256(large).hexdigest(): large}
    assert stand_in.files["model.safetensors"] == large
    assert set(stand_in.files) == {"README.md", "config.json", "model.safetensors"}
    assert len(stand_in.sent) == (-(-len(large) // PART) if in_parts else 1)


def test_weights_that_the_hub_has_are_not_sent_again(
    stand_in: StandIn, policy: Path, large: bytes
) -> None:
    push(policy)
    stand_in.files.clear()
    assert push(policy).exit_code == 0
    assert stand_in.files["model.safetensors"] == large
    assert len(stand_in.sent) == 1


def test_weights_that_the_hub_will_not_take_are_one_line_and_no_commit(
    stand_in: StandIn, policy: Path, large: bytes
) -> None:
    stand_in.takes_large = False
    error = push(policy).exception
    assert isinstance(error, HubError)
    assert "larger than your plan allows" in str(error)
    assert stand_in.files == {}


def test_an_upload_by_xet_that_fails_is_one_line_and_no_commit(
    stand_in: StandIn, policy: Path, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    error = push(policy).exception
    assert isinstance(error, HubError), repr(error)
    assert "me/small: the hub refuses: " in str(error)
    assert stand_in.files == {}


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
