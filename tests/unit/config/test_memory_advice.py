"""What the memory plan says to people: advice where a fleet does not fit, a refusal where it does,
and whose GPU is whose."""

import pytest

from actors.roles import needs
from rlsys.config.memory import GIB
from rlsys.config.memory_fit import require_fit, with_room
from rlsys.config.memory_plan import Demand, Room
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from tests.helpers.known_models import QWEN_7B, QWEN_32B, QWEN_HALF, demand, networks
from tests.helpers.places import ROOT
from tests.unit.config.test_memory_plan import plan, shipped


def advice(config: RunConfig, model: dict[str, object], gib: float) -> str:
    roles = [need.role for need in needs(config)]
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, networks(model), roles, Room(gib)))
    return str(caught.value).splitlines()[0].partition("nearest valid: ")[2]


def test_a_sampler_that_is_too_large_is_advised_more_gpus_and_no_ranks() -> None:
    advised = advice(shipped("one_node_lora"), QWEN_32B, 36.0)
    assert advised == "rollout.tensor_parallel=4 rollout.gpus=4"
    require_fit(
        Demand(
            shipped("one_node_lora", *advised.split()),
            networks(QWEN_32B),
            ["learner", "rollout"],
            Room(36.0),
        )
    )
    assert "learner.ranks" not in advice(shipped("one_node_lora"), QWEN_32B, 12.0)


def test_each_of_two_roles_that_are_too_large_is_advised_something() -> None:
    advised = advice(shipped("one_node"), QWEN_32B, 40.0)
    assert "learner.holds_reference=true" in advised
    assert "rollout.tensor_parallel=" in advised


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("rollout.kv_cache_gib=100", "rollout.kv_cache_gib=50"),
        ("rollout.gpu_memory_utilization=1", "rollout.gpu_memory_utilization=0.9"),
        ("rollout.max_sequences=100000", "rollout.max_sequences=25000"),
    ],
)
def test_what_a_sampler_takes_too_much_of_is_advised_smaller(wrong: str, right: str) -> None:
    assert advice(shipped("one_node", wrong), QWEN_7B, 80.0) == right
    changed = shipped("one_node", wrong, right)
    require_fit(demand(changed, QWEN_7B, Room(80.0)))


def test_a_sampler_is_advised_to_leave_room_for_updates() -> None:
    advised = advice(shipped("one_node"), QWEN_7B, 24.0)
    assert "rollout.gpu_memory_utilization=0.85" in advised
    changed = shipped("one_node", *advised.partition(", or ")[0].split())
    require_fit(demand(changed, QWEN_7B, Room(24.0)))


def test_what_is_set_already_is_not_advised() -> None:
    assert "zero_stage" not in advice(shipped("one_gpu_lora"), QWEN_7B, 24.0)


def test_a_share_of_the_gpu_that_holds_no_completion_is_refused() -> None:
    config = shipped("one_node", "rollout.gpu_memory_utilization=0.2")
    roles = [need.role for need in needs(config)]
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, networks(QWEN_7B), roles, Room(80.0)))
    message = str(caught.value)
    assert message.startswith(
        "rollout.gpu_memory_utilization=0.2: of a GPU of 80.0 GiB it leaves 0.0 GiB for keys and "
        "values, and one completion of model.max_context=4096 tokens takes 0.22; nearest valid: "
    )
    nearest = message.rpartition(" ")[2]
    config = shipped("one_node", f"rollout.gpu_memory_utilization={nearest}")
    require_fit(Demand(config, networks(QWEN_7B), roles, Room(80.0)))


def test_what_is_not_of_the_turns_has_its_gpu_alone() -> None:
    alone = ("learner.holds_reference=false", "reference.gpus=0.1")
    lines = plan(shipped("one_gpu_turns", *alone), QWEN_7B).lines()
    sums = [line.partition(":")[0] for line in lines if line.startswith("a GPU of ")]
    assert sums == ["a GPU of learner and rollout by turns", "a GPU of reference"]


@pytest.mark.parametrize(
    ("name", "overrides", "model", "gib"),
    [
        ("one_gpu", "learner.logprob_chunk=512", QWEN_HALF, 22),
        (
            "one_gpu_lora",
            "cluster.colocate=true loop.max_staleness=0 rollout.kv_cache_gib=4 "
            "learner.logprob_chunk=512 learner.microbatch_tokens=2048",
            QWEN_7B,
            21,
        ),
    ],
)
def test_a_gpu_of_24_gib_holds_what_the_docs_say(
    name: str, overrides: str, model: dict[str, object], gib: int
) -> None:
    config = shipped(name, *overrides.split())
    roles = [need.role for need in needs(config)]
    config = with_room(Demand(config, networks(model), roles, Room(24.0))).config
    require_fit(Demand(config, networks(model), roles, Room(24.0)))
    assert plan(config, model, 24.0).fullest / GIB == pytest.approx(gib, abs=0.5)
    text = (ROOT / "docs" / "gpu.md").read_text()
    assert f"`configs/{name}.yaml`" in text
    assert f"`{overrides}`: {gib} of 24 GiB by the plan" in text
