"""Calls of a function in a job: arguments in, results out, by value."""

import os
import select
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from verifiers.sandbox import codec, frames
from verifiers.sandbox.client import Job, Zygote
from verifiers.sandbox.interface import JobEnded, Limits, Outcome, Rejected, RemoteError
from verifiers.sandbox.served import BY_VALUE

_MAX_WORDS = 16 << 10
"""Bytes of an error, more than served.py gives one: it is read in the grading process, beside other
completions, and not under a deadline as values are."""


class FunctionSession:
    """One loaded function; answers from its job are checked and believed only as values.

    Raises:
        RemoteError, JobEnded: the function could not be loaded (interface.py).
    """

    def __init__(self, zygote: Zygote, payload: bytes, limits: Limits) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._job: Job = zygote.start(payload, b"", limits, theirs)
        self._channel.setblocking(False)
        self._received = bytearray()
        self._outcome: Outcome | None = None
        self._is_hung_up = False
        try:
            self._answer(frames.LOADED)
        except BaseException:
            # Nobody will close what was never opened.
            self.close()
            raise

    def call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """See interface.Session."""
        try:
            request = codec.encode(("call", BY_VALUE, "", tuple(args), dict(kwargs)))
        except codec.CodecError as error:
            raise Rejected(str(error), is_argument=True) from error
        try:
            return codec.Decoder(self.request(request)).first()
        except codec.CodecError as error:
            raise Rejected(str(error)) from error

    def request(self, body: bytes) -> bytes:
        """See interface.Session."""
        call_id = os.urandom(frames.ID_BYTES)
        self._send(frames.pack(call_id, frames.CALL, body))
        return self._answer(call_id)

    def close(self) -> None:
        """End the job; idempotent."""
        if self._outcome is None:
            self._outcome = self._job.finish(stop=True)
        self._channel.close()

    def _send(self, data: bytes) -> None:
        """Write it all, taking in what the job says meanwhile."""
        view = memoryview(data)
        while view:
            self._require_alive()
            try:
                view = view[self._channel.send(view) :]
            except BlockingIOError:
                self._step(select.POLLIN | select.POLLOUT)
            except (BrokenPipeError, ConnectionResetError):
                self._end()

    def _answer(self, call_id: bytes) -> bytes:
        """The answer to one call; earlier ones' are passed over."""
        while True:
            try:
                frame = frames.unpack(self._received)
            except frames.FrameError as error:
                raise Rejected(str(error)) from error
            if frame is None:
                self._require_alive()
                self._step(select.POLLIN)
            elif frame[0] == call_id:
                return _believed(frame[1], frame[2])

    def _step(self, events: int) -> None:
        """Wait, then take in a piece. What the job wrote before its end is read before that."""
        self._job.watch(self._channel.fileno(), events)
        try:
            self._job.step()
        finally:
            self._job.watch(self._channel.fileno(), 0)
        try:
            data = self._channel.recv(1 << 16)
            while data:
                self._received += data
                if len(self._received) > frames.MAX_LENGTH * 2:
                    raise Rejected("more bytes than an answer may have")
                data = self._channel.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionResetError:
            pass
        self._is_hung_up = True

    def _require_alive(self) -> None:
        if self._outcome is not None:
            raise JobEnded(self._outcome)
        if self._is_hung_up or self._job.is_over:
            self._end()

    def _end(self) -> None:
        """Raises JobEnded, with all that is known of the end."""
        if self._outcome is None:
            self._outcome = self._job.finish()
        raise JobEnded(self._outcome)


def _believed(kind: bytes, body: bytes) -> bytes:
    """The body of an answer; whoever wants its value decodes it."""
    if kind == frames.VALUE:
        return body
    if len(body) > _MAX_WORDS:
        raise Rejected("an error of too many words")
    try:
        value = codec.decode(body)
    except codec.CodecError as error:
        raise Rejected(str(error)) from error
    if kind == frames.RAISED and isinstance(value, tuple) and len(value) == 2:
        raise RemoteError(str(value[0])[:200], str(value[1])[:2000])
    raise Rejected(str(value)[:2000] if kind == frames.REJECTED else "not an answer")
