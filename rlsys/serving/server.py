"""vLLM's server in a process of its own, as `rlsys serve` starts it: told to stop while it loads,
it ends with the signal's exit status and no traceback; one that fails says why in a line, with
the log that has the rest. vLLM's own processes end with it, however it ends."""

import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType

from rlsys.logs import Since, cause_of, errors_to
from rlsys.serving.ready import VARIABLE, Served
from verifiers.parent import end_with_parent

_SERVER = "vllm.entrypoints.openai.api_server"


def main() -> None:
    """Take vLLM's options from the command line, and serve until a signal."""
    # Replaced by vLLM's own, in the same words, when its libraries are there.
    signal.signal(signal.SIGTERM, _interrupt)
    # vLLM forks its engine where nothing is on a GPU yet.
    os.register_at_fork(after_in_child=end_with_parent)
    path = Path(Served.from_json(os.environ[VARIABLE]).log)
    try:
        with errors_to(path):
            log = Since()
            runpy.run_module(_SERVER, run_name="__main__")
    except KeyboardInterrupt as stop:
        number = signal.SIGTERM if stop.args else signal.SIGINT
        print(f"stopped by {number.name}", flush=True)
        sys.exit(128 + number)
    except (Exception, SystemExit) as error:  # whatever vLLM raises ends its server
        if isinstance(error, SystemExit) and not error.code:
            raise
        print(
            f"SamplerError: vLLM's server has ended: {cause_of(error, log)}\nits log: {path}",
            file=sys.stderr,
            flush=True,
        )
        sys.exit(2)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt("terminated")


if __name__ == "__main__":
    main()
elif __name__ == "__mp_main__":  # of a process that vLLM spawns, which begins with this module
    end_with_parent()
