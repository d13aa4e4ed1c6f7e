"""Addresses and ports, looked at before anything is started: does a cluster answer, is a port free?

Only sockets: what Ray says after a quarter of an hour, and vLLM after it loaded a model, is known
here in seconds.
"""

import errno
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from rlsys.errors import ConfigError, ResourceError

_REPLY_S = 5.0
"""A cluster answers within milliseconds, one behind a slow line within a second."""
_LARGEST_PORT = 65535
_PORTS_TRIED = 100
_LOCAL = "local"
_AUTO = "auto"
# What a gRPC client says first, and the type of the frame with which every gRPC server replies.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS_FRAME = 4
_FRAME_HEAD = 9


@dataclass(frozen=True)
class Named:
    """A cluster's address, and who names it."""

    address: str
    by: str
    instead: str
    """What starts a cluster on this machine instead."""


def named_cluster(setting: str) -> Named | None:
    """The cluster that Ray would join; None: it starts one on this machine.

    cluster.address comes first, then RAY_ADDRESS, then what `ray start` left on this machine.

    Raises:
        ResourceError: one of them says `auto`, and no cluster runs here.
    """
    if setting not in ("", _AUTO):
        instead = "cluster.address= (empty)"
        return None if setting == _LOCAL else Named(setting, "cluster.address", instead)
    variable = os.environ.get("RAY_ADDRESS", "")
    if variable not in ("", _AUTO):
        by = "the environment variable RAY_ADDRESS"
        return None if variable == _LOCAL else Named(variable, by, "unset RAY_ADDRESS")
    file = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray/ray_current_cluster"
    if file.is_file():
        by = f"{file}, which `ray start` left,"
        # `ray stop` removes it; a head that Ctrl-C or a signal ended leaves it behind.
        instead = f"`rm {file}`, if that cluster has ended, or cluster.address=local"
        return Named(file.read_text().strip(), by, instead)
    if _AUTO in (setting, variable) and not _has_head():
        by = "cluster.address" if setting else "RAY_ADDRESS"
        raise ResourceError(
            f"{by}=auto: no Ray cluster runs on this machine. Start one (`ray start --head`), or "
            f"leave {by} empty: a run then starts its own"
        )
    return None


def require_cluster(setting: str) -> None:
    """See that the cluster which Ray would join is there, if it would join one.

    Args:
        setting: cluster.address.
    Raises:
        ConfigError: the address is none.
        ResourceError: nothing answers there, or not as a cluster does, or there is none to find.
    """
    named = named_cluster(setting)
    if named is None:
        return
    host, port = _host_and_port(named)
    problem = _silence(host, port)
    if problem:
        raise ResourceError(
            f"no Ray cluster at {named.address} ({problem}), which {named.by} names. Start it "
            f"there, or start one on this machine: {named.instead}"
        )


def require_free(host: str, port: int) -> None:
    """See that a server may listen there.

    Raises:
        ConfigError: the host is not of this machine, or the port is taken; names one that is free.
    """
    error = _cannot_listen(host, port)
    if error is None:
        return
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        raise ConfigError(
            f"--host {host}: no address of this machine ({error.strerror}); nearest valid: "
            "127.0.0.1, or 0.0.0.0 for all of its addresses"
        )
    above = range(port + 1, min(port + _PORTS_TRIED, _LARGEST_PORT) + 1)
    free = next((other for other in above if _cannot_listen(host, other) is None), None)
    nearest = f"; nearest free: --port {free}" if free else ""
    raise ConfigError(f"--port {port}: {error.strerror} on {host}{nearest}")


def free_port(host: str = "") -> int:
    """A port on which nobody listens there now; empty: on no address of this machine."""
    with socket.socket() as taken:
        taken.bind((host, 0))
        port: int = taken.getsockname()[1]
        return port


def _has_head() -> bool:
    """Whether a cluster's head runs on this machine, which `auto` then finds."""
    return any(one.info["name"] == "gcs_server" for one in psutil.process_iter(["name"]))


def _host_and_port(named: Named) -> tuple[str, int]:
    scheme, separator, rest = named.address.rpartition("://")
    host, _, port = rest.rpartition(":")
    if scheme in ("http", "https"):
        raise ConfigError(
            f"{named.by}: {named.address} is the address of a dashboard, which takes jobs: `ray "
            f"job submit -- python -m rlsys ...`. To start a cluster here: {named.instead}"
        )
    is_port = port.isdecimal() and 0 < int(port) <= _LARGEST_PORT
    if not is_port or not host or (separator and scheme != "ray"):
        raise ConfigError(
            f"{named.by}: {named.address!r} is no address of a Ray cluster, such as "
            f"10.0.0.5:6379 or ray://10.0.0.5:10001. To start a cluster here: {named.instead}"
        )
    return host.strip("[]"), int(port)


def _silence(host: str, port: int) -> str:
    """What keeps a gRPC server there from being one; empty: it answered as one."""
    try:
        with socket.create_connection((host, port), timeout=_REPLY_S) as line:
            if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
                return ""  # it would not understand this greeting
            line.sendall(_PREFACE)
            reply = line.recv(_FRAME_HEAD, socket.MSG_WAITALL)
    except TimeoutError:
        return f"no reply within {_REPLY_S:g} s"
    except OSError as error:
        return error.strerror or str(error)
    is_cluster = len(reply) == _FRAME_HEAD and reply[3] == _SETTINGS_FRAME
    return "" if is_cluster else "something else listens there"


def _cannot_listen(host: str, port: int) -> OSError | None:
    """Why a server cannot listen there; None: it can."""
    try:
        for family, kind, protocol, _, place in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[:1]:
            with socket.socket(family, kind, protocol) as server:
                # As servers do: a port whose last connections are only just closed is free.
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(place)
                server.listen()
    except OSError as error:
        return error
    return None
