"""Where the project lies, and beside it the folder of real benchmark rows, where there is one."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CONFIGS = ROOT / "configs"
DATA = ROOT.parent / "shared" / "data"
