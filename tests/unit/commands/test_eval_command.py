"""`rlsys eval`: what is in a file needs no option, and options win."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands import eval as evaluation
from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.errors import ConfigError

WHOLE = """
model: {path: Qwen/Qwen3-0.6B}
benchmarks:
  names: [gsm8k, math500]
  data: rows
  samples: 3
  temperatures: [0.0, 1.0]
  budgets: [12, null]
  instruction: "[{budget}]"
  max_tokens: 77
  max_context: 128
  limit: 5
  out: results
  prices: prices.yaml
  price_of: large
"""


def asked(
    monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[str, BenchmarksConfig, list[str]]:
    """The model, the plan and the overrides that an evaluation would begin with."""
    seen: list[Any] = []
    monkeypatch.setattr(evaluation, "_evaluate", lambda *what: seen.append(what))
    result = CliRunner().invoke(app, ["eval", *arguments])
    if result.exception:
        raise result.exception
    ((models, plan, _, overrides),) = seen
    return " ".join(models), plan, overrides


def test_an_instruction_that_does_not_say_the_budget_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match=r"'Think \{budegt\}' does not hold \{budget\}; nearest"):
        asked(monkeypatch, "local", "--budgets", "8", "--instruction", "Think {budegt}")


def test_a_file_holds_all_of_an_evaluation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    model, plan, _ = asked(monkeypatch, "--config", str(tmp_path / "whole.yaml"))
    assert model == "Qwen/Qwen3-0.6B"
    assert plan == BenchmarksConfig(
        names=["gsm8k", "math500"],
        data="rows",
        samples=3,
        temperatures=[0.0, 1.0],
        budgets=[12, None],
        instruction="[{budget}]",
        max_tokens=77,
        max_context=128,
        limit=5,
        out="results",
        prices="prices.yaml",
        price_of="large",
    )


def test_every_option_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    options = "--benchmarks arithmetic --data d --samples 1 --temperatures 0.5 --budgets none "
    options += "--instruction {budget} --max-tokens 9 --limit 0 --out o --prices p --price-of small"
    model, plan, overrides = asked(
        monkeypatch,
        *("local", "--config", str(tmp_path / "whole.yaml")),
        *options.split(),
        "benchmarks.max_context=64",
    )
    assert (model, overrides) == ("local", ["benchmarks.max_context=64"])
    assert plan == BenchmarksConfig(
        names=["arithmetic"],
        data="d",
        samples=1,
        temperatures=[0.5],
        budgets=[None],
        instruction="{budget}",
        max_tokens=9,
        max_context=64,
        limit=0,
        out="o",
        prices="p",
        price_of="small",
    )


def test_overrides_may_follow_at_once_when_the_file_names_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    model, plan, overrides = asked(
        monkeypatch, "benchmarks.limit=2", "--config", str(tmp_path / "whole.yaml"), "run.seed=1"
    )
    assert (model, plan.limit) == ("Qwen/Qwen3-0.6B", 2)
    assert overrides == ["benchmarks.limit=2", "run.seed=1"]


def test_a_file_without_a_model_means_the_local_policy_as_in_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sums.yaml").write_text("benchmarks: {limit: 2}\n")
    assert asked(monkeypatch, "--config", str(tmp_path / "sums.yaml"))[0] == "local"


def test_several_models_are_one_evaluation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "whole.yaml").write_text(WHOLE)
    config = ("--config", str(tmp_path / "whole.yaml"))
    models, plan, overrides = asked(monkeypatch, "local", "a/b", "run.seed=1", *config)
    assert (models, plan.policies) == ("local a/b", ["local", "a/b"])
    assert overrides == ["run.seed=1"]
    models, plan, _ = asked(monkeypatch, "benchmarks.policies=[c/d, e/f]", *config)
    assert (models, plan.policies) == ("c/d e/f", ["c/d", "e/f"])
    assert asked(monkeypatch, "local", "benchmarks.policies=[c/d]", *config)[1].policies == []


def test_without_model_and_file_there_is_nothing_to_evaluate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="needs a MODEL, or a --config"):
        asked(monkeypatch)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("benchmarks.samples=0", r"benchmarks\.samples=0: must be at least 1"),
        (
            "benchmarks.temperatures=[-1]",
            r"benchmarks\.temperatures\[0\]=-1\.0: must be at least 0",
        ),
        ("benchmarks.budgets=[-2]", r"benchmarks\.budgets\[0\]=-2: must be at least 0"),
        ("benchmarks.names=[]", r"benchmarks\.names=\[\]: must have at least one"),
    ],
)
def test_an_impossible_plan_in_the_settings_is_named(
    monkeypatch: pytest.MonkeyPatch, setting: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        asked(monkeypatch, "local", setting)


@pytest.mark.parametrize("command", ["eval", "chat", "serve"])
@pytest.mark.parametrize("model", ["runs/frist", "frist"])
def test_a_run_that_does_not_exist_is_not_looked_for_on_the_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, model: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a look at the network")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "config.yaml").write_text("")
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("rlsys.network.require_free", lambda *_: None)
    monkeypatch.setattr("rlsys.network.require_cluster", lambda *_: None)
    result = CliRunner().invoke(app, [command, model])
    assert isinstance(result.exception, ConfigError), result.output
    assert f"MODEL {model}: neither a folder nor a run in " in str(result.exception)
    assert "did you mean 'runs/first'?" in str(result.exception)


@pytest.mark.parametrize("command", ["eval", "chat", "serve"])
def test_a_model_that_cannot_answer_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something heavy")

    (tmp_path / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 0}')
    monkeypatch.setattr("rlsys.network.require_free", lambda *_: None)
    monkeypatch.setattr("rlsys.network.require_cluster", refuse)
    monkeypatch.setattr("rlsys.local_policy.resolve.context_of", refuse)
    result = CliRunner().invoke(app, [command, str(tmp_path)])
    assert isinstance(result.exception, ConfigError), result.output
    assert str(result.exception) == (
        f"MODEL {tmp_path}: in its config.json num_hidden_layers=0: must be a whole number of at "
        "least 1"
    )


def test_a_comparison_says_where_the_completions_of_one_could_be_longer(tmp_path: Path) -> None:
    for name, max_tokens in (("a", 512), ("b", 2048)):
        one = {"benchmark": "sums", "temperature": 0.6, "budget": None, "max_tokens": max_tokens}
        (tmp_path / name).mkdir()
        content = json.dumps({"results": [one | {"rates": {"p": 0.5, "q": 1.0}}]})
        (tmp_path / name / "results.json").write_text(content)

    def said(*folders: str) -> str:
        done = CliRunner().invoke(app, ["compare", *(str(tmp_path / one) for one in folders)])
        assert done.exit_code == 0, done.output
        return done.output

    told = "sums t0.6: completions of A end at 512 tokens, those of B at 2,048"
    assert told in said("a", "b")
    assert "completions of A end" not in said("a", "a")
