"""Says that `rlsys serve` is ready: where, under which name, and what to send."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from dataclasses import asdict, dataclass

from rlsys.serving.http_fields import App, AsgiMessage, Receive, Send, ThinkingFields

MIDDLEWARE = "rlsys.serving.ready.Ready"
"""What vLLM's server is told to load."""
VARIABLE = "RLSYS_SERVED"
"""Environment variable that holds a Served as JSON: vLLM gives a middleware no arguments."""
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_LOOK_S = 0.05


@dataclass(frozen=True)
class Served:
    """What is served, and where."""

    host: str
    port: int
    name: str
    needs_key: bool
    log: str = ""
    """File of what vLLM says of errors."""

    @property
    def address(self) -> str:
        """A host of this machine at which the server can be reached."""
        return _ANYWHERE.get(self.host, self.host)

    @property
    def url(self) -> str:
        """Of the API, as clients want it."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}/v1"

    def announcement(self) -> str:
        """What a person is told."""
        body = {"model": self.name, "messages": [{"role": "user", "content": "7*2+5-6=?"}]}
        key = " -H 'authorization: Bearer KEY'" if self.needs_key else ""
        return (
            f"ready: {self.url}  model: {self.name}\n"
            f"  curl {self.url}/chat/completions -H 'content-type: application/json'{key} "
            f"-d {shlex.quote(json.dumps(body))}"
        )

    def to_json(self) -> str:
        """For the environment variable."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Served:
        """What to_json made."""
        return cls(**json.loads(text))


class Ready:
    """ASGI middleware: announces the server once it takes connections. It brings ThinkingFields
    along, since vLLM warns of an option that stands twice."""

    def __init__(self, app: App) -> None:
        self.app = ThinkingFields(app)
        self.served = Served.from_json(os.environ[VARIABLE])
        self.announcing: asyncio.Task[None] | None = None

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        """One connection, or the server's own life."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return

        async def watched(message: AsgiMessage) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self.announcing = asyncio.create_task(self._announce(), name="announce")

        await self.app(scope, receive, watched)

    async def _announce(self) -> None:
        """The start-up is complete a little before the port is open."""
        while True:
            try:
                _, writer = await asyncio.open_connection(self.served.address, self.served.port)
                break
            except OSError:
                await asyncio.sleep(_LOOK_S)
        writer.close()
        print(self.served.announcement(), flush=True)
