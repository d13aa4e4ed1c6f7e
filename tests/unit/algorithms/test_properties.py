"""Every property of losses and estimators holds of ours, and fails of one that breaks it."""

from pathlib import Path

import pytest

from rlsys.algorithms.advantages import ADVANTAGES
from rlsys.algorithms.clipping import LOSSES
from rlsys.algorithms.estimator_properties import check_estimator
from rlsys.algorithms.gae import ADVANTAGES as PER_TOKEN
from rlsys.algorithms.loss_properties import check_loss
from rlsys.algorithms.registry import Registry
from rlsys.config import algorithm as settings
from tests.helpers.algorithms import algorithm_of

SEQUENCE_ESTIMATORS = [n for n in settings.ESTIMATORS if not settings.is_per_token(n)]


def test_the_names_of_a_config_are_those_of_the_functions() -> None:
    assert sorted(LOSSES) == sorted(settings.LOSSES)
    assert sorted(ADVANTAGES) == sorted(SEQUENCE_ESTIMATORS)
    assert sorted(PER_TOKEN) == sorted(settings.TOKEN_ESTIMATORS)
    beyond = [name for name, one in (ADVANTAGES | PER_TOKEN).items() if one.beyond_groups]
    assert sorted(beyond) == sorted(settings.BEYOND_GROUPS)


def test_what_every_loss_reads_is_there_without_any_role() -> None:
    """So that asking which roles a run needs does not depend on the built-in loss."""
    from rlsys.algorithms.registry import role_columns

    assert all(not role_columns(Registry().loss(name)) for name in settings.LOSSES)


@pytest.mark.parametrize("name", settings.LOSSES)
def test_the_built_in_losses_have_every_property(name: str) -> None:
    loss = Registry().loss_of(algorithm_of(loss__name=name, clip__dual=3.0))
    findings = list(check_loss(loss))
    assert [f for f in findings if not f.passed] == []
    assert "cosine with the policy gradient 1.000" in findings[1].outcome


@pytest.mark.parametrize("name", SEQUENCE_ESTIMATORS)
def test_the_built_in_estimators_have_every_property(name: str) -> None:
    estimator = Registry().estimator_of(algorithm_of(advantage__estimator=name))
    assert [f for f in check_estimator(estimator) if not f.passed] == []


def plugin(tmp_path: Path, source: str) -> Registry:
    path = tmp_path / "mine.py"
    path.write_text(f"import numpy as np\nimport torch\n{source}\n")
    return Registry([str(path)])


BROKEN_LOSSES = {
    "return -policy_logprobs * (advantages + 1) + 0 * ratio": "an advantage of zero gives no",
    "return ratio * advantages + 0 * policy_logprobs": "at ratio 1 each token's gradient goes",
    "return -advantages / (ratio - ratio.detach())": "loss and gradient are finite",
    "return -ratio * advantages / ratio.detach().mean()": "microbatches add up to the whole",
    "return -ratio * advantages * (ratio.detach() - ratio.detach()[:1] + 1)": "the order of comp",
    "return -ratio * advantages * ratio.detach().mean(1, keepdim=True)": "tokens outside of th",
    "advantages.mul_(2); return -ratio * advantages": "its columns are left as they are",
    "return -ratio * ratio.detach() * advantages": "its gradient is the slope of its value",
}


@pytest.mark.parametrize(("body", "sentence"), BROKEN_LOSSES.items())
def test_a_loss_without_a_property_fails_that_one(tmp_path: Path, body: str, sentence: str) -> None:
    source = f"def f(ratio, advantages, policy_logprobs):\n    {body}\nLOSSES = {{'mine': f}}"
    loss = plugin(tmp_path, source).loss_of(algorithm_of(loss__name="mine"))
    failed = [finding.sentence for finding in check_loss(loss) if not finding.passed]
    assert any(one.startswith(sentence) for one in failed), failed


BROKEN_ESTIMATORS = {
    "return rewards / np.bincount(groups, weights=rewards)[groups]": "advantages are finite",
    "return rewards - rewards.mean()": "a group of equal rewards has none",
    "return (rewards - rewards[0]) * (np.arange(len(rewards)) + 1)": "the order of completions",
    "return rewards * groups": "a group of equal rewards has none",
    "return np.bincount(groups, weights=rewards)[groups] - rewards": "of one prompt's completions",
    "return rewards[:1]": "advantages are finite",
    "return 'no numbers'": "advantages are finite",
}


@pytest.mark.parametrize(("body", "sentence"), BROKEN_ESTIMATORS.items())
def test_an_estimator_without_a_property_fails_that_one(
    tmp_path: Path, body: str, sentence: str
) -> None:
    source = f"def f(rewards, groups):\n    {body}\nADVANTAGES = {{'mine': f}}"
    registry = plugin(tmp_path, source)
    estimator = registry.estimator_of(algorithm_of(advantage__estimator="mine"))
    failed = [finding.sentence for finding in check_estimator(estimator) if not finding.passed]
    assert any(one.startswith(sentence) for one in failed), failed


def test_what_a_file_says_of_its_function_is_believed(tmp_path: Path) -> None:
    source = """
from rlsys.algorithms.contract import Estimator, TokenLoss
LOSSES = {
    "held": TokenLoss(lambda ratio, advantages: -ratio * ratio.detach() * advantages, True),
}
ADVANTAGES = {"all": Estimator(lambda rewards: rewards - rewards.mean(), beyond_groups=True)}
"""
    registry = plugin(tmp_path, source)
    loss = registry.loss_of(algorithm_of(loss__name="held"))
    estimator = registry.estimator_of(algorithm_of(advantage__estimator="all"))
    findings = [*check_loss(loss), *check_estimator(estimator)]
    assert [finding for finding in findings if not finding.passed] == []


def test_a_function_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    source = "def f(ratio, advantages):\n    return ratio / 0 + missing\nLOSSES = {'mine': f}"
    loss = plugin(tmp_path, source).loss_of(algorithm_of(loss__name="mine"))
    first = next(iter(check_loss(loss)))
    assert not first.passed
    assert first.outcome.startswith("loss 'mine' of ")
    assert "NameError: name 'missing' is not defined, at " in first.outcome
    assert "mine.py:4 in f: return ratio / 0 + missing" in first.outcome
