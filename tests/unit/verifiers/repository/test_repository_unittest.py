"""Repositories whose tests unittest runs, by itself or through a program as Django has one."""

import ast
import textwrap

import pytest

from tests.helpers.repository_tree import git, needs_bwrap
from verifiers.base import Completion, Status
from verifiers.repository.canaries import make_canaries
from verifiers.repository.names import find_functions, is_of_unittest
from verifiers.repository.verifier import RepositoryVerifier

SOURCE = "def render(items):\n    return max(items)\n"
GOLD = "def render(items):\n    return max(items, default=None)\n"
TESTS = """\
import unittest

from site_maps import render


class RenderTests(unittest.TestCase):
    def test_greatest(self):
        "The greatest item is rendered (#7)."
        self.assertEqual(render([1, 3, 2]), 3)

    @unittest.expectedFailure
    def test_strings(self):
        self.assertEqual(render(["a", 1]), "a")

    def test_each(self):
        for item in (1, 2):
            with self.subTest(item=item):
                self.assertEqual(render([item]), item)
"""
TEST_PATCH = """\
--- a/tests/maps/tests.py
+++ b/tests/maps/tests.py
@@ -17,3 +17,6 @@
         for item in (1, 2):
             with self.subTest(item=item):
                 self.assertEqual(render([item]), item)
+
+    def test_no_items(self):
+        self.assertIsNone(render([]))
"""
# Like Django's: it takes labels below tests/, and hands its suite to unittest's runner.
PROGRAM = """\
import sys
import unittest

labels = [word for word in sys.argv[1:] if not word.startswith("-") and not word.isdigit()]
suite = unittest.defaultTestLoader.loadTestsFromNames(labels)
print("forged ... ok")
sys.exit(not unittest.TextTestRunner(verbosity=2, resultclass=None).run(suite).wasSuccessful())
"""


@pytest.fixture(params=["with a program", "by itself"])
def graded(request, tmp_path):
    """Verdict of a module's source, and of the tests' names."""
    clone = tmp_path / "example__maps"
    (clone / "tests" / "maps").mkdir(parents=True)
    (clone / "site_maps.py").write_text(SOURCE)
    (clone / "tests" / "maps" / "__init__.py").write_text("")
    (clone / "tests" / "maps" / "tests.py").write_text(TESTS)
    has_program = request.param == "with a program"
    if has_program:
        (clone / "tests" / "runtests.py").write_text(PROGRAM)
    git(tmp_path, "init", "--quiet", str(clone))
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "base")
    module = "maps.tests" if has_program else "tests.maps.tests"
    verifier = RepositoryVerifier(checkouts=str(tmp_path), wall_s=20.0, disk_mb=64)

    def verdict(source):
        removed, added = SOURCE.splitlines(), source.splitlines()
        patch = f"--- a/site_maps.py\n+++ b/site_maps.py\n@@ -1,2 +1,{len(added)} @@\n"
        patch += "".join(f"-{line}\n" for line in removed) + "".join(f"+{x}\n" for x in added)
        info = {
            "instance_id": "example__maps-1",
            "repo": "example/maps",
            "base_commit": git(clone, "rev-parse", "HEAD"),
            "test_patch": TEST_PATCH,
            "FAIL_TO_PASS": [f"test_no_items ({module}.RenderTests)"],
            "PASS_TO_PASS": [
                "The greatest item is rendered (#7).",
                f"test_strings ({module}.RenderTests)",
                f"test_each ({module}.RenderTests.test_each)",
            ],
        }
        return verifier.verify(Completion("", f"```diff\n{patch}```", None, info))

    yield verdict
    verifier.close()


@needs_bwrap
def test_right_patch_is_paid_and_wrong_ones_are_not(graded):
    right = graded(GOLD)
    assert (right.reward, right.status, right.reason) == (1.0, Status.CORRECT, "")
    unchanged = graded(SOURCE + "# nothing\n")
    assert (unchanged.reward, unchanged.status) == (0.0, Status.WRONG)
    assert unchanged.reason.startswith("1 of 4 tests do not pass: test_no_items (")
    broken = graded("def render(items):\n    return min(items, default=None)\n")
    assert broken.reason == "1 of 4 tests do not pass: The greatest item is rendered (#7)."


@needs_bwrap
def test_run_forged_through_unittest_shows_in_its_canaries(graded):
    forged = "import unittest\nunittest.case._Outcome.testPartExecutor = None\n"
    forged += textwrap.dedent(
        """
        def run(self, result):
            result.startTest(self)
            result.addSuccess(self)
            result.stopTest(self)
            return result

        unittest.TestCase.run = run
        render = None
        """
    )
    verdict = graded(forged)
    assert (verdict.reward, verdict.status) == (0.0, Status.REJECTED)
    assert verdict.reason.startswith("forged: ")


MODULE = ast.parse(TESTS)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_each (maps.tests.RenderTests)", "test_each"),
        ("test_each (maps.tests.RenderTests.test_each)", "test_each"),
        ("test_each (maps.other.RenderTests)", None),
        ("The greatest item is rendered (#7).", "test_greatest"),
        ("No such words.", None),
        ("tests/maps/tests.py::RenderTests::test_each[1]", "test_each"),
        ("tests/other.py::RenderTests::test_each", None),
    ],
)
def test_function_of_a_name(name, found):
    functions = find_functions(MODULE, "tests/maps/tests.py", name)
    assert [function.name for function in functions] == ([] if found is None else [found])


def test_tests_that_share_a_docstring_all_become_canaries():
    first, second = (f'def test_{x}():\n    "Same."\n    print({x!r})\n' for x in "ab")
    source, found = make_canaries(first + second, "tests.py", ["Same."])
    assert found == ["Same."]
    functions = ast.parse(source).body
    assert [ast.get_docstring(function) for function in functions] == ["Same.", "Same."]
    assert all(isinstance(function.body[-1], ast.Try) for function in functions)


def test_names_of_unittest_are_known():
    assert is_of_unittest("test_each (maps.tests.RenderTests)")
    assert is_of_unittest("An app can be found.")
    assert not is_of_unittest("tests/test_a.py::test_one[two words")
    assert not is_of_unittest("test_add[1-a b]")
