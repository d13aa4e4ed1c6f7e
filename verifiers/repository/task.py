"""What a SWE-bench row says of an instance, and which of its files hold the tests."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rlsys.errors import VerifierError
from verifiers.repository.names import file_of, is_of_unittest

_TEXTS = ("instance_id", "repo", "base_commit", "test_patch")


@dataclass(frozen=True)
class Task:
    """One instance."""

    instance_id: str
    repo: str
    """owner/name"""
    base_commit: str
    test_patch: str
    """Unified diff that brings the tests."""
    fail_to_pass: tuple[str, ...]
    """Tests that the patch has to mend, by names as in names.py."""
    pass_to_pass: tuple[str, ...]
    """Tests that it must not break."""
    version: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All tests, each once."""
        return tuple(dict.fromkeys((*self.fail_to_pass, *self.pass_to_pass)))

    @property
    def is_of_unittest(self) -> bool:
        """Whether its tests are named as unittest prints them, and are run by it."""
        return any(is_of_unittest(name) for name in self.names)

    def test_files(self, restored: Iterable[str]) -> list[str]:
        """Files that hold the tests: those in their names, and for names without one those that
        the test patch brings.

        Raises:
            VerifierError: there is no file, or it lies outside the tree.
        """
        files = [file_of(name) for name in self.names if file_of(name)]
        if len(files) < len(self.names):
            files += [path for path in restored if path.endswith(".py")]
        for path in files:
            if ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
                raise VerifierError(f"repository: {self.instance_id} has its tests in {path!r}")
        if not files:
            raise VerifierError(f"repository: {self.instance_id} has no test file")
        return list(dict.fromkeys(files))


def read_task(info: Mapping[str, Any]) -> Task:
    """The instance in a row's info.

    Raises:
        VerifierError: a column is missing or of another type.
    """
    for column in _TEXTS:
        if not isinstance(info.get(column), str) or not info[column]:
            raise VerifierError(
                f"repository: expected a text in the column {column}, got {info.get(column)!r}"
            )
    fail, keep = (_names(info, column) for column in ("FAIL_TO_PASS", "PASS_TO_PASS"))
    if not fail:
        raise VerifierError(f"repository: {info['instance_id']} has no tests in FAIL_TO_PASS")
    texts = {column: info[column] for column in _TEXTS}
    return Task(**texts, fail_to_pass=fail, pass_to_pass=keep, version=str(info.get("version", "")))


def _names(info: Mapping[str, Any], column: str) -> tuple[str, ...]:
    """A list of names, or JSON text of one, as the data set on the hub has it."""
    value = info.get(column, [])
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise VerifierError(
            f"repository: expected a list of test names in {column}, got {info[column]!r}"
        )
    return tuple(value)
