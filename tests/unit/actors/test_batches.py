"""How many completions a sampler takes at once, by the GPUs that are there."""

import pytest

from actors import room
from rlsys.config.load import CONFIGS, load

Gpu = tuple[float, str] | None


def asked(monkeypatch: pytest.MonkeyPatch, answers: list[Gpu], *overrides: str) -> int | None:
    monkeypatch.setattr(room, "ask_nodes", lambda question, kind: answers)
    config = load(CONFIGS / "two_nodes.yaml", list(overrides))
    return room.batched_by_nodes(config).rollout.max_sequences


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ([(80.0, "NVIDIA H100 80GB HBM3")], 1024),
        ([(80.0, "NVIDIA H100 80GB HBM3"), (48.0, "NVIDIA L40S")], 256),
        ([(80.0, "NVIDIA A100-SXM4-80GB"), None], 256),
        ([None], None),
    ],
)
def test_the_smallest_gpu_decides(
    monkeypatch: pytest.MonkeyPatch, answers: list[Gpu], wanted: int | None
) -> None:
    assert asked(monkeypatch, answers, "rollout.max_sequences=null") == wanted


def test_a_number_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Gpu] = [(80.0, "NVIDIA H100 80GB HBM3")]
    assert asked(monkeypatch, answers, "rollout.max_sequences=7") == 7


def test_without_gpus_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Gpu] = [(80.0, "NVIDIA H100 80GB HBM3")]
    none = ("rollout.gpus=0", "learner.gpus=0", "reference.gpus=0", "weights.transport=auto")
    assert asked(monkeypatch, answers, *none) is None
