"""What a run's settings are refused with."""

from typing import Any

import pytest

from rlsys.config.run import RunConfig
from rlsys.config.validate import validate
from rlsys.errors import ConfigError


def error_of(config: RunConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(config)
    return str(caught.value)


def put(config: RunConfig, path: str, value: Any) -> None:
    *sections, name = path.split(".")
    section: Any = config
    for part in sections:
        section = getattr(section, part)
    assert name in vars(section)
    setattr(section, name, value)
