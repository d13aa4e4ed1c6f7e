"""A run by `ray job submit` from a clean copy, against a head with its dashboard."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.places import ROOT
from tests.helpers.workplace import Workplace

_RAY = str(Path(sys.executable).with_name("ray"))
REWARDS = (
    "verifiers.rewards=["
    "{name: reasoning, weight: 0.3}, "
    "{name: accuracy, verifier: math, weight: 0.5}, "
    "{name: brevity, verifier: short_answer, options: {max_chars: 300}, weight: 0.1}, "
    "{name: parity, weight: 0.1}]"
)
"""Those of configs/base.yaml, the plug-in that docs/verifiers.md shows, and PARITY."""
PARITY = """
from verifiers.base import Completion, Status, Verdict


class Parity:
    name = "parity"

    def verify(self, completion: Completion) -> Verdict:
        even = len(completion.text) % 2 == 0
        return Verdict(float(even), Status.CORRECT if even else Status.WRONG)

    def self_test(self) -> list[tuple[Completion, float]]:
        return [(Completion("", "ab", ""), 1.0), (Completion("", "a", ""), 0.0)]


VERIFIERS = {"parity": Parity}
"""
"""Pays for half of what is sampled, so that a policy that gets nothing right has a gradient."""
LOSS = """
from dataclasses import replace

from rlsys.algorithms.clipping import ppo_clip
from rlsys.algorithms.contract import TokenLoss


def counted(ratio, advantages, reference_logprobs, *, clip_low: float, clip_high: float):
    made = ppo_clip(ratio, advantages, clip_low=clip_low, clip_high=clip_high)
    return replace(made, clipped_high=~made.clipped_low & (reference_logprobs <= 0))


LOSSES = {"counted": TokenLoss(counted)}
"""
"""The loss of GRPO, which counts every token that the reference speaks of as clipped."""


@dataclass(frozen=True)
class Submitted:
    """A run that has ended."""

    folder: Path
    place: Path
    """The copy that was submitted; its config names the plug-ins from there."""
    output: str
    """What `ray job submit` printed: the run's own lines, and how the job ended."""
    actors: str
    """Those that the cluster knows of."""


def submit(workplace: Workplace, folder: Path, *overrides: str) -> Submitted:
    """The run `tiny` of the workplace's config, with the documented plug-in, another and a loss,
    from files that only the job's folder has."""
    clone = _clone(folder)
    plugin = (ROOT / "docs" / "verifiers.md").read_text().split("```python\n")[1].split("```")[0]
    (clone / "short_answer.py").write_text(plugin)
    (clone / "parity.py").write_text(PARITY)
    (clone / "counted.py").write_text(LOSS)
    with _head(folder) as cluster:
        output = _ray(
            cluster,
            *("job", "submit", "--working-dir", str(clone), "--", sys.executable, "-m", "rlsys"),
            *("train", "--config", str(workplace.config)),
            *("verifiers.plugins=[./short_answer.py, ./parity.py]", REWARDS),
            *("algorithm.plugins=[./counted.py]", "algorithm.loss.name=counted", *overrides),
        )
        actors = _ray(cluster, "list", "actors", "--limit", "50")
    return Submitted(workplace.folder / "runs" / "tiny", clone, output, actors)


def submit_recipe(folder: Path, recipe: Path, *arguments: str) -> str:
    """A recipe as a job; what it printed."""
    clone = _clone(folder)
    with _head(folder) as cluster:
        return _ray(
            cluster,
            *("job", "submit", "--working-dir", str(clone), "--", sys.executable, "-m", "rlsys"),
            *("recipe", "run", str(recipe), *arguments),
        )


def _clone(folder: Path) -> Path:
    """A clean copy of the project."""
    ignored = shutil.ignore_patterns(".venv", ".git", "runs", "__pycache__", ".*_cache")
    return shutil.copytree(ROOT, folder / "clone", ignore=ignored)


@contextmanager
def _head(folder: Path) -> Iterator[dict[str, str]]:
    """A head on ports of its own; yields the environment that reaches it."""
    port, dashboard, agent = _free_ports(3)
    # Short, since sockets lie in it.
    ray_folder = tempfile.mkdtemp(prefix="rlsys-ray-", dir="/tmp")
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_TMPDIR": ray_folder,
        "RAY_ADDRESS": f"http://127.0.0.1:{dashboard}",
    }
    (folder / "token").write_text(secrets.token_hex(32))
    start = {k: v for k, v in environment.items() if k != "RAY_ADDRESS"}
    # In the foreground, so that ending it ends this cluster and no other.
    head = subprocess.Popen(
        [
            *(_RAY, "start", "--head", "--block", "--num-cpus=2", "--disable-usage-stats"),
            *(f"--port={port}", f"--dashboard-port={dashboard}"),
            f"--dashboard-agent-listen-port={agent}",
        ],
        env=start,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_first_job(environment, head)
        yield environment
    finally:
        head.send_signal(signal.SIGTERM)
        head.wait(timeout=30)
        shutil.rmtree(ray_folder, ignore_errors=True)


def _await_first_job(environment: dict[str, str], head: subprocess.Popen[bytes]) -> None:
    """Submits an empty job until one is taken.

    The dashboard answers seconds before the node's agent, which starts the jobs, has registered;
    on a loaded machine that takes longer than the 10 s for which a submission waits for it.
    """
    deadline = time.monotonic() + 300
    while True:
        try:
            _ray(environment, "job", "submit", "--", "true")
        except AssertionError as error:
            assert head.poll() is None, f"the head ended by itself: {head.returncode}"
            if time.monotonic() > deadline:
                raise AssertionError("the head takes no job within 300 s") from error
            time.sleep(1)
        else:
            return


def _free_ports(number: int) -> list[int]:
    """Others may run tests on this machine."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _ray(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [_RAY, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
