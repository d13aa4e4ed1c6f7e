"""Messages between a caller and a function's job, on one stream socket.

    length of the rest (4 bytes), call id (16 bytes), kind (1 byte), body (codec.py)

The id is random and the caller's: an answer counts only for the call that it names, so none can be
given before it is asked for.
"""

import socket
import struct

from verifiers.sandbox import codec

ID_BYTES = 16
LOADED = bytes(ID_BYTES)
"""Id of the first answer: that the program was loaded."""
CALL, VALUE, RAISED, REJECTED = b"C", b"V", b"E", b"R"

_LENGTH = struct.Struct("<I")
_HEAD = ID_BYTES + 1
MAX_LENGTH = _HEAD + codec.MAX_BYTES

Frame = tuple[bytes, bytes, bytes]
"""Call id, kind, body."""


class FrameError(ValueError):
    """The other side does not speak in frames."""


def pack(call_id: bytes, kind: bytes, body: bytes) -> bytes:
    """One frame."""
    return _LENGTH.pack(_HEAD + len(body)) + call_id + kind + body


def unpack(received: bytearray) -> Frame | None:
    """Take the first frame off what was received; None while it is incomplete.

    Raises:
        FrameError: a length that no frame has.
    """
    if len(received) < _LENGTH.size:
        return None
    length = _LENGTH.unpack_from(received)[0]
    if not _HEAD <= length <= MAX_LENGTH:
        raise FrameError(f"a frame of {length} bytes")
    end = _LENGTH.size + length
    if len(received) < end:
        return None
    frame = bytes(received[_LENGTH.size : end])
    del received[:end]
    return frame[:ID_BYTES], frame[ID_BYTES:_HEAD], frame[_HEAD:]


def receive_blocking(channel: socket.socket) -> Frame | None:
    """The next frame; None when the other side has closed."""
    received = bytearray()
    while (frame := unpack(received)) is None:
        data = channel.recv(1 << 16)
        if not data:
            return None
        received += data
    return frame
