"""Patches applied outside the sandbox: what they change, and what is refused."""

import pytest

from tests.helpers.repository_tree import GOLD, GOLD_BODY, STACK, make_clone, new_file, patch_of
from verifiers.repository.patch import Refused, apply_patch, find_patch, refuse_protected


@pytest.fixture
def tree(tmp_path):
    clone, _ = make_clone(tmp_path)
    (clone / "src" / "shelf" / "stack.py").write_text(STACK)
    return clone


def test_patch_is_found_in_the_answer_in_a_fence_or_bare():
    bare = f"It pops the wrong end.\n{GOLD}"
    fenced = f"First:\n```python\nx = 1\n```\nthen\n```diff\n{GOLD}```\nand that is all."
    inside = f"<think>{patch_of('x')}</think><answer>\n```\n{GOLD}```</answer>"
    assert find_patch(bare) == find_patch(fenced) == find_patch(inside) == GOLD


@pytest.mark.parametrize(
    "text", ["", "No patch.", "```python\nx = 1\n```", "--- a rule ---", f"<think>{GOLD}"]
)
def test_text_without_a_patch_has_none(text):
    assert find_patch(text) is None


def test_changes_are_those_of_the_files_and_the_tree_stays(tree):
    changes = apply_patch(tree, GOLD + new_file("src/shelf/new.py", "x = 1\n"))
    assert changes == {
        "src/shelf/stack.py": STACK.replace("pop(0)", "pop()").encode(),
        "src/shelf/new.py": b"x = 1\n",
    }
    assert (tree / "src/shelf/stack.py").read_text() == STACK
    assert not (tree / "src/shelf/new.py").exists()


def test_rename_is_one_file_gone_and_one_new(tree):
    rename = (
        "diff --git a/tests/test_stack.py b/tests/other.py\nsimilarity index 100%\n"
        "rename from tests/test_stack.py\nrename to tests/other.py\n"
    )
    changes = apply_patch(tree, rename)
    assert changes["tests/test_stack.py"] is None
    assert set(changes) == {"tests/test_stack.py", "tests/other.py"}
    with pytest.raises(Refused, match="changes the test file"):
        refuse_protected(tree, changes, ["tests/test_stack.py"])


@pytest.mark.parametrize(
    ("patch", "reason", "malformed"),
    [
        (GOLD.replace("Last in", "Last out"), "patch does not apply", True),
        (patch_of(GOLD_BODY, path="src/none.py"), "No such file", True),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n", "error", True),
        (new_file("../x", "1\n"), "reaches for '../x'", False),
        (new_file("a/../../x", "1\n"), "reaches for", False),
        (new_file("/etc/x", "1\n"), "reaches for '/etc/x'", False),
        (new_file("sub/.git/config", "1\n"), "reaches for", False),
        (new_file("link", "/etc\n").replace("100644", "120000"), "no plain file", False),
        (new_file("x", "1\n" * 300_000), "more than 400000 bytes", False),
    ],
)
def test_patch_that_does_not_fit_or_reaches_out_is_refused(tree, patch, reason, malformed):
    with pytest.raises(Refused) as caught:
        apply_patch(tree, patch)
    assert reason in caught.value.reason
    assert caught.value.malformed is malformed


def test_patch_does_not_follow_a_link_out_of_the_tree(tree, tmp_path):
    (tmp_path / "secret.py").write_text("a = 1\n")
    (tree / "link.py").symlink_to(tmp_path / "secret.py")
    patch = "--- a/link.py\n+++ b/link.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"
    with pytest.raises(Refused, match="No such file"):
        apply_patch(tree, patch)


@pytest.mark.parametrize(
    "path",
    ["conftest.py", "src/a/conftest.py", "pytest.ini", "a.pth", "x.dist-info/entry_points.txt"],
)
def test_what_runs_the_tests_is_protected(tree, path):
    with pytest.raises(Refused, match="tells the test runner what to do"):
        refuse_protected(tree, apply_patch(tree, new_file(path, "1\n")), [])


@pytest.mark.parametrize(
    ("path", "content", "protected"),
    [
        ("setup.cfg", "[metadata]\nname = x\n", False),
        ("setup.cfg", "[tool:pytest]\naddopts = -p evil\n", True),
        ("tox.ini", "[pytest]\naddopts = -p evil\n", True),
        ("tox.ini", "not an ini file\n", True),
        ("sub/pyproject.toml", '[project]\nname = "x"\n', False),
        ("sub/pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-p evil"\n', True),
    ],
)
def test_only_the_settings_of_pytest_are_protected_in_shared_files(tree, path, content, protected):
    changes = apply_patch(tree, new_file(path, content))
    if protected:
        with pytest.raises(Refused, match="the settings of pytest"):
            refuse_protected(tree, changes, [])
    else:
        refuse_protected(tree, changes, [])
