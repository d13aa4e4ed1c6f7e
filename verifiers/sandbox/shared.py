"""The sandbox that the verifiers of one process share, started when the first of them asks."""

from rlsys.config.sandbox import SandboxConfig
from verifiers.sandbox.interface import Sandbox
from verifiers.sandbox.pool import open_sandbox


class SharedSandbox:
    """Call it to get the sandbox. Verifiers that run nothing never start it."""

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._sandbox: Sandbox | None = None

    def __call__(self) -> Sandbox:
        """The sandbox.

        Raises:
            SandboxError: it cannot be started, or would isolate less than the config asks for.
        """
        if self._sandbox is None:
            self._sandbox = open_sandbox(self._config)
        return self._sandbox

    @property
    def note(self) -> str:
        """One line on how programs are isolated; empty where none will run."""
        return "" if self._sandbox is None else f"sandbox: {self._sandbox.level}"

    def close(self) -> None:
        """End the sandbox's processes."""
        if self._sandbox is not None:
            self._sandbox.close()
        self._sandbox = None
