"""What the installation says of how far it is."""

import sys
from pathlib import Path

from tests.helpers.places import ROOT

sys.path.insert(0, str(ROOT / "requirements"))
import install

PIP = """
import sys
print("Collecting one==1.0 (from -r lock (line 1))", flush=True)
print("  Using cached one-1.0-py3-none-any.whl (3 kB)", flush=True)
PAUSE
print("ERROR: No matching distribution found for two==2.0", file=sys.stderr, flush=True)
sys.exit(3)
"""


class Machine:
    """A clock, and an environment in which so many packages are."""

    def __init__(self) -> None:
        self.seconds, self.packages = 0.0, 30

    def progress(self, total: int) -> install.Progress:
        return install.Progress(total, lambda: self.packages, lambda: self.seconds)


def test_packages_are_counted_while_pip_fetches_them_and_while_it_unpacks_them() -> None:
    machine = Machine()
    progress = machine.progress(4)
    assert progress.line() == "fetching packages: 0 of 4"
    progress.hear("Collecting one==1.0 (from -r requirements/cpu.lock (line 5))")
    progress.hear("  Downloading one-1.0-py3-none-any.whl (1.2 MB)")
    progress.hear("Requirement already satisfied: two==2.0 in ./lib (2.0)")
    machine.seconds = 50.0
    assert progress.line() == "fetching packages: 2 of 4, 0:50 left"
    progress.hear("Installing collected packages: one, three, four")
    assert progress.line() == "unpacking packages: 0 of 3"
    machine.seconds, machine.packages = 110.0, 31
    assert progress.line() == "unpacking packages: 1 of 3, 2:00 left"


def test_a_package_that_is_replaced_is_no_more_than_all_of_them() -> None:
    machine = Machine()
    progress = machine.progress(1)
    progress.hear("Installing collected packages: torch")
    machine.packages = 33
    assert progress.line() == "unpacking packages: 1 of 1, 0:00 left"


def test_an_installation_that_fails_has_pips_status_and_its_last_lines() -> None:
    told: list[str] = []
    status = install.follow(
        [sys.executable, "-c", PIP.replace("PAUSE", "")],
        Machine().progress(2),
        told.append,
    )
    assert status == 3
    assert told[-1].endswith("ERROR: No matching distribution found for two==2.0")


def test_a_silent_pip_is_told_of() -> None:
    told: list[str] = []
    waits = PIP.replace("PAUSE", "import time; time.sleep(1)")
    install.follow([sys.executable, "-c", waits], Machine().progress(2), told.append, every_s=0.05)
    assert "fetching packages: 1 of 2, 0:00 left" in told


def test_a_lock_files_packages_are_its_pins(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("# of 2 packages\none==1.0\ntwo==2.0\n")
    assert install.packages(lock) == 2
