"""What docs/verifiers.md shows works as it stands there."""

import dataclasses
import re

import pytest
from omegaconf import OmegaConf

from rlsys.config.verifiers import RewardConfig, VerifiersConfig, validate
from rlsys.errors import VerifierError
from tests.helpers.places import DOCS
from verifiers.base import Completion
from verifiers.compose import Composite, run_self_test
from verifiers.registry import Registry
from verifiers.settings import require_verifiers

TEXT = (DOCS / "verifiers.md").read_text()


def block(language):
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_example_plugin_is_short_and_grades(tmp_path):
    path = tmp_path / "short_answer.py"
    path.write_text(block("python"))
    assert len(block("python").splitlines()) <= 30
    reward = RewardConfig("short_answer", options={"max_chars": 40})
    config = VerifiersConfig(plugins=[str(path)], rewards=[reward])
    validate(config)
    require_verifiers(config)
    composite = Composite(config)
    assert run_self_test(composite) == 2
    long = "so " * 20 + "<answer>4</answer>"
    assert composite.verify(Completion("2+2?", long, "4")).reward == 0.0


def test_example_config_is_valid():
    section = OmegaConf.create(block("yaml"))["verifiers"]
    made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(VerifiersConfig), section))
    assert isinstance(made, VerifiersConfig)
    validate(made)
    require_verifiers(made)


def test_every_built_in_verifier_and_option_is_described():
    for name in ("choice", "countdown", "format", "math", "reasoning"):
        assert f"**{name}**" in TEXT
        with pytest.raises(VerifierError) as caught:
            Registry().check(name, {"?": 1})
        options = str(caught.value).rpartition("there are: ")[2].split(", ")
        assert all(option == "none" or f"`{option}`" in TEXT for option in options)


def test_every_field_of_a_completion_and_key_of_a_reward_is_described():
    for kind in (Completion, RewardConfig):
        for field in dataclasses.fields(kind):
            assert re.search(rf"^\| `{field.name}(: true)?` \|", TEXT, re.MULTILINE), field.name


def test_the_example_reward_functions_grade_as_their_config_says(tmp_path, monkeypatch):
    section = TEXT[TEXT.index("## Reward functions of TRL and verl") :]
    blocks = dict(re.findall(r"```(python|yaml)\n(.*?)```", section, re.DOTALL))
    (tmp_path / "rewards.py").write_text(blocks["python"])
    monkeypatch.chdir(tmp_path)
    settings = OmegaConf.create(blocks["yaml"])["verifiers"]
    made = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(VerifiersConfig), settings))
    assert isinstance(made, VerifiersConfig)
    validate(made)
    require_verifiers(made)
    right, wrong = Composite(made).grade(
        [Completion("2+2?", "x" * 499 + "4", "4"), Completion("2+2?", "5", "4")]
    )
    assert right.reward == pytest.approx(0.7)
    assert wrong.reward == pytest.approx(-0.0002)
