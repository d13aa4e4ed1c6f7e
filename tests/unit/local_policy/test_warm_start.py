"""The warm start is supervised fine-tuning by the learner, in a process of its own."""

import os
import sys
from pathlib import Path

import pytest

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.errors import WorkerError
from rlsys.learning.schedule import Schedule
from rlsys.local_policy.warm_start import learner_settings, warm_start


def test_its_learning_rate_rises_then_follows_a_cosine_to_a_twentieth() -> None:
    config = LocalPolicyConfig(learning_rate=1.0, warmup_steps=10, steps=100)
    schedule = Schedule(learner_settings(config).optimizer, config.steps)
    rates = [schedule.rate(step) for step in (0, 4, 9, 100)]
    assert rates == pytest.approx([0.1, 0.5, 1.0, 0.05])
    # Halfway between warm-up and end: 0.05 + 0.95 / 2.
    assert (schedule.rate(54) + schedule.rate(55)) / 2 == pytest.approx(0.525, abs=1e-3)


def test_a_process_that_fails_is_an_error_and_sets_nothing_here(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    with pytest.raises(WorkerError, match="the warm start ended with exit status 1"):
        warm_start(tmp_path / "no policy", LocalPolicyConfig(), 0, print)
    assert "no policy" in capfd.readouterr().err
    assert dict(os.environ) == before


def test_its_threads_do_not_spin_beside_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho warm start: $OMP_WAIT_POLICY\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    said: list[str] = []
    warm_start(tmp_path, LocalPolicyConfig(), 0, said.append)
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    warm_start(tmp_path, LocalPolicyConfig(), 0, said.append)
    assert said == ["warm start: passive", "warm start: active"]
