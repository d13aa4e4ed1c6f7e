"""What libraries warn of and no user can act on stays out of a person's terminal."""

import os
import warnings

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError
from rlsys.local_policy import resolve


@pytest.mark.parametrize("command", [["chat", "local"], ["serve", "local", "--port", "18399"]])
def test_warnings_are_off_before_the_first_import_of_torch(
    monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    for name in ("TORCH_LOGS", "PYTHONWARNINGS", "VLLM_LOGGING_LEVEL", "TORCH_CPP_LOG_LEVEL"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    seen = {}

    def settings_for(*_: object) -> None:
        seen.update(os.environ)
        warnings.warn("a name that vLLM should not use", FutureWarning, stacklevel=1)
        raise ConfigError("enough")

    monkeypatch.setattr(resolve, "settings_for", settings_for)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CliRunner().invoke(app, command)
    assert seen["TORCH_LOGS"] == "-torch._library.triton"
    assert seen["PYTHONWARNINGS"] == "ignore::FutureWarning"
    assert caught == []
