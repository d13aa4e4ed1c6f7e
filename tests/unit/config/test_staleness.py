import re

import pytest

from rlsys.config.load import load
from rlsys.config.loop import AUTO
from rlsys.errors import ConfigError
from tests.unit.config.test_config_load import CONFIGS

LOCAL = CONFIGS / "local.yaml"


def test_the_bound_of_staleness_is_automatic_by_default_or_a_number() -> None:
    assert load(LOCAL).loop.max_staleness == AUTO
    assert load(LOCAL, ["loop.max_staleness=3"]).loop.max_staleness == 3
    assert load(LOCAL, ["loop.max_staleness=auto"]).loop.max_staleness == AUTO


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("atuo", "loop.max_staleness=atuo: a number of steps, or auto; nearest valid: auto"),
        ("-1", "loop.max_staleness=-1: must be at least 0; nearest valid: 0"),
        ("2.5", "loop.max_staleness=2.5: expected a whole number or auto"),
        ("null", "loop.max_staleness=None: expected a whole number or auto"),
    ],
)
def test_another_bound_is_one_error(value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(LOCAL, [f"loop.max_staleness={value}"])


def test_the_setting_of_before_is_told_by_its_new_name() -> None:
    with pytest.raises(ConfigError, match=r"loop\.max_staleness"):
        load(LOCAL, ["loop.adaptive_staleness=true"])
