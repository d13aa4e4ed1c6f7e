"""The precision of a fleet: one CPU without instructions for bfloat16 decides for all."""

import pytest

from actors import precision
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import RunConfig


def asked(
    monkeypatch: pytest.MonkeyPatch, answers: list[bool | None], *overrides: str
) -> RunConfig:
    monkeypatch.setattr(precision, "ask_nodes", lambda question, kind: answers)
    return precision.decided_by_nodes(load(CONFIGS / "base.yaml", list(overrides)))


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [([True, True], "bfloat16"), ([True, False], "float32"), ([True, None], "float32")],
)
def test_all_nodes_have_to_have_it(
    monkeypatch: pytest.MonkeyPatch, answers: list[bool | None], wanted: str
) -> None:
    config = asked(monkeypatch, answers)
    assert precision.precisions(config) == (
        f"learner {wanted}, rollout {wanted}, reference {wanted}"
    )


def test_an_evaluation_has_samplers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    config = asked(monkeypatch, [True])
    assert precision.precisions(config, trains=False) == "rollout bfloat16"


def test_nobody_is_asked_where_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    named = [f"{role}.dtype=float32" for role in ("learner", "rollout", "reference", "teacher")]
    config = asked(monkeypatch, [True], *named)
    assert precision.precisions(config) == "learner float32, rollout float32, reference float32"
