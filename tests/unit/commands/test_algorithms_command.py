"""`rlsys algorithms`."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.config import algorithm as settings
from rlsys.errors import ConfigError
from tests.helpers.places import CONFIGS

PRESETS = sorted(path.stem for path in (CONFIGS / "algorithms").glob("*.yaml"))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["algorithms", *arguments], env={"COLUMNS": "400"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(
        "def late(ratio, advantages, policy_versions, *, strength: float = 1.0):\n"
        '    """Young tokens count more.\n\n    l = -r A / (1 + s v)\n    """\n'
        "    return -ratio * advantages / (1 + strength * policy_versions)\n"
        "def middle(rewards, groups):\n"
        "    return rewards - 0.5\n"
        "LOSSES, ADVANTAGES = {'late': late}, {'middle': middle}\n"
    )
    return path


def test_list_names_presets_losses_and_estimators_and_those_of_a_file(plugin: Path) -> None:
    status, output = run("list", "--plugin", str(plugin))
    assert status == 0
    names = [line.split()[0] for line in output.splitlines()[1:]]
    mine = ["late", "middle"]
    assert set(names) >= {*PRESETS, *settings.LOSSES, *settings.ESTIMATORS, *mine}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_readable_in_one_place_with_its_equations_and_papers(preset: str) -> None:
    status, output = run("show", preset)
    assert status == 0
    assert "loss = sum_i w_i sum_t [ c_it l_it + beta kl_it - alpha H_it ]" in output
    assert re.search(r"arXiv:\d{4}\.\d{5}", output)
    headings = ("A: ", "l_it: ", "w_i, ", "c_it, ", "what differs from the defaults:")
    assert [one for one in headings if not re.search(f"^{re.escape(one)}", output, re.M)] == []


def test_show_dapo_has_its_own_numbers() -> None:
    output = run("show", "dapo")[1]
    assert "clip_high = 0.28" in output
    assert "1 / sum_j |o_j|" in output
    assert "kl_it" not in output.partition("A: ")[2]


def test_show_names_the_columns_and_options_of_a_function_of_ones_own(plugin: Path) -> None:
    output = run("show", "late", "--plugin", str(plugin))[1]
    assert "l = -r A / (1 + s v)" in output
    assert re.search(r"policy_versions +of the batch", output)
    assert re.search(r"strength +1\.0", output)
    assert f"plugins: [{plugin}]\n  loss: {{name: late}}" in output


def test_check_tells_what_holds_and_what_does_not(plugin: Path) -> None:
    status, output = run("check", "late", "--plugin", str(plugin), "--option", "strength=2")
    assert status == 0
    assert "FAILED" not in output
    status, output = run("check", "middle", "--plugin", str(plugin))
    assert status == 1
    assert re.search(
        r"a group of equal rewards has none +FAILED +\d completions that all earn", output
    )


def test_check_of_a_preset_looks_at_both_of_its_parts() -> None:
    status, output = run("check", "rloo")
    assert status == 0
    assert {line.split()[0] for line in output.splitlines()[1:]} == {"unclipped", "leave_one_out"}


def test_an_estimator_per_token_and_an_unknown_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'gae' makes an advantage of each token"):
        run("check", "gae")
    with pytest.raises(ConfigError, match="no algorithm 'ppo_clp'; did you mean 'ppo_clip'"):
        run("check", "ppo_clp")
