"""The memory plan: known models on known GPUs, what shares one, and what to change."""

import re

import pytest

from actors.roles import needs
from actors.room import smallest
from rlsys.config.host_plan import Node
from rlsys.config.load import CONFIGS, load
from rlsys.config.memory import GIB
from rlsys.config.memory_fit import require_fit, with_room
from rlsys.config.memory_plan import SPARE, Demand, Plan, Room, plan_of
from rlsys.config.run import Publish, RunConfig, Transport
from rlsys.config.validate import validate
from rlsys.errors import ConfigError
from tests.helpers.known_models import QWEN_7B, QWEN_30B_A3B, QWEN_32B, QWEN_HALF, demand, networks


def shipped(name: str, *overrides: str) -> RunConfig:
    return load(CONFIGS / f"{name}.yaml", list(overrides))


def plan(config: RunConfig, model: dict[str, object], gib: float = 80.0) -> Plan:
    found = plan_of(demand(config, model, Room(gib)))
    assert found is not None
    return found


def test_one_gpu_holds_all_roles_of_its_config_on_the_40_gib_that_it_names() -> None:
    found = plan(shipped("one_gpu"), QWEN_HALF, 40.0)
    assert [[member.role for member in gpu] for gpu in found.gpus] == [
        ["learner", "rollout", "reference"]
    ]
    assert found.networks.policy.shape.parameters == pytest.approx(0.494e9, rel=0.01)
    assert found.fits


@pytest.mark.parametrize("name", ["one_node", "two_nodes"])
@pytest.mark.parametrize("transport", [Transport.object_store, Transport.nccl])
def test_nodes_of_8_gpus_hold_the_7_billion_that_their_configs_name(
    name: str, transport: Transport
) -> None:
    assert plan(shipped(name, f"weights.transport={transport.value}"), QWEN_7B).fits


def test_one_node_holds_32_billion_with_an_adapter() -> None:
    found = plan(shipped("one_node_lora"), QWEN_32B)
    assert found.fits
    assert found.networks.policy.shape.parameters == pytest.approx(32.8e9, rel=0.01)
    assert [[member.role for member in gpu] for gpu in found.gpus] == 4 * [["learner"]] + 4 * [
        ["rollout"]
    ]
    assert not plan(shipped("one_node_lora", "learner.lora=null"), QWEN_32B).fits


def test_two_nodes_hold_30_billion_parameters_of_which_a_token_meets_3() -> None:
    found = plan(shipped("two_nodes_experts"), QWEN_30B_A3B)
    assert found.fits
    assert found.networks.policy.shape.parameters == pytest.approx(30.5e9, rel=0.01)
    assert found.networks.policy.shape.active_parameters == pytest.approx(3.35e9, rel=0.01)
    config = shipped("two_nodes_experts")
    roles = [need.role for need in needs(config)]
    for gib, fits in ((1024.0, True), (512.0, False)):
        there = plan_of(
            Demand(config, networks(QWEN_30B_A3B), roles, Room(80.0, 2 * [Node(gib, gpus=8)]))
        )
        assert there is not None
        assert there.fits is fits
    top = (CONFIGS / "two_nodes_experts.yaml").read_text().splitlines()[0]
    assert "1 TiB of the CPU's memory on each" in top
    assert found.lines()[0].startswith("memory plan of 30.5")
    assert "of which a token meets 3.3" in found.lines()[0]
    assert len(found.gpus) == 16
    # Held by all ranks of one node together it is too much with the optimizer beside it.
    assert not plan(shipped("two_nodes_experts", "learner.offload=none"), QWEN_30B_A3B).fits


def test_a_small_policy_is_counted_in_millions() -> None:
    small = QWEN_7B | {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4}
    title = plan(shipped("one_gpu"), small | {"vocab_size": 8192}).lines()[0]
    assert re.match(r"memory plan of \d+\.\d M parameters", title)
    assert plan(shipped("one_gpu"), QWEN_7B).lines()[0].startswith("memory plan of 7.62 B ")


def test_two_nodes_hold_a_model_of_7_billion_only_with_checkpointing() -> None:
    assert plan(shipped("two_nodes"), QWEN_7B).fits
    without = shipped("two_nodes", "learner.gradient_checkpointing=false")
    with pytest.raises(ConfigError) as caught:
        require_fit(demand(without, QWEN_7B, Room(80.0)))
    message = str(caught.value)
    gpus = "GPUs of 80.0 GiB (2.4 kept free)"
    assert message.startswith(f"the fleet does not fit on {gpus}; nearest valid: ")
    assert "learner.gradient_checkpointing=true" in message.splitlines()[0]
    assert re.search(r"a GPU of learner: 1\d\d\.\d of 80\.0 GiB \(2\.4 kept free\)", message)


def test_what_is_advised_fits() -> None:
    config = shipped("one_gpu", "learner.gradient_checkpointing=false")
    roles = [need.role for need in needs(config)]
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, networks(QWEN_7B | {"num_hidden_layers": 8}), roles, Room(60.0)))
    first = str(caught.value).splitlines()[0]
    ways = first.partition("nearest valid: ")[2].split(", or ")
    assert ["lora" in way for way in ways] == [False, True]
    for way in ways:
        changed = shipped("one_gpu", "learner.gradient_checkpointing=false", *way.split())
        require_fit(
            Demand(changed, networks(QWEN_7B | {"num_hidden_layers": 8}), roles, Room(60.0))
        )


def test_one_gpu_holds_7_billion_with_an_adapter_and_no_reference() -> None:
    found = plan(shipped("one_gpu_lora"), QWEN_7B)
    assert [[member.role for member in gpu] for gpu in found.gpus] == [["learner", "rollout"]]
    assert found.fits
    (learner, _), *_ = found.gpus
    # A and B of rank 32 on the seven layers of each of 28: 80.7 M numbers.
    adapter = 28 * 32 * (2 * 7168 + 2 * (3584 + 512) + 3 * (3584 + 18944))
    assert adapter == 80_740_352
    assert learner.memory.weights == pytest.approx(2 * (7.615e9 + adapter), rel=0.01)
    assert learner.memory.gradients == 4 * adapter
    assert learner.memory.optimizer == 12 * adapter
    # Even where the roles name it.
    everybody = plan_of(
        Demand(
            shipped("one_gpu_lora"),
            networks(QWEN_7B),
            ["learner", "rollout", "reference"],
            Room(80),
        )
    )
    assert everybody == found
    whole = shipped("one_gpu_lora", "learner.lora=null")
    with pytest.raises(ConfigError, match=r", or learner\.lora\.rank=16\n"):
        require_fit(demand(whole, QWEN_7B, Room(80.0)))


def test_a_reference_that_the_ranks_hold_is_shared_out_as_the_policy_is() -> None:
    config = shipped("two_nodes", "learner.zero_stage=3", "learner.holds_reference=true")
    found = plan(config, QWEN_7B)
    assert "reference" not in {member.role for gpu in found.gpus for member in gpu}
    assert found.gpus[0][0].memory.weights == pytest.approx(2 * 15.2e9 / 8, rel=0.01)
    alone = plan(shipped("two_nodes", "learner.zero_stage=3"), QWEN_7B)
    assert alone.gpus[0][0].memory.weights == pytest.approx(15.2e9 / 8, rel=0.01)


def test_where_the_reference_alone_is_too_large_the_ranks_are_advised_to_hold_it() -> None:
    config = shipped("two_nodes", "rollout.tensor_parallel=2", "rollout.gpus=2")
    roles = [need.role for need in needs(config)]
    model = QWEN_7B | {"num_hidden_layers": 100}
    with pytest.raises(ConfigError, match=r"learner\.holds_reference=true") as caught:
        require_fit(Demand(config, networks(model), roles, Room(40.0)))
    way = str(caught.value).splitlines()[0].partition("nearest valid: ")[2].split(", or ")[0]
    changed = shipped("two_nodes", "rollout.tensor_parallel=2", "rollout.gpus=2", *way.split())
    require_fit(demand(changed, model, Room(40.0)))


def test_a_penalty_in_the_reward_of_completions_keeps_the_reference() -> None:
    """It is counted before the completions come to the learner."""
    kl = ("algorithm.kl.placement=reward", "algorithm.kl.estimator=k1", "reference.gpus=0.0")
    for more, is_there in (((), True), (("algorithm=reinforce_pp",), False)):
        config = shipped("one_gpu_lora", *more, *kl)
        assert ("reference" in [need.role for need in needs(config)]) == is_there
    assert "reference" not in [need.role for need in needs(shipped("one_gpu_lora"))]


def test_a_model_that_no_setting_makes_fit_names_the_gpu_that_it_needs() -> None:
    config = shipped("one_gpu")
    with pytest.raises(ConfigError, match=r"nearest valid: GPUs of \d+ GiB \(with "):
        require_fit(
            Demand(
                config,
                networks(QWEN_7B | {"num_hidden_layers": 80}),
                ["learner", "rollout"],
                Room(40.0),
            )
        )


def test_an_engine_of_its_own_fills_its_share_of_the_gpu() -> None:
    found = plan(shipped("two_nodes", "weights.transport=object_store"), QWEN_7B)
    (engine,) = next(gpu for gpu in found.gpus if gpu[0].role == "rollout")
    assert engine.memory.weights == pytest.approx(15.2e9, rel=0.01)
    # The update's bucket comes on top of the share.
    assert engine.memory.total / GIB == pytest.approx(0.9 * 80 + 0.25, rel=0.01)


def test_tensor_parallelism_divides_an_engine_over_its_gpus() -> None:
    config = shipped("two_nodes", "rollout.tensor_parallel=2", "rollout.gpus=2")
    found = plan(config, QWEN_7B)
    engines = [gpu for gpu in found.gpus if gpu[0].role == "rollout"]
    assert len(engines) == 12
    assert engines[0][0].memory.weights == pytest.approx(15.2e9 / 2, rel=0.01)


def test_sharding_and_offloading_take_from_each_rank_what_they_say() -> None:
    def learner(*overrides: str):
        found = plan(shipped("two_nodes", *overrides), QWEN_7B)
        return found.gpus[0][0].memory

    sharded, whole = learner(), learner("learner.zero_stage=1")
    assert whole.weights == pytest.approx(8 * sharded.weights)
    # Sharded they are in float32, whole in bfloat16.
    assert whole.gradients == pytest.approx(4 * sharded.gradients)
    assert whole.optimizer == sharded.optimizer == pytest.approx(12 * 7.615e9 / 8, rel=0.01)
    assert learner("learner.offload=optimizer").optimizer == 0
    assert learner("learner.offload=parameters").weights == 0


def test_nccl_costs_four_buckets_at_both_ends_and_the_largest_tensor_at_one() -> None:
    config = shipped("two_nodes", "weights.transport=object_store")
    before = plan(config, QWEN_7B)
    config.weights.transport = Transport.nccl
    after = plan(config, QWEN_7B)
    embedding = 152064 * 3584 * 2
    for was, now in zip(before.gpus, after.gpus, strict=True):
        more = now[0].memory.buffers - was[0].memory.buffers
        wanted = {"learner": 3 * 256 << 20, "rollout": (3 * 256 << 20) + embedding, "reference": 0}
        assert more == wanted[now[0].role]


def test_weights_that_leave_beside_a_step_lie_twice_on_the_first_rank() -> None:
    store = ("weights.transport=object_store", "learner.zero_stage=2")
    found = plan(shipped("one_node", *store), QWEN_7B)
    assert plan(shipped("one_node", *store, "weights.publish=beside_step"), QWEN_7B) == found
    first, *others = [gpu[0].memory for gpu in found.gpus if gpu[0].role == "learner"]
    assert first.copy == pytest.approx(15.2e9, rel=0.01)
    assert {other.copy for other in others} == {0}
    assert first.total == pytest.approx(others[0].total + first.copy)
    # Sharded weights stay shared out, unless somebody says otherwise.
    sharded = shipped("one_node", "weights.transport=object_store", "learner.zero_stage=3")
    assert plan(sharded, QWEN_7B).gpus[0][0].memory.copy == 0
    sharded.weights.publish = Publish.beside_step
    assert plan(sharded, QWEN_7B).gpus[0][0].memory.copy == first.copy


def test_where_the_copy_is_too_much_weights_are_advised_to_leave_first() -> None:
    config = shipped("one_gpu")
    roles = [need.role for need in needs(config)]
    least = plan(config, QWEN_HALF, 40.0).fullest / GIB / SPARE
    require_fit(Demand(config, networks(QWEN_HALF), roles, Room(least + 0.1)))
    with pytest.raises(ConfigError, match=r"nearest valid: weights\.publish=before_step, or "):
        require_fit(Demand(config, networks(QWEN_HALF), roles, Room(least - 0.1)))
    require_fit(
        Demand(
            shipped("one_gpu", "weights.publish=before_step"),
            networks(QWEN_HALF),
            roles,
            Room(least - 0.1),
        )
    )


def test_where_the_copy_is_too_much_auto_does_without() -> None:
    config = shipped("one_gpu")
    roles = [need.role for need in needs(config)]
    least = plan(config, QWEN_HALF, 40.0).fullest / GIB / SPARE
    assert with_room(Demand(config, networks(QWEN_HALF), roles, Room(least + 0.1))).config == config
    smaller = with_room(Demand(config, networks(QWEN_HALF), roles, Room(least - 0.1))).config
    assert smaller == shipped("one_gpu", "weights.publish=before_step")
    # Where that is not enough either, it is not what is to be changed.
    assert with_room(Demand(config, networks(QWEN_HALF), roles, Room(least / 2))).config == config
    asked = shipped("one_gpu", "weights.publish=beside_step", "weights.transport=object_store")
    assert with_room(Demand(asked, networks(QWEN_HALF), roles, Room(least - 0.1))).config == asked


def test_by_turns_the_larger_turn_counts_and_what_the_other_leaves() -> None:
    cache = "rollout.kv_cache_gib=50"
    together = plan(shipped("one_gpu_turns", cache, "cluster.colocate=false"), QWEN_7B)
    by_turns = plan(shipped("one_gpu_turns", cache), QWEN_7B)
    assert by_turns.gpus == together.gpus
    learner, sampler = (member.memory for member in by_turns.gpus[0])
    assert together.fullest == learner.total + sampler.total
    # CUDA of both processes, and the sampler's graphs.
    assert by_turns.fullest / GIB == pytest.approx(sampler.total / GIB + 0.7)
    assert not together.fits
    assert by_turns.fits
    assert plan(shipped("one_gpu_turns"), QWEN_7B).fits
    assert by_turns.lines()[-1].startswith("a GPU of learner and rollout by turns: ")
    smaller = plan(shipped("one_gpu_turns", "rollout.kv_cache_gib=1"), QWEN_7B)
    assert smaller.fullest / GIB == pytest.approx(learner.total / GIB + 0.7 + 1.5)


def test_who_always_has_a_share_is_counted_in_either_turn() -> None:
    lent = ("learner.holds_reference=false", "reference.gpus=0.0")
    apart = plan(shipped("one_gpu_turns", *lent), QWEN_HALF)
    beside = plan(
        shipped("one_gpu_turns", *lent[:1], "rollout.gpus=0.4", "reference.gpus=0.1"), QWEN_HALF
    )
    (reference,) = (m.memory for m in beside.gpus[0] if m.role == "reference")
    assert beside.fullest == pytest.approx(apart.fullest + reference.total)


def test_of_answers_that_no_rank_has_room_for_several_are_advised_to_hold_one() -> None:
    long = ("model.max_context=262144", "learner.microbatch_tokens=262144")
    config = shipped("two_nodes", *long)
    roles = [need.role for need in needs(config)]
    with pytest.raises(ConfigError, match="nearest valid: ") as caught:
        require_fit(Demand(config, networks(QWEN_7B), roles, Room(80.0)))
    way = str(caught.value).splitlines()[0].partition("nearest valid: ")[2].split(", or ")[0]
    assert way == "learner.sequence_parallel=4"
    assert plan(shipped("two_nodes", *long, *way.split()), QWEN_7B).fits


def test_turns_are_advised_where_they_make_it_fit() -> None:
    settings = ("learner.offload=optimizer", "reference.gpus=0.0", "algorithm.kl.coefficient=0")
    config = shipped("one_gpu", *settings)
    roles = [need.role for need in needs(config)]
    with pytest.raises(ConfigError, match=r"cluster\.colocate=true") as caught:
        require_fit(Demand(config, networks(QWEN_7B), roles, Room(30.0)))
    way = str(caught.value).splitlines()[0].partition("nearest valid: ")[2].split(", or ")[0]
    changed = shipped("one_gpu", *settings, *way.split())
    validate(changed)
    require_fit(Demand(changed, networks(QWEN_7B), roles, Room(30.0)))


def test_a_model_of_another_kind_and_a_run_on_cpus_have_no_plan() -> None:
    other = networks({"model_type": "gpt2"})
    assert plan_of(Demand(shipped("one_gpu"), other, ["learner"], Room(80.0))) is None
    known = networks(QWEN_HALF)
    assert plan_of(Demand(shipped("local"), known, ["learner", "rollout"], Room(80.0))) is None


def test_of_several_gpus_the_smallest_counts() -> None:
    assert smallest("81559, NVIDIA H100\n40960, NVIDIA A100\n") == (40.0, "NVIDIA A100")
    assert smallest("") is None
    assert smallest("NVIDIA-SMI has failed, it says\n") is None


def test_the_batch_that_a_large_gpu_takes_is_counted_beside_a_cache_of_a_given_size() -> None:
    def sampler(gib: float, *overrides: str) -> float:
        config = shipped("one_gpu_lora", "rollout.kv_cache_gib=4", *overrides)
        return plan(config, QWEN_7B, gib).gpus[0][1].memory.buffers

    # Twice the prompts, 8192 tokens more, in a layer; four times the completions, 768 more.
    more = 8192 * 2 * (2 * 3584 + 3 * 18944) + 12 * 768 * 152064
    assert sampler(80.0) - sampler(48.0) == pytest.approx(more)
    smaller = "rollout.engine_options={max_num_batched_tokens: 8192}"
    assert sampler(80.0, smaller, "rollout.max_sequences=256") == sampler(48.0)
