"""How a fleet ends whose members did not all start."""

import asyncio
from types import SimpleNamespace

import ray
from ray.exceptions import RayTaskError

from actors.launch import end_members
from actors.ray_fleet import RayFleet
from actors.roles import needs, rollout_settings
from actors.rollout_worker import RolloutWorker
from actors.verifier_worker import VerifierWorker
from rlsys.config.run import RunConfig, StageKind


def test_a_rollout_worker_whose_sampler_did_not_start_ends_all_the_same() -> None:
    settings = rollout_settings(RunConfig())
    worker = RolloutWorker("rollout-0", "nowhere", settings, index=0, incarnation=0, seeded=False)
    asyncio.run(worker.shutdown())


def test_a_verifier_that_did_not_start_ends_all_the_same() -> None:
    config = RunConfig()
    VerifierWorker(config.verifiers, config.sandbox, []).shutdown()


def test_a_member_that_does_not_end_is_named_with_its_cause_and_without_its_repr(
    monkeypatch,
) -> None:
    def seat(name, end):
        return SimpleNamespace(
            name=name, actor=SimpleNamespace(shutdown=SimpleNamespace(remote=lambda: end))
        )

    def get(end):
        if end == "fails":
            head = "\x1b[36mray::RolloutWorker.shutdown()\x1b[39m (pid=1, actor_id=ab, repr=<x>)"
            raise RayTaskError("shutdown", f"{head}\nValueError: no room", ValueError("no room"))

    killed, said = [], []
    monkeypatch.setattr(ray, "wait", lambda ends, num_returns, timeout: (ends, []))
    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray, "kill", killed.append)
    seats = [seat("learner-0", "ends"), seat("rollout-0", "fails")]
    end_members(seats, 1.0, said.append)
    assert said == ["rollout-0 did not end by itself: ValueError: no room"]
    assert killed == [each.actor for each in seats]


def test_a_fleet_that_was_never_placed_ends_without_ray(tmp_path) -> None:
    config = RunConfig()
    config.run.stage = StageKind.sample
    told: list[str] = []
    fleet = RayFleet(
        config, "nowhere", [], [], tmp_path, needs(config, trains=False), told.append, told.append
    )
    fleet.shutdown()
    assert not ray.is_initialized()
    assert told == []
