"""vLLM's server in a process of its own, as `rlsys serve` starts it: told to stop while it loads,
it ends with the signal's exit status and no traceback."""

import runpy
import signal
import sys
from types import FrameType

_SERVER = "vllm.entrypoints.openai.api_server"


def main() -> None:
    """Take vLLM's options from the command line, and serve until a signal."""
    # Replaced by vLLM's own, in the same words, when its libraries are there.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        runpy.run_module(_SERVER, run_name="__main__")
    except KeyboardInterrupt as stop:
        number = signal.SIGTERM if stop.args else signal.SIGINT
        print(f"stopped by {number.name}", flush=True)
        sys.exit(128 + number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt("terminated")


if __name__ == "__main__":
    main()
