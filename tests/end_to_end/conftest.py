"""One workplace for all end-to-end tests, so that the tiny policy is prepared once; and one run
that all tests of an ordinary run read."""

import pytest

from tests.helpers.submitted import Submitted, submit
from tests.helpers.workplace import TINY, Workplace


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Shared by the session, so that the policy is prepared once."""
    folder = tmp_path_factory.mktemp("rlsys")
    text = TINY.format(cache=folder / "cache", runs=folder / "runs")
    (folder / "tiny.yaml").write_text(text)
    return Workplace(folder)


@pytest.fixture(scope="session")
def submitted(workplace: Workplace, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """A run to its end, with everything that a run leaves."""
    return submit(workplace, tmp_path_factory.mktemp("job"))
