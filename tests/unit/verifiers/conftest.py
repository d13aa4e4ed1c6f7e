"""One maths verifier for all tests: starting its process is what takes time."""

import pytest

from verifiers.math.verifier import MathVerifier


@pytest.fixture(scope="session")
def verifier():
    """A maths verifier with a short deadline of CPU time."""
    made = MathVerifier(deadline_s=0.5)
    yield made
    made.close()
