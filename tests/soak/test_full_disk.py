"""A real run whose disk fills up: it ends with an error, and goes on once there is room again."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlsys.run import checkpoint, history
from tests.helpers.repeatable import DETERMINISTIC, STEPS, start, wait_for
from tests.helpers.workplace import TINY, Workplace

pytestmark = pytest.mark.soak


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 MiB; skipped where tests may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_ends_the_run_and_loses_nothing(tmp_path: Path, disk: Path) -> None:
    place = Workplace(tmp_path)
    place.config.write_text(TINY.format(cache=tmp_path / "cache", runs=disk))
    log = tmp_path / "log"
    driver = start(["train", "--config", str(place.config), *DETERMINISTIC], log)
    wait_for("step 3/", log, driver)
    fill(disk / "filler")
    assert driver.wait(timeout=240) == 2, log.read_text()
    assert "No space left on device" in log.read_text()
    run = disk / "tiny"
    newest = checkpoint.complete(run / "checkpoints")[-1]
    assert checkpoint.read(newest)["loop"]["version"] in (2, 4)

    (disk / "filler").unlink()
    done = place.run("train", "--resume", str(run))
    assert done.returncode == 0, done.stdout + done.stderr
    account = history.account(history.read(run / history.FILE))
    assert account.trained == {group: group // 2 + 1 for group in range(2 * STEPS)}


def fill(path: Path) -> None:
    """Write until nothing more goes onto the disk."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
