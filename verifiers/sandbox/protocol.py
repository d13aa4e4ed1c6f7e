"""What a caller and a zygote tell each other, in packets on a socket pair.

A request has a job's limits and, as descriptors, all that the job will hold. The zygote never
reads them: what it has once read, later jobs inherit.
"""

import socket
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

READY, FAILED = b"R", b"F"
"""First packet of a zygote; FAILED is followed by the reason."""
KILL = b"K"
"""Ends the running job; may come too late."""
MAX_PACKET = 4096
PAYLOAD_FD, STDIN_FD, STDOUT_FD, STDERR_FD = range(4)
MAX_DESCRIPTORS = 5
"""The four above, and a session's socket."""

MAX_PROGRAM_BYTES = 8 << 20

_DESCRIPTOR = struct.Struct("i")
_ANCILLARY_BYTES = socket.CMSG_SPACE(MAX_DESCRIPTORS * _DESCRIPTOR.size)
_REQUEST = struct.Struct("<ddQQI")
_REPORT = struct.Struct("<Bidd")


def send(control: socket.socket, packet: bytes, descriptors: Sequence[int]) -> None:
    """One packet with open descriptors, which stay the sender's, too (cmsg(3), SCM_RIGHTS)."""
    data = struct.pack(f"{len(descriptors)}i", *descriptors)
    control.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, data)])


def receive(control: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """One packet and its descriptors; an empty one when the other side has hung up. As
    socket.recv_fds, which takes many more steps, and so pages of the zygote's."""
    packet, ancillary, _, _ = control.recvmsg(MAX_PACKET, _ANCILLARY_BYTES)
    if not ancillary:
        return packet, ()
    data = ancillary[0][2]
    return packet, struct.unpack(f"{len(data) // _DESCRIPTOR.size}i", data)


def pack_program(source: str, entry_point: str = "") -> bytes:
    """A job's payload: a program, and the function of it that is to be called, if one is.

    Raises:
        ValueError: over MAX_PROGRAM_BYTES, or the entry point is no name.
    """
    if entry_point and not entry_point.isidentifier():
        raise ValueError(f"{entry_point!r} is not the name of a function")
    payload = f"{entry_point}\n{source}".encode("utf-8", "surrogatepass")
    if len(payload) > MAX_PROGRAM_BYTES:
        raise ValueError(f"the source has more than {MAX_PROGRAM_BYTES} bytes")
    return payload


def unpack_program(payload: bytes) -> tuple[str, str]:
    """Entry point and source."""
    entry_point, _, source = payload.decode("utf-8", "surrogatepass").partition("\n")
    return entry_point, source


class Cause(IntEnum):
    """What the zygote saw."""

    ENDED = 0
    WALL = 1
    CPU = 2
    ASKED = 3
    SETUP = 4


class Request(NamedTuple):
    """Limits of a job, in seconds and bytes."""

    wall_s: float
    cpu_s: float
    memory: int
    tmp: int
    threads: int

    def pack(self) -> bytes:
        return _REQUEST.pack(*self)

    @classmethod
    def unpack(cls, packet: bytes) -> "Request":
        return cls(*_REQUEST.unpack(packet))


class Report(NamedTuple):
    """The end of a job. status is as waitpid(2) has it."""

    cause: Cause
    status: int
    wall_s: float
    cpu_s: float
    reason: str = ""

    @classmethod
    def unpack(cls, packet: bytes) -> "Report":
        cause, status, wall_s, cpu_s = _REPORT.unpack_from(packet)
        reason = packet[_REPORT.size :].decode("utf-8", "replace")
        return cls(Cause(cause), status, wall_s, cpu_s, reason)


def pack_report(cause: Cause, status: int, wall_s: float, cpu_s: float, reason: str = "") -> bytes:
    """The packet of a Report."""
    return _REPORT.pack(cause, status, wall_s, cpu_s) + reason.encode("utf-8", "replace")[:1000]
