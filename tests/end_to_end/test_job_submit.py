"""`ray job submit` from a clean copy against a head with its dashboard, as the README has it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.helpers.workplace import Workplace

pytestmark = pytest.mark.slow

RAY = str(Path(sys.executable).with_name("ray"))
PORT, DASHBOARD, AGENT = 26379, 28265, 28365


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A head on ports of its own; yields the environment that reaches it."""
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
        "RAY_TMPDIR": "/tmp/rlsys-test-ray",
        "RAY_ADDRESS": f"http://127.0.0.1:{DASHBOARD}",
    }
    (tmp_path / "token").write_text(secrets.token_hex(32))
    start = {k: v for k, v in environment.items() if k != "RAY_ADDRESS"}
    # In the foreground, so that ending it ends this cluster and no other.
    head = subprocess.Popen(
        [
            *(RAY, "start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats"),
            *(f"--port={PORT}", f"--dashboard-port={DASHBOARD}"),
            f"--dashboard-agent-listen-port={AGENT}",
        ],
        env=start,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_first_job(environment)
        yield environment
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(timeout=30)
        shutil.rmtree("/tmp/rlsys-test-ray", ignore_errors=True)


def test_the_main_job_runs_by_ray_job_submit(
    workplace: Workplace, cluster: dict[str, str], tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    ignored = shutil.ignore_patterns(".venv", ".git", "runs", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, clone, ignore=ignored)
    # The documented plug-in, from a file that only the job's folder has.
    plugin = (ROOT / "docs" / "verifiers.md").read_text().split("```python\n")[1].split("```")[0]
    (clone / "short_answer.py").write_text(plugin)
    output = _ray(
        cluster,
        *("job", "submit", "--working-dir", str(clone), "--", sys.executable, "-m", "rlsys"),
        *("train", "--config", str(workplace.config), "loop.steps=3", "run.name=job"),
        "verifiers.plugins=[./short_answer.py]",
        "verifiers.rewards=[{name: accuracy, verifier: short_answer, options: {max_chars: 300}}]",
    )
    assert "succeeded" in output
    summary = workplace.summary("job")
    assert summary["steps"] == 3
    assert summary["ledger"]["trained"] == 12
    listed = _ray(cluster, "list", "actors", "--limit", "50")
    for name in ("rollout-0", "verifier-0", "reference-0", "learner-0"):
        assert name in listed


def _await_first_job(environment: dict[str, str]) -> None:
    """Submits an empty job until one is taken.

    The dashboard answers seconds before the node's agent, which starts the jobs, has registered;
    on a loaded machine that takes longer than the 10 s for which a submission waits for it.
    """
    deadline = time.monotonic() + 120
    while True:
        try:
            _ray(environment, "job", "submit", "--", "true")
        except AssertionError as error:
            if time.monotonic() > deadline:
                raise AssertionError("the head takes no job within 120 s") from error
            time.sleep(1)
        else:
            return


def _ray(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [RAY, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
