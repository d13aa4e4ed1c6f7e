"""For all tests: no test is timed, since the machine may be busy."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("rlsys", deadline=None)
settings.load_profile("rlsys")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """As members of a fleet import (rlsys/imports.py): the libraries that test files import are not
    looked at again in each full collection, of which DeepSpeed makes many."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
