"""Clusters and ports that are not there, or not free: known at once, with what to do instead."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys import network
from rlsys.cli import app
from rlsys.config.load import CONFIGS
from rlsys.errors import ConfigError, ResourceError, RlsysError

SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@pytest.fixture(autouse=True)
def no_cluster_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What runs on the machine of the tests plays no part."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(network, "_has_head", lambda: False)
    monkeypatch.setattr(network, "_REPLY_S", 0.3)


@contextmanager
def server(says: bytes | None) -> Iterator[int]:
    """Listens, and says something to whoever greets it; None: it stays silent."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        open_lines = []

        def answer() -> None:
            line, _ = listening.accept()
            open_lines.append(line)
            line.recv(1000)
            if says is not None:
                line.sendall(says)
                line.close()

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]


@contextmanager
def taken_port() -> Iterator[int]:
    """A port on which something listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


def error_of(call: Callable[[], object]) -> str:
    began = time.monotonic()
    with pytest.raises(RlsysError) as caught:
        call()
    assert time.monotonic() - began < 5
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_dead_address_names_itself_who_named_it_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    address = f"{scheme}127.0.0.1:{network.free_port('127.0.0.1')}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    message = error_of(lambda: network.require_cluster(""))
    assert address in message
    assert "Connection refused" in message
    assert "the environment variable RAY_ADDRESS names" in message
    assert message.endswith("unset RAY_ADDRESS")


def test_the_setting_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{network.free_port('127.0.0.1')}"
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    message = error_of(lambda: network.require_cluster(address))
    assert f"at {address}" in message
    assert message.endswith("cluster.address= (empty)")


def test_what_a_crashed_head_left_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "ray").mkdir()
    left = tmp_path / "ray" / "ray_current_cluster"
    left.write_text(f"127.0.0.1:{network.free_port('127.0.0.1')}")
    message = error_of(lambda: network.require_cluster(""))
    assert f"which {left}, which `ray start` left, names" in message
    assert f": `rm {left}`, if that cluster has ended," in message
    assert message.endswith("cluster.address=local")


@pytest.mark.parametrize(
    ("says", "problem"),
    [(b"HTTP/1.0 400 Bad Request\r\n", "something else listens there"), (None, "no reply")],
)
def test_a_port_where_no_cluster_listens_is_refused(says: bytes | None, problem: str) -> None:
    with server(says) as port:
        message = error_of(lambda: network.require_cluster(f"127.0.0.1:{port}"))
    assert problem in message


def test_a_server_that_greets_as_grpc_does_is_taken_for_a_cluster() -> None:
    with server(SETTINGS) as port:
        network.require_cluster(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["", "local"])
@pytest.mark.parametrize("variable", ["", "local"])
def test_a_cluster_that_is_started_here_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, address: str, variable: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    network.require_cluster(address)


@pytest.mark.parametrize("by", ["cluster.address", "RAY_ADDRESS"])
def test_auto_without_a_cluster_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "RAY_ADDRESS":
        monkeypatch.setenv(by, "auto")
    message = error_of(lambda: network.require_cluster("auto" if by != "RAY_ADDRESS" else ""))
    assert message.startswith(f"{by}=auto: no Ray cluster runs on this machine")
    assert "ray start --head" in message
    monkeypatch.setattr(network, "_has_head", lambda: True)
    network.require_cluster("auto")


@pytest.mark.parametrize(
    "address",
    ["localhost", "host:", ":6379", "host:port", "host:0", "host:70000", "redis://h:1", "ray://"],
)
def test_a_malformed_address_is_shown_with_one_that_is_not(address: str) -> None:
    message = error_of(lambda: network.require_cluster(address))
    assert f"cluster.address: {address!r} is no address of a Ray cluster" in message
    assert "10.0.0.5:6379" in message


def test_a_dashboards_address_is_for_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    assert "ray job submit" in error_of(lambda: network.require_cluster(""))


def test_every_command_that_needs_a_cluster_looks_for_it_before_it_loads_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{network.free_port('127.0.0.1')}")
    local = str(CONFIGS / "local.yaml")
    for arguments in (
        ["train", "--config", local],
        ["eval", "local", "--config", local],
        ["verifiers", "check", "math"],
    ):
        result = CliRunner().invoke(app, arguments)
        assert isinstance(result.exception, ResourceError), arguments
        assert "loading" not in result.output


# --- ports ----------------------------------------------------------------------------------------


def test_a_port_in_use_names_the_nearest_free_one() -> None:
    with taken_port() as port:
        message = error_of(lambda: network.require_free("127.0.0.1", port))
    assert message.startswith(f"--port {port}: Address already in use on 127.0.0.1; nearest free")
    network.require_free("127.0.0.1", int(message.rpartition(" ")[2]))


def test_a_free_port_is_one_that_a_server_can_have() -> None:
    network.require_free("127.0.0.1", network.free_port("127.0.0.1"))
    network.require_free("0.0.0.0", network.free_port())


def test_a_port_in_use_on_one_address_is_in_use_for_all_of_them() -> None:
    with taken_port() as port, pytest.raises(ConfigError, match=f"--port {port}"):
        network.require_free("0.0.0.0", port)


@pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
def test_a_host_of_another_machine_is_refused_with_one_of_this(host: str) -> None:
    message = error_of(lambda: network.require_free(host, network.free_port()))
    assert f"--host {host}: no address of this machine" in message
    assert "127.0.0.1" in message


def test_serve_refuses_a_port_before_it_looks_for_the_model() -> None:
    with taken_port() as port:
        result = CliRunner().invoke(app, ["serve", "./no/such/model", "--port", str(port)])
    assert isinstance(result.exception, ConfigError)
    assert f"--port {port}" in str(result.exception)
    for wrong in ("0", "-1", "70000", "nan"):
        result = CliRunner().invoke(app, ["serve", "local", f"--port={wrong}"])
        assert result.exit_code == 2
        assert "--port" in result.output
