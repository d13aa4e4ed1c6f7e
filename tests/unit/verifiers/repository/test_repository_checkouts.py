"""Trees of instances."""

import tarfile

import pytest

from rlsys.errors import VerifierError
from tests.helpers.repository_tree import STACK, git, make_clone
from verifiers.repository.checkouts import Checkouts


def test_commit_of_a_git_repository_is_written_out_whole(tmp_path):
    _, base = make_clone(tmp_path)
    checkouts = Checkouts(tmp_path)
    tree = checkouts.tree("example__shelf-1", "example/shelf", base)
    assert (tree / "src" / "shelf" / "stack.py").read_text() == STACK
    assert (tree / "tests" / "test_stack.py").is_file()  # in spite of export-ignore
    assert not (tree / ".git").exists()
    assert checkouts.tree("example__shelf-1", "example/shelf", base) == tree
    checkouts.close()
    assert not tree.exists()


def test_archive_is_unpacked_with_or_without_its_top_folder(tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "a.py").write_text("1")
    for name, inside in (("x-1", "top"), ("x-2", ".")):
        with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as packed:
            packed.add(tmp_path / "top", inside)
            packed.add(tmp_path / "top" / "a.py", f"{inside}/b.py")
    checkouts = Checkouts(tmp_path)
    for name in ("x-1", "x-2"):
        assert {p.name for p in checkouts.tree(name, "o/x", "0").iterdir()} == {"a.py", "b.py"}
    checkouts.close()


def test_tree_at_another_commit_is_refused(tmp_path):
    clone, base = make_clone(tmp_path)
    clone.rename(tmp_path / "example__shelf-1")
    with pytest.raises(VerifierError, match=f"not at {base}"):
        Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", base)
    head = git(tmp_path / "example__shelf-1", "rev-parse", "HEAD")
    tree = Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", head)
    assert tree == tmp_path / "example__shelf-1"


def test_missing_checkout_names_the_nearest_and_a_missing_commit_what_git_said(tmp_path):
    make_clone(tmp_path)
    with pytest.raises(VerifierError, match="did you mean 'example__shelf'"):
        Checkouts(tmp_path).tree("example__shelv-1", "example/shelv", "0")
    with pytest.raises(VerifierError, match="read-tree"):
        Checkouts(tmp_path).tree("example__shelf-1", "example/shelf", "f" * 40)
