"""A report's own script run in node, on elements that only hold what they are given."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.places import ROOT

IN_NODE = ROOT / "tests" / "helpers" / "page_in_node.js"
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node runs the page's script")


def in_node(page: str, folder: Path, expression: str, address: str = "") -> Any:
    """The value of an expression after the page's script has run."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = ["node", str(IN_NODE), str(file), expression, address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
