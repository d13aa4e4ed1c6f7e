"""Numbers on the command line: in their range, or one error before anything loads."""

import sys

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError

EVALUATION = [
    *(("--samples", value) for value in ("nan", "inf", "-1", "0")),
    *(("--temperatures", value) for value in ("nan", "inf", "-1", "0.6,nan", "0.6,-1")),
    *(("--budgets", value) for value in ("nan", "inf", "-1", "512,-1")),
    *(("--max-tokens", value) for value in ("nan", "inf", "-1")),
    *(("--limit", value) for value in ("nan", "inf", "-1")),
]
CUTS = [
    *(("--top-k", value) for value in ("nan", "inf", "-1")),
    *(("--top-p", value) for value in ("nan", "inf", "-1", "0", "1.1")),
    *(("--min-p", value) for value in ("nan", "inf", "-1", "1")),
]


def error_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    before = set(sys.modules)
    result = CliRunner().invoke(app, list(arguments))
    assert not {"vllm", "ray"} & (set(sys.modules) - before)
    if isinstance(result.exception, ConfigError):
        return str(result.exception)
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(("option", "value"), EVALUATION)
def test_an_impossible_number_of_an_evaluation_is_named(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    message = error_of(monkeypatch, "eval", "local", f"{option}={value}")
    assert option in message
    if option in ("--temperatures", "--budgets"):
        assert f"{option} {value}: " in message


@pytest.mark.parametrize(("option", "value"), CUTS)
@pytest.mark.parametrize("command", ["eval", "chat"])
def test_an_impossible_cut_is_named(
    monkeypatch: pytest.MonkeyPatch, command: str, option: str, value: str
) -> None:
    message = error_of(monkeypatch, command, "local", f"{option}={value}")
    assert option in message
    if option != "--top-k":
        assert "nearest valid: " in message


@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_an_impossible_temperature_of_a_chat_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    message = error_of(monkeypatch, "chat", "local", f"--temperature={value}")
    assert "--temperature" in message
    assert "nearest valid: 0" in message


@pytest.mark.parametrize(
    ("option", "value"),
    [("--timeout-s", v) for v in ("nan", "inf", "-1", "0")]
    + [("--memory-mb", v) for v in ("nan", "inf", "-1", "0")]
    + [("--option", f"deadline_s={v}") for v in ("nan", ".inf", "-1", "0")],
)
def test_an_impossible_limit_of_a_verifiers_check_is_named(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    message = error_of(monkeypatch, "verifiers", "check", "math", f"{option}={value}")
    name = value.partition("=")[0] if option == "--option" else option.strip("-")
    assert name in message.replace("_", "-") or name in message


@pytest.mark.parametrize("option", ["--gpu-gib", "--node-gib"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "0.5"])
def test_an_impossible_memory_of_a_plan_is_named(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    message = error_of(monkeypatch, "plan", "--config", "configs/gsm8k.yaml", f"{option}={value}")
    assert f"{option}={value}: " in message
    assert "nearest valid: " in message


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1.5"])
def test_an_impossible_number_of_devices_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert "--devices" in error_of(
        monkeypatch, "fleet", "--config", "configs/local.yaml", f"--devices={value}"
    )


@pytest.mark.parametrize("value", [".nan", ".inf", "-1"])
def test_an_impossible_price_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path, value: str
) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "prices.yaml"
    table.write_text(f"local: {{input: {value}, output: 1}}")
    message = error_of(monkeypatch, "eval", "local", "--prices", str(table))
    assert f"local.input={value.strip('.')}" in message
