"""Gates that could never hold, found before anything starts: of figures that a stage does not
measure, of ends of an interval that is none, of shares beyond 1."""

from collections.abc import Iterator

from rlsys.config.run import RunConfig
from rlsys.config.sft import measures_answers
from rlsys.errors import ConfigError, instead
from rlsys.evaluation.estimators import ladder_of
from rlsys.evaluation.figures import PLAIN, figure_names
from rlsys.lineage.kinds import (
    CHECKED,
    DISTILL,
    EVALUATE,
    REWARD_MODEL,
    RL,
    SAMPLE,
    SAMPLED,
    SFT,
)
from rlsys.recipes.gates import Condition, Measured
from rlsys.recipes.recipe import StageSpec

_SHARES = ("pass_at_", "cons_at_", "heldout_accuracy")
"""Beginnings of figures from 0 to 1, each with its interval."""


def require_judgeable(
    condition: Condition, stage: StageSpec, of: StageSpec, settings: RunConfig, asked: Measured
) -> None:
    """Raise ConfigError where a figure that a condition asks for will not be there to be judged.

    Args:
        stage: whose gate it is.
        of: whose figure it is, with its settings.
    """
    where = f"{stage.where}: gate {condition.text!r}"
    known = _figures(of, settings)
    name = asked.figure
    if name not in known:
        raise ConfigError(
            f"{where}: no figure {name!r} of stage {of.name}, which is of kind "
            f"{of.kind}{instead(name, known)}"
        )
    if asked.part != "mean" and not _has_interval(name, of.kind):
        raise ConfigError(
            f"{where}: {name} is one number, without an interval; nearest valid: "
            f"{condition.text.replace(f'{name}.{asked.part}', name)}"
        )
    for reason in _unmeasured(name, of, settings):
        raise ConfigError(f"{where}: stage {of.name} will not measure {name}: {reason}")


def require_possible(condition: Condition, where: str) -> None:
    """Raise ConfigError where a condition holds of no figures at all."""
    left, right = condition.left, condition.right
    if left == right:
        raise ConfigError(f"{where}: gate {condition.text!r}: compares a figure with itself")
    if isinstance(right, Measured) or not _is_share(left.figure):
        return
    never = {">": right >= 1, ">=": right > 1, "<": right <= 0, "<=": right < 0}
    if never[condition.sign]:
        raise ConfigError(
            f"{where}: gate {condition.text!r}: {left.figure} is a share, from 0 to 1, so this "
            "would never hold"
        )


def _is_share(figure: str) -> bool:
    return figure.rpartition("/")[2].startswith(_SHARES)


def _has_interval(figure: str, kind: str) -> bool:
    if kind == EVALUATE:
        return figure.rpartition("/")[2] not in PLAIN
    return _is_share(figure) or figure == "gain"


def _figures(stage: StageSpec, settings: RunConfig) -> list[str]:
    if stage.kind == EVALUATE:
        return figure_names(settings.benchmarks)
    if stage.kind == SAMPLE:
        return [*(f"pass_at_{k}" for k in ladder_of(settings.sample.n)), *SAMPLED]
    return list(stage.row.figures)


def _unmeasured(figure: str, stage: StageSpec, settings: RunConfig) -> Iterator[str]:
    """Why not, where the settings alone say so."""
    if stage.kind in (RL, DISTILL, SFT) and figure in CHECKED:
        if not settings.evaluation.final_prompts and figure.startswith(("pass", "gain")):
            yield "evaluation.final_prompts=0; nearest valid: 256"
        elif stage.kind == SFT and not measures_answers(settings):
            yield (
                "it has no rows with expected answers to ask for; nearest valid: inputs: "
                "{test_rows: PATH}"
            )
    if not figure.startswith("heldout_"):
        return
    if stage.kind == SFT and not (settings.sft.test or settings.sft.holdout):
        yield "sft.holdout=0; nearest valid: 128, or inputs: {test_demonstrations: PATH}"
    pairs = settings.reward_model
    if stage.kind == REWARD_MODEL and not (pairs.test or pairs.holdout):
        yield "reward_model.holdout=0; nearest valid: 256, or inputs: {test_pairs: PATH}"
