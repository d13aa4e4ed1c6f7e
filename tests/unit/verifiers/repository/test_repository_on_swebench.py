"""The rows of SWE-bench: their tests are found, and their own patches are not refused."""

import re

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.gold import gold_completion
from rlsys.data.read import read_rows
from tests.helpers.places import DATA
from verifiers.repository.patch import apply_patch, find_patch, refuse_protected
from verifiers.repository.task import read_task

FILE = DATA / "swebench/swebench_sample.jsonl"


@pytest.fixture(scope="module")
def rows():
    if not FILE.is_file():
        pytest.skip(f"no benchmark file {FILE}")
    return read_rows(str(FILE), DataConfig()).rows


def lay_out(folder, patch):
    """As much of a tree as a patch shows: its old lines in their places, empty lines elsewhere."""
    for part in re.split(r"^diff --git ", patch, flags=re.MULTILINE)[1:]:
        path = re.search(r"^--- a/(.+)$", part, re.MULTILINE)
        if path is None:
            continue
        lines = []
        hunks = re.split(r"^@@ -(\d+)(?:,\d+)? \+\S+ @@.*\n", part, flags=re.MULTILINE)[1:]
        for begin, body in zip(hunks[::2], hunks[1::2], strict=True):
            lines += [""] * (int(begin) - 1 - len(lines))
            lines += [line[1:] for line in body.splitlines() if line[:1] in ("-", " ")]
        (folder / path[1]).parent.mkdir(parents=True, exist_ok=True)
        (folder / path[1]).write_text("\n".join(lines) + "\n")


def test_gold_patch_of_every_row_is_found_applied_and_not_refused(rows, tmp_path):
    for row in rows:
        tree = tmp_path / row.info["instance_id"]
        tree.mkdir()
        lay_out(tree, row.expected)
        lay_out(tree, row.info["test_patch"])
        patch = find_patch(gold_completion(row, "Answer in <answer> tags."))
        assert patch is not None
        changes = apply_patch(tree, patch)
        restored = apply_patch(tree, row.info["test_patch"])
        assert changes
        assert restored
        refuse_protected(tree, changes, restored)


def test_test_files_are_found_in_all_rows(rows):
    files = {}
    for row in rows:
        task = read_task(row.info)
        restored = re.findall(r"^\+\+\+ b/(.+)$", task.test_patch, re.MULTILINE)
        files[task.instance_id] = task.test_files(restored)
        assert task.is_of_unittest == (task.repo == "django/django")
    assert len(files) == 14
    assert files["sympy__sympy-13031"] == ["sympy/matrices/tests/test_sparse.py"]
    assert files["django__django-13841"] == ["tests/version/tests.py"]
    assert set(files["sqlfluff__sqlfluff-2386"]) == {
        "test/core/rules/docstring_test.py",
        "test/rules/std_L054_test.py",
    }
