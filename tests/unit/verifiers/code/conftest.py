"""A verifier of functions, shared by what is decided of the tests' expressions."""

from collections.abc import Iterator

import pytest

from tests.helpers.fake_sandbox import FakeSandbox
from verifiers.code.functions import FunctionVerifier


@pytest.fixture(scope="module")
def verifier() -> Iterator[FunctionVerifier]:
    """With a fake sandbox."""
    made = FunctionVerifier(FakeSandbox())
    yield made
    made.close()
