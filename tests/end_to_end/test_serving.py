"""`rlsys serve` and `rlsys chat` on the tiny policy, as a user starts them."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from rlsys.network import free_port
from tests.helpers.places import ROOT
from tests.helpers.serving import SIZES, START_S, printed, started
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture
def policy(workplace: Workplace) -> tuple[str, ...]:
    """`local`, as the tiny one of the workplace."""
    sizes = (f"model.local.{size}" for size in SIZES)
    return ("local", f"model.cache={workplace.folder / 'cache'}", *sizes, "model.max_context=128")


def asked(url: str, **body: object) -> dict[str, Any]:
    """The answer of a server to one question."""
    text = json.dumps({"messages": [{"role": "user", "content": "3*4+4=?"}], **body}).encode()
    request = urllib.request.Request(
        f"{url}/chat/completions", text, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_a_server_says_when_it_is_ready_answers_and_ends_on_sigterm(
    policy: tuple[str, ...], tmp_path: Path
) -> None:
    log, port = tmp_path / "printed.txt", free_port("127.0.0.1")
    serving = ("serve", *policy, "--port", str(port), "--name", "adder")
    with started(log, *serving) as process:
        url = printed(log, r"ready: (\S+)  model: adder", process)[1]
        assert url == f"http://127.0.0.1:{port}/v1"
        answer = asked(url, model="adder", max_tokens=24)
        assert answer["usage"]["completion_tokens"] > 0
        assert answer["choices"][0]["finish_reason"] in ("stop", "length")
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    said = log.read_text()
    assert "Traceback" not in said
    assert said.count("\n") < 8


def test_a_server_that_cannot_start_says_why_in_lines_that_fit_a_screen(
    policy: tuple[str, ...], workplace: Workplace
) -> None:
    port = str(free_port("127.0.0.1"))
    done = workplace.run("serve", *policy, "--port", port, "--", "--kv-cache-dtype", "nonsense")
    assert done.returncode == 2
    assert "SamplerError: vLLM's server has ended: " in done.stderr
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) <= 6
    log = Path(done.stderr.rpartition("its log: ")[2].strip())
    assert log.is_file()
    log.unlink()


def test_a_conversation_in_a_pipe_says_what_it_loads_beside_it(policy: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rlsys", "chat", *policy],
        cwd=ROOT,
        env=os.environ,
        input="3*4+4=?\n/quit\n",
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "loading the libraries" in done.stderr
    assert re.search(r"^loading /.*/cache/\S+$", done.stderr, re.MULTILINE)
    assert "loading" not in done.stdout
    assert "answer tokens" in done.stdout


def test_nothing_of_a_server_that_is_killed_stays_behind(
    policy: tuple[str, ...], tmp_path: Path
) -> None:
    log, port = tmp_path / "printed.txt", free_port("127.0.0.1")
    with started(log, "serve", *policy, "--port", str(port)) as process:
        printed(log, r"ready: (\S+)", process)
        family = psutil.Process(process.pid).children(recursive=True)
        assert family  # vLLM's engine
        process.kill()
        process.wait(60)
        _, left = psutil.wait_procs(family, timeout=10)
    assert not left, [one.cmdline() for one in left]
