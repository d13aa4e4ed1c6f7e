"""A small repository with a known fault: the verifier's self-test before training."""

import tempfile
from pathlib import Path

from verifiers.base import Completion, Expectation

SELF_TEST = "rlsys__self-test"

_SOURCE = "def total(numbers):\n    return sum(numbers[1:])\n"
_TESTS = "from account import total\n\n\ndef test_nothing():\n    assert total([]) == 0\n"
_TEST_PATCH = """\
--- a/tests/test_account.py
+++ b/tests/test_account.py
@@ -3,3 +3,7 @@

 def test_nothing():
     assert total([]) == 0
+
+
+def test_total():
+    assert total([1, 2]) == 3
"""
_INFO = {
    "instance_id": SELF_TEST,
    "repo": "rlsys/self-test",
    "base_commit": "0" * 40,
    "test_patch": _TEST_PATCH,
    "FAIL_TO_PASS": ["tests/test_account.py::test_total"],
    "PASS_TO_PASS": ["tests/test_account.py::test_nothing"],
}
_RIGHT = "    return sum(numbers)"
_FORGERIES = (
    "    return sum(numbers)  # and\nimport os; os._exit(0)",
    "    return 0\nimport _pytest.python; _pytest.python.Function.runtest = lambda self: None",
)


class KnownRepository:
    """The repository, written when it is first needed, and what patches of it must earn."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def tree(self) -> Path:
        """Its files."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="rlsys-known-")
            tree = Path(self._folder.name)
            tree.chmod(0o755)
            (tree / "tests").mkdir()
            (tree / "account.py").write_text(_SOURCE)
            (tree / "tests" / "test_account.py").write_text(_TESTS)
        return Path(self._folder.name)

    def cases(self) -> list[tuple[Completion, Expectation]]:
        """A right patch, one that changes nothing, two forgeries, a new conftest.py, no patch."""
        conftest = "--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+import os\n"
        patches = [
            (_patch(_RIGHT), 1.0),
            (_patch("    return sum(numbers[:1])"), 0.0),
            *((_patch(forgery), 0.0) for forgery in _FORGERIES),
            (_patch(_RIGHT) + conftest, 0.0),
        ]
        cases = [(f"<answer>\n```diff\n{patch}```\n</answer>", paid) for patch, paid in patches]
        cases.append(("Sum all numbers.", 0.0))
        return [(Completion("", text, None, _INFO), reward) for text, reward in cases]

    def close(self) -> None:
        """Remove it."""
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None


def _patch(body: str) -> str:
    """A patch that replaces the function's body."""
    added = "".join(f"+{line}\n" for line in body.splitlines())
    size = 1 + len(body.splitlines())
    return (
        f"--- a/account.py\n+++ b/account.py\n@@ -1,2 +1,{size} @@\n def total(numbers):\n"
        f"-    return sum(numbers[1:])\n{added}"
    )
