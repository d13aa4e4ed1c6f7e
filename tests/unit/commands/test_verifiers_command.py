"""`rlsys verifiers list` and `show`."""

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands.options import summary_of
from rlsys.commands.verifiers import option_texts
from rlsys.errors import VerifierError
from verifiers.form.reasoning import ReasoningVerifier
from verifiers.registry import Registry

PLUGIN = '''
from dataclasses import dataclass, field

from verifiers.base import Status, Verdict


@dataclass
class Short:
    """Reward 1 for a short answer. Nothing else matters.

    A second paragraph.
    """

    most: int = 5
    """Characters at
    most."""
    words: list[str] = field(default_factory=lambda: ["a"])
    name: str = field(default="short", init=False)

    def verify(self, completion):
        return Verdict(1.0, Status.CORRECT)

    def self_test(self):
        return []


VERIFIERS = {"short": Short}
'''


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "short.py"
    path.write_text(PLUGIN)
    return str(path)


def run(monkeypatch, *arguments):
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["verifiers", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_list_names_every_verifier_with_what_it_pays_for(monkeypatch, plugin, tmp_path):
    monkeypatch.chdir(tmp_path)
    lines = run(monkeypatch, "list", "--plugin", plugin).splitlines()
    listed = {line.split()[0]: line for line in lines[1:] if line.strip()}
    assert set(listed) == {*Registry().names(), "short"}
    assert "Reward 1 for a short answer." in listed["short"]
    assert listed["short"].split()[1] == "short.py"
    assert listed["math"].split()[1] == "verifiers.math.verifier"


def test_show_explains_options_with_types_defaults_and_meaning(monkeypatch, plugin):
    output = run(monkeypatch, "show", "short", "--plugin", plugin)
    lines = {line.split()[0]: line.split() for line in output.splitlines() if line.strip()}
    assert lines["most"] == ["most", "int", "5", "Characters", "at", "most."]
    assert lines["words"] == ["words", "list[str]", "['a']"]
    assert output.startswith(f"short ({plugin})\n")
    assert f"  plugins: [{plugin}]\n  rewards:\n" in output
    assert "- {name: short, weight: 1.0, options: {most: 5}}" in output


def test_the_example_of_every_built_in_verifier_is_accepted(monkeypatch):
    from omegaconf import OmegaConf

    registry = Registry()
    for name in registry.names():
        example = run(monkeypatch, "show", name).partition("in a config:")[2]
        (reward,) = OmegaConf.to_container(OmegaConf.create(example))["verifiers"]["rewards"]
        registry.check(reward["name"], reward.get("options", {}))


def test_an_unknown_name_is_an_error_that_says_the_nearest(monkeypatch):
    with pytest.raises(VerifierError, match="did you mean 'math'"):
        run(monkeypatch, "show", "mathh")


def test_the_text_under_a_field_is_its_meaning():
    texts = option_texts(ReasoningVerifier)
    assert texts["min_connectives"] == "Different connective words, English or Chinese."
    assert "name" not in texts


def test_a_function_has_no_option_texts_and_may_have_no_description():
    def factory():
        pass

    assert option_texts(factory) == {}
    assert summary_of(factory) == "(no description)"
