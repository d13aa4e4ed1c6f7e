"""An installation that is no clone has its configs, too, and all else that is no code."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS
from tests.helpers.places import ROOT

WHEEL = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
LOAD = "import sys; from rlsys.config.load import load; print(load(*sys.argv[1:2], sys.argv[2:]))"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the clone, unpacked as `pip install` lays it out."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in ("rlsys", "actors", "verifiers", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([*WHEEL, "--wheel-dir", str(folder), str(source)], check=True)
    (wheel,) = folder.glob("rlsys-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        cwd=installed.parent,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_the_wheel_holds_each_config_and_preset(installed: Path) -> None:
    data = next(installed.glob("rlsys-*.data")) / "data" / "share" / "rlsys" / "configs"
    held = {str(p.relative_to(data)) for p in data.rglob("*") if p.is_file()}
    assert held == {str(p.relative_to(CONFIGS)) for p in CONFIGS.rglob("*") if p.is_file()}


def test_the_wheel_holds_what_a_report_is_drawn_with(installed: Path) -> None:
    drawn = {*(ROOT / "rlsys").rglob("*.js"), *(ROOT / "rlsys").rglob("*.css")}
    assert drawn
    for path in drawn:
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_an_installation_reads_base_and_presets_from_where_its_files_are(installed: Path) -> None:
    # pip moves data/ to the environment and writes its place into RECORD; the wheel's own RECORD
    # names the same files, from site-packages on.
    own = installed.parent / "mine.yaml"
    own.write_text("algorithm: {preset: dapo}\nmodel: {path: some/model}\n")
    done = run(installed, str(own))
    assert done.returncode == 0, done.stderr
    assert "some/model" in done.stdout
    assert "RewardConfig" in done.stdout or "name='math'" in done.stdout


def test_an_installation_without_configs_says_so(installed: Path, tmp_path: Path) -> None:
    bare = tmp_path / "site-packages"
    bare.mkdir()
    for package in ("rlsys", "actors", "verifiers"):
        (bare / package).symlink_to(installed / package)
    (tmp_path / "mine.yaml").write_text("model: {path: some/model}\n")
    blind = "import importlib.metadata as m; m.files = lambda name: []; " + LOAD
    done = subprocess.run(
        [sys.executable, "-c", blind, str(tmp_path / "mine.yaml")],
        env=os.environ | {"PYTHONPATH": str(bare)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "installed without its configs" in done.stderr
