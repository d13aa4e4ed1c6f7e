"""Models that verifiers load are looked at before Ray starts: there, whole, and of the kind that is
asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys import hub
from rlsys.cli import app
from rlsys.config.load import CONFIGS, load
from rlsys.config.run_model import require_model
from rlsys.errors import ConfigError
from tests.helpers.model_folders import LLAMA, write_weights


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier, a policy, one of unknown kind, and a classifier without weights; the hub gives
    nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "silence", lambda: "nobody answers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name, kinds in (
        ("rm", ["LlamaForSequenceClassification"]),
        ("policy", ["LlamaForCausalLM"]),
        ("unnamed", None),
        ("hollow", ["LlamaForSequenceClassification"]),
        ("safe", ["LlamaForSequenceClassification"]),
        ("two", ["LlamaForSequenceClassification"]),
        ("runs/judge/checkpoints/step-000002/policy", ["LlamaForSequenceClassification"]),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        labels = {"safe": 2, "two": 0}.get(name, 1)  # of no names two are made
        names = {str(n): ("harmful", "harmless")[n] for n in range(labels)}
        model = LLAMA | {"architectures": kinds} | ({"id2label": names} if names else {})
        (folder / "config.json").write_text(json.dumps(model))
        if name != "hollow":
            write_weights(folder, {})
    Path("runs/judge/config.yaml").write_text("")
    Path("empty").mkdir()


def looked_at(verifier: str, options: str, stage: str = "rl") -> None:
    reward = f"{{name: a, verifier: {verifier}, options: {{{options}}}}}"
    overrides = [f"run.stage={stage}", f"verifiers.rewards=[{reward}]"]
    require_model(load(CONFIGS / "local.yaml", overrides))


@pytest.mark.parametrize(
    ("verifier", "options", "said"),
    [
        ("reward_model", "model: none/there", ".model='none/there': neither a model directory"),
        ("reward_model", "model: empty", "empty': the directory has no config.json"),
        (
            "reward_model",
            "model: hollow",
            "the directory has a config.json and no weights",
        ),
        ("reward_model", "model: judgee", "'judgee': neither a folder nor a run in runs"),
        ("reward_model", "model: judgee", "; did you mean 'runs/judge'?"),
        ("reward_model", "model: local", ".model='local': the small local policy is for training"),
        ("reward_model", "model: policy", "(LlamaForCausalLM): no classifier, so its scores would"),
        ("fluency", "model: rm", "(LlamaForSequenceClassification): a classifier, whose words"),
        ("reward_model", "model: rm, device: cdua", ".device='cdua': no device as torch names it"),
        ("reward_model", "model: rm, device: 'cpu:x'", "nearest valid: cpu"),
        (
            "reward_model",
            "model: rm, label: good",
            ".label='good': it has one output",
        ),
        ("reward_model", "model: safe", ".label=''; there are: harmful, harmless"),
        ("reward_model", "model: safe, label: harmles", "; did you mean 'harmless'?"),
        ("reward_model", "model: two", ".label=''; there are: LABEL_0, LABEL_1"),
    ],
)
@pytest.mark.parametrize("stage", ["rl", "sample"])
def test_a_model_that_cannot_grade_is_one_error_before_anything_starts(
    verifier: str, options: str, said: str, stage: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        looked_at(verifier, options, stage)
    assert str(caught.value).startswith("verifiers.rewards[0].options.")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("verifier", "options"),
    [
        ("reward_model", "model: rm"),
        ("reward_model", "model: judge"),
        ("fluency", "model: policy"),
        ("reward_model", "model: unnamed"),
        ("reward_model", "model: safe, label: harmless"),
        ("fluency", "model: unnamed"),
    ],
)
def test_one_that_can_grade_is_not_in_the_way(verifier: str, options: str) -> None:
    looked_at(verifier, options)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What `rlsys verifiers check` says of options, without a Ray that it could start."""
    monkeypatch.setattr("actors.drivers.check_verifier.check", lambda config: pytest.fail("began"))

    def said(name: str, *options: str) -> str:
        flags = [word for one in options for word in ("--option", one)]
        result = CliRunner().invoke(app, ["verifiers", "check", name, *flags])
        return str(result.exception)

    return said


def test_a_verifier_is_tried_only_with_options_that_it_takes(check: Callable[..., str]) -> None:
    assert "the option model is empty: it names the directory or hub id" in check("reward_model")
    assert "policy' (LlamaForCausalLM): no classifier" in check("reward_model", "model=policy")
    assert "option part='whol'; did you mean 'whole'?" in check("reward_model", "part=whol")
    assert "option target='klingon'; there are: en, ja, ko, ru, zh" in check(
        "language", "target=klingon"
    )
