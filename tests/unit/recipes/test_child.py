"""A stage's command as a process: its log, its status, signals, and the end of its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlsys.recipes import child
from rlsys.recipes.child import Child, last_lines


def command(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A program of Python takes the place of `python -m rlsys`."""
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", program))


def test_what_it_prints_is_told_and_kept_behind_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(monkeypatch, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    log, told = tmp_path / "rl.log", []

    async def run() -> int:
        return await (await Child.start(["train"], log)).wait(told.append)

    assert asyncio.run(run()) == 3
    assert sorted(told) == ["err", "out"]
    asyncio.run(run())
    assert log.read_text().splitlines().count("$ rlsys train") == 2
    assert len(told) == 4  # of the second run its own lines alone
    assert len(last_lines(log, 2)) == 2


def test_a_signal_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, "import time; print('begun', flush=True); time.sleep(60)")

    async def run() -> int:
        started = await Child.start([], tmp_path / "rl.log")
        return await started.wait(lambda line: started.hear(signal.SIGTERM))

    assert asyncio.run(run()) == -signal.SIGTERM


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    parent = f"""
import asyncio, sys
from pathlib import Path
from rlsys.recipes import child

child.COMMAND = (sys.executable, "-c", {program!r})

async def run():
    started = await child.Child.start([], Path({str(tmp_path / "rl.log")!r}))
    await started.wait(lambda line: print(line, flush=True))

asyncio.run(run())
"""
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    own = int(process.stdout.readline())
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{own}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(own, 0)
