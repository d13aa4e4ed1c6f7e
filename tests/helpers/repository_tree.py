"""A small git repository with a fault, as a SWE-bench instance of its own."""

import os
import shutil
import subprocess

import pytest

needs_bwrap = pytest.mark.skipif(
    shutil.which("bwrap") is None,
    reason="bwrap is not on PATH: apt-get install bubblewrap",
)

needs_runsc = pytest.mark.skipif(
    shutil.which("runsc") is None or os.geteuid() != 0,
    reason="runsc is not on PATH (apt-get install runsc), or the user is not root",
)
ISOLATIONS = [
    pytest.param("bubblewrap", marks=needs_bwrap),
    pytest.param("gvisor", marks=needs_runsc),
]

STACK = '''\
class Stack:
    """Last in, first out."""

    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)

    def pop(self):
        return self.items.pop(0)

    def size(self):
        return len(self.items)
'''
TESTS = """\
import pytest

from shelf.stack import Stack


class TestStack:
    def test_size(self):
        stack = Stack()
        stack.push("a")
        assert stack.size() == 1


@pytest.mark.xfail(reason="there is no limit")
def test_limit():
    stack = Stack()
    for item in range(1000):
        stack.push(item)
    assert stack.size() == 100


@pytest.mark.parametrize("item", [1, "two words"])
def test_one(item, tmp_path):
    stack = Stack()
    stack.push(item)
    (tmp_path / "item").write_text(str(item))
    assert stack.pop() == item
"""
TEST_PATCH = """\
diff --git a/tests/test_stack.py b/tests/test_stack.py
--- a/tests/test_stack.py
+++ b/tests/test_stack.py
@@ -7,4 +7,11 @@
         stack = Stack()
         stack.push("a")
         assert stack.size() == 1
+
+    def test_order(self):
+        stack = Stack()
+        stack.push("a")
+        stack.push("b")
+        assert stack.pop() == "b"
+
 
"""
POP = "        return self.items.pop(0)"
GOLD_BODY = "        return self.items.pop()"


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def make_clone(folder):
    """A git repository `example__shelf` with two commits; the base commit is the first."""
    clone = folder / "example__shelf"
    (clone / "src" / "shelf").mkdir(parents=True)
    (clone / "tests").mkdir()
    (clone / "src" / "shelf" / "__init__.py").write_text("")
    (clone / "src" / "shelf" / "stack.py").write_text(STACK)
    (clone / "tests" / "test_stack.py").write_text(TESTS)
    (clone / "pyproject.toml").write_text("[tool.pytest.ini_options]\nminversion = '7'\n")
    (clone / ".gitattributes").write_text("tests export-ignore\n")
    git(folder, "init", "--quiet", str(clone))
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "base")
    base = git(clone, "rev-parse", "HEAD")
    (clone / "src" / "shelf" / "stack.py").write_text("# rewritten\n")
    git(clone, "commit", "--quiet", "--all", "-m", "later")
    return clone, base


def instance(base, **changes):
    """The row's info."""
    return {
        "instance_id": "example__shelf-1",
        "repo": "example/shelf",
        "base_commit": base,
        "test_patch": TEST_PATCH,
        "FAIL_TO_PASS": ["tests/test_stack.py::TestStack::test_order"],
        "PASS_TO_PASS": [
            "tests/test_stack.py::TestStack::test_size",
            "tests/test_stack.py::test_one[1]",
            "tests/test_stack.py::test_one[two",
            "tests/test_stack.py::test_limit",
        ],
    } | changes


def patch_of(body, before="", path="src/shelf/stack.py"):
    """A patch that replaces the body of pop and puts lines before the class."""
    lines = STACK.splitlines()
    changed = [*before.splitlines()]
    for line in lines:
        changed += body.splitlines() if line == POP else [line]
    removed = "".join(f"-{line}\n" for line in lines)
    added = "".join(f"+{line}\n" for line in changed)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,{len(lines)} +1,{len(changed)} @@\n{removed}{added}"
    )


def new_file(path, content):
    lines = content.splitlines()
    added = "".join(f"+{line}\n" for line in lines)
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
        f"@@ -0,0 +1,{len(lines)} @@\n{added}"
    )


GOLD = patch_of(GOLD_BODY)
