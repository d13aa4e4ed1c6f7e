"""Other commands of rlsys on the machine are noticed, with the run that they hold."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import beside as module
from actors.beside import beside, command_of
from rlsys.config.load import to_yaml
from rlsys.config.run import ClusterConfig, RunConfig

# As `python -m rlsys train`, which holds its run's lock.
DRIVER = """
import fcntl, sys, time
lock = open(sys.argv[2], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["/x/.venv/bin/python", "-m", "rlsys", "train", "--config", "a.yaml"], "train"),
        (["/x/.venv/bin/python3.11", "/x/.venv/bin/rlsys", "eval", "local"], "eval"),
        (["/x/.venv/bin/python", "-m", "rlsys", "runs"], ""),
        (["/x/.venv/bin/python", "-m", "rlsys"], ""),
        (["timeout", "60", "python", "-m", "rlsys", "train"], ""),
        (["/x/python", "/x/ray", "job", "submit", "--", "python", "-m", "rlsys", "train"], ""),
        (["/bin/sh", "-c", "python -m rlsys train"], ""),
        ([], ""),
    ],
)
def test_a_command_is_known_by_its_own_process(words: list[str], command: str) -> None:
    assert command_of(words) == command


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A process that looks like a run: its command line, and the lock that it holds."""
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    config = RunConfig()
    config.rollout.workers, config.rollout.cpus = 3, 1.0
    (folder / "config.yaml").write_text(to_yaml(config))
    script = tmp_path / "rlsys"
    script.write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(script), "train", str(folder / "lock")], stdout=subprocess.PIPE
    )
    assert driver.stdout is not None
    driver.stdout.readline()
    yield driver.pid, folder
    driver.kill()
    driver.wait()


def test_another_run_on_the_machine_is_named_with_its_folder_and_its_cores(
    other_run: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "named_cluster", lambda setting: None)
    pid, folder = other_run
    (note,) = beside(ClusterConfig())
    # learner 0.5, verifier 0.25 and reference 0.25 beside three rollout workers.
    assert f"process {pid}, rlsys train, which trains {folder} on 4" in note
    assert f"counts all {os.cpu_count()} CPUs as free" in note


@pytest.mark.parametrize(
    ("older", "newer", "told"),
    [
        ("reference:", "unheard_of:", ""),
        ("  workers: 3\n", "", " on 2 CPUs"),
        ("  plugins: []", "  plugins: [nowhere.py]", ""),
    ],
    ids=[
        "a section of another version",
        "a setting that was not there yet",
        "a plug-in that lies where that run was started",
    ],
)
def test_a_run_whose_settings_mean_nothing_here_is_named_too(
    other_run: tuple[int, Path],
    monkeypatch: pytest.MonkeyPatch,
    older: str,
    newer: str,
    told: str,
) -> None:
    monkeypatch.setattr(module, "named_cluster", lambda setting: None)
    _, folder = other_run
    settings = (folder / "config.yaml").read_text()
    assert older in settings
    (folder / "config.yaml").write_text(settings.replace(older, newer, 1))
    (note,) = beside(ClusterConfig())
    assert f"which trains {folder}{told}" in note
    assert told or " on " not in note.partition(str(folder))[2].partition(";")[0]


def test_a_cluster_that_is_joined_divides_what_it_has_itself(
    other_run: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beside(ClusterConfig(address="10.0.0.5:6379")) == []
