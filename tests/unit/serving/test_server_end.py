"""What a server that is killed leaves behind, with processes in place of vLLM's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rlsys.serving.ready import VARIABLE, Served
from tests.helpers.places import ROOT

SERVER = """
import multiprocessing, sys
from engine import run
process = multiprocessing.get_context(sys.argv[1]).Process(target=run)
process.start()
process.join()
"""
ENGINE = """
import pathlib, time
def run():
    pathlib.Path({begun!r}).touch()
    time.sleep(300)
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_the_engine_of_a_server_that_is_killed_ends_with_it(tmp_path: Path, start: str) -> None:
    server = tmp_path / "vllm" / "entrypoints" / "openai" / "api_server.py"
    server.parent.mkdir(parents=True)
    for package in (server.parent, server.parents[1], server.parents[2]):
        (package / "__init__.py").touch()
    server.write_text(SERVER)
    begun = tmp_path / "begun"
    (tmp_path / "engine.py").write_text(ENGINE.format(begun=str(begun)))
    served = Served("127.0.0.1", 1, "adder", False, str(tmp_path / "log"))
    paths = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", VARIABLE: served.to_json()}
    process = subprocess.Popen(
        [sys.executable, "-m", "rlsys.serving.server", start],
        env=os.environ | paths,
    )
    try:
        deadline = time.monotonic() + 60
        while not begun.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        [engine] = [one for one in psutil.Process(process.pid).children() if not _is_tracker(one)]
    finally:
        process.kill()
        process.wait(30)
    assert not psutil.wait_procs([engine], timeout=10)[1]


def _is_tracker(process: psutil.Process) -> bool:
    """Python's own, which ends by itself."""
    return "resource_tracker" in " ".join(process.cmdline())
