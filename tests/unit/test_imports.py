"""Large libraries are imported quickly, and only by those who compute with them."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rlsys.imports import imports


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """The objects of other tests are collected as ever."""
    yield
    gc.unfreeze()


def test_what_is_imported_is_never_looked_at_again() -> None:
    with imports():
        made: list[list[int]] = [[] for _ in range(1000)]
        assert not gc.isenabled()
        assert any(one is made for one in gc.get_objects())
    assert gc.isenabled()
    assert not any(one is made for one in gc.get_objects())
    later: list[int] = []
    assert any(one is later for one in gc.get_objects())


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ModuleNotFoundError), imports():
        import no_such_library  # noqa: F401
    assert gc.isenabled()


def test_a_driver_loads_none_of_the_libraries_of_its_members() -> None:
    code = (
        "import sys, actors.drivers.stage;"
        "print(sorted({'deepspeed', 'transformers', 'vllm'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
