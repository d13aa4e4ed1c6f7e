"""Models that verifiers load in the memory plan: shared in a worker, on its GPU or in its node."""

import json
import re
from pathlib import Path

import pytest

from actors.memory import demand_of, planned
from actors.roles import needs
from actors.room import alike_nodes
from rlsys import hub
from rlsys.config.graders import graders_of
from rlsys.config.host_memory import HostMemory
from rlsys.config.host_plan import Node
from rlsys.config.memory import GIB
from rlsys.config.memory_fit import require_fit
from rlsys.config.memory_plan import Demand, Plan, Room, plan_of
from rlsys.config.model_room import Model
from rlsys.config.networks import Networks
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.local_policy.resolve import policy_network
from tests.helpers.known_models import QWEN_7B, QWEN_HALF, networks_of
from tests.unit.config.test_memory_plan import shipped

HALF = QWEN_HALF | {"dtype": "bfloat16"}
LARGE = QWEN_7B | {"torch_dtype": "float16"}
PARAMETERS = 28 * (2 * 3584 * (3584 + 512) + 3 * 3584 * 18944) + 152064 * 3584
"""Of QWEN_7B as a classifier, by hand: 28 layers of attention and MLP, and the embedding."""
LAYER = 2 * 6 * 3584 + 2 * 2 * 3584 + 5 * 2 * 3584 + 4 * 28 + 4 * 2 * 18944
"""Bytes of a token in one of them, in 16 bits: norms, their results, attention with copies of
shared keys, MLP."""
ON_CPUS = ("learner.dtype=float32", "rollout.dtype=float32", "reference.dtype=float32")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders here of models, by their config.json; the hub has none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "silence", lambda: "nobody answers")
    for name, model in (("half", HALF), ("large", LARGE), ("other", {"model_type": "gpt2"})):
        save(Path(name), model)


def save(folder: Path, model: Model) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(model))


def graded(name: str, options: list[str], *overrides: str) -> RunConfig:
    """A shipped config with a reward for each of such options: `reward_model {model: large}`."""
    rewards = [
        f"{{name: R{n}, verifier: {kind}, weight: 0.1, options: {rest}}}"
        for n, (kind, _, rest) in enumerate(one.partition(" ") for one in options)
    ]
    return shipped(name, f"verifiers.rewards=[{', '.join(rewards)}]", *overrides)


def roles(config: RunConfig) -> list[str]:
    return [need.role for need in needs(config)]


def plan(config: RunConfig, room: Room) -> Plan:
    found = plan_of(Demand(config, networks_of(config, "half"), roles(config), room))
    assert found is not None
    return found


def verifier_of(config: RunConfig) -> HostMemory:
    found = plan(config, Room(nodes=[Node(256.0, cpus=16)]))
    return next(one.memory for one in found.hosts[0].residents if one.role == "verifier")


def refusal(config: RunConfig, room: Room) -> str:
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, networks_of(config, "half"), roles(config), room))
    return str(caught.value)


def test_rewards_with_one_model_on_one_device_share_it() -> None:
    options = [
        "reward_model {model: large, part: answer}",
        "math {}",
        "reward_model {model: large, part: whole, batch_tokens: 512, max_tokens: 16384}",
        "reward_model {model: large, device: cuda}",
        "fluency {model: large, device: 'cuda:1'}",
        "fluency {model: ''}",
    ]
    config = graded("local", options, "verifiers.gpus_per_worker=2")
    first, second, third = graders_of(config.verifiers)
    assert (first.reward, first.gpu, first.is_classifier, first.tokens) == ("R0", None, True, 16384)
    assert first.named.startswith("verifiers.rewards[0].options.model='")
    assert (second.reward, second.gpu, second.tokens) == ("R3", 0, 8192)
    assert (third.reward, third.gpu, third.is_classifier, third.tokens) == ("R4", 1, False, 2048)


def test_on_cpus_a_classifier_takes_weights_without_a_head_of_words_and_a_layer_at_work() -> None:
    plain = verifier_of(graded("local", ["math {}"], *ON_CPUS))
    assert plain == HostMemory(process=0.1 * GIB)
    found = verifier_of(graded("local", ["reward_model {model: large}"], *ON_CPUS))
    assert found.weights == 2 * PARAMETERS == 14_140_571_648
    assert found.work == 8192 * LAYER
    assert found.process == 0.35 * GIB
    assert found.loading == 0
    save(Path("large"), QWEN_7B)
    exact = verifier_of(graded("local", ["reward_model {model: large}"], *ON_CPUS))
    assert exact.weights == 4 * PARAMETERS


def test_on_cpus_an_evaluator_takes_logits_of_all_tokens_of_a_batch() -> None:
    options = "fluency {model: half, batch_tokens: 4096}"
    found = verifier_of(graded("local", [options], *ON_CPUS))
    layers = 24 * (2 * 896 * (896 + 128) + 3 * 896 * 4864)
    assert found.weights == 2 * (layers + 151936 * 896)
    assert found.work == 8 * 4096 * 151936


def test_several_models_lie_there_together_and_one_of_them_works_at_a_time() -> None:
    large, half = "reward_model {model: large}", "fluency {model: half}"
    one, other, both = (
        verifier_of(graded("local", options, *ON_CPUS))
        for options in ([large], [half], [large, half])
    )
    assert both.weights == one.weights + other.weights
    assert both.work == max(one.work, other.work)
    assert both.process == one.process


def test_on_a_share_of_a_gpu_it_comes_on_top_and_what_it_loads_goes_through_the_node() -> None:
    shares = ("learner.gpus=0.4", "verifiers.gpus_per_worker=0.1")
    config = graded("one_gpu", ["reward_model {model: large, device: cuda}"], *shares)
    found = plan(config, Room(80.0, alike_nodes(needs(config), None, 1)))
    (gpu,) = found.gpus
    assert [member.role for member in gpu] == ["learner", "rollout", "verifier", "reference"]
    needed = gpu[2].memory
    assert (needed.weights, needed.activations) == (2 * PARAMETERS, 8192 * LAYER)
    assert needed.total == 2 * PARAMETERS + 8192 * LAYER + 0.7 * GIB
    (host,) = found.hosts
    (worker,) = (one.memory for one in host.residents if one.role == "verifier")
    assert worker == HostMemory(process=(0.35 + 1.5) * GIB, loading=2 * PARAMETERS)
    half, large = "0.49 B parameters (qwen2)", "7.07 B parameters (qwen2)"
    assert found.lines()[0] == f"memory plan of {half}; R0 {large}, GiB"
    assert found.sum_lines()[0] == f"{half}; R0 {large}"


def test_each_gpu_of_a_worker_has_the_models_that_lie_on_it() -> None:
    options = ["reward_model {model: large, device: cuda}", "fluency {model: half, device: cuda:1}"]
    config = graded("one_node", options, "verifiers.gpus_per_worker=2", "verifiers.workers=2")
    gpus = [gpu for gpu in plan(config, Room(80.0)).gpus if gpu[0].role == "verifier"]
    assert [len(gpu) for gpu in gpus] == [1, 1, 1, 1]
    first, second, *others = [member.memory for (member,) in gpus]
    assert others == [first, second]
    assert first.weights == 2 * PARAMETERS
    assert second.logits == 8 * 2048 * 151936


def test_workers_that_a_node_has_no_room_for_are_refused_and_fewer_advised() -> None:
    options = ["reward_model {model: large}"]
    settings = (*ON_CPUS, "verifiers.workers=4", "verifiers.memory_mb=32768")
    config, room = graded("local", options, *settings), Room(nodes=[Node(112.0, cpus=8)])
    told = refusal(config, room)
    assert re.search(r"verifier x 4 +1\.4 +52\.7", told)
    ways = told.splitlines()[0].partition("nearest valid: ")[2].split(", or ")
    assert "verifiers.workers=3" in ways
    for way in ways:
        changed = graded("local", options, *settings, *way.split())
        require_fit(Demand(changed, networks_of(changed, "half"), roles(changed), room))
    # One is too large for this node.
    none = refusal(config, Room(nodes=[Node(24.0, cpus=8)])).splitlines()[0]
    assert none.endswith(", or smaller models of verifiers")
    math = graded("local", ["math {}"], *settings)
    assert "verifier" not in refusal(math, Room(nodes=[Node(2.0, cpus=8)])).splitlines()[0]


@pytest.mark.parametrize(
    ("device", "shares", "room", "elsewhere"),
    [
        ("cpu", "verifiers.gpus_per_worker=0", Room(80.0, [Node(12.0, gpus=8)]), "cuda"),
        ("cuda", "verifiers.gpus_per_worker=1", Room(14.0), "cpu"),
    ],
)
def test_one_that_is_too_large_for_a_place_is_advised_the_other(
    device: str, shares: str, room: Room, elsewhere: str
) -> None:
    options = [f"reward_model {{model: large, device: {device}}}"]
    told = refusal(graded("one_node", options, shares, "verifiers.workers=1"), room)
    first = told.splitlines()[0]
    assert first.endswith(f", or smaller models of verifiers or their option device: {elsewhere}")


def test_a_share_of_a_gpu_that_is_too_little_is_advised_a_whole_one() -> None:
    options = ["reward_model {model: large, device: cuda}"]
    shares = ("learner.gpus=0.4", "verifiers.gpus_per_worker=0.1")
    told = refusal(graded("one_gpu", options, *shares), Room(40.0))
    assert "a GPU of learner and rollout and verifier and reference: " in told
    ways = told.splitlines()[0].partition("nearest valid: ")[2].split(", or ")
    assert ways[-1] == "verifiers.gpus_per_worker=1"
    for way in ways:
        changed = graded("one_gpu", options, *shares, *way.split())
        require_fit(Demand(changed, networks_of(changed, "half"), roles(changed), Room(40.0)))


def test_a_guard_that_would_end_what_has_loaded_is_refused_with_one_that_does_not() -> None:
    options, room = ["reward_model {model: large}"], Room(nodes=[Node(112.0, cpus=8)])
    told = refusal(graded("local", options, *ON_CPUS), room)
    assert told.startswith("verifiers.memory_mb=8192: with the models of R0 on the CPU the ver")
    assert "has 13.5 GiB at rest" in told
    nearest = told.rpartition("nearest valid: ")[2]
    changed = graded("local", options, *ON_CPUS, f"verifiers.memory_mb={nearest}")
    require_fit(Demand(changed, networks_of(changed, "half"), roles(changed), room))
    on_a_gpu = graded(
        "one_node",
        ["reward_model {model: large, device: cuda}"],
        "verifiers.gpus_per_worker=1",
    )
    require_fit(Demand(on_a_gpu, networks_of(on_a_gpu, "half"), roles(on_a_gpu), Room(80.0)))


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("other", "the sizes of 'gpt2' are not known here"),
        (
            "no/such/rm",
            "verifiers.rewards[0].options.model='no/such/rm': neither a model directory, nor does "
            "the hub give its config.json: nobody answers",
        ),
        ("packed", "its weights are quantized"),
    ],
)
def test_of_unknown_size_it_is_left_out_and_a_line_says_why(model: str, why: str) -> None:
    save(Path("packed"), LARGE | {"quantization_config": {"quant_method": "awq"}})
    config = graded("local", [f"reward_model {{model: {model}}}"], *ON_CPUS)
    found = plan(config, Room(nodes=[Node(112.0, cpus=8)]))
    (note,) = found.notes
    assert note.startswith("note: the model of R0 is not in the memory plan: ")
    assert note.endswith(why)
    assert found.lines()[-1] == found.sum_lines()[-1] == note
    assert "R0" not in found.lines()[0]
    # It has loaded torch, whatever else.
    assert verifier_of(config) == HostMemory(process=0.35 * GIB)


def test_a_run_on_cpus_is_refused_where_its_nodes_do_not_hold_its_verifiers() -> None:
    room = Room(nodes=[Node(96.0, cpus=2)])
    options = ["reward_model {model: half}"]
    config = graded("local", options, "model.path=half", *ON_CPUS)
    lines = planned(demand_of(config, policy_network(config), room))
    assert [line.partition(":")[0] for line in lines] == ["memory plan"]
    config.verifiers.workers = 64
    with pytest.raises(ConfigError, match=r"verifiers\.workers=2\d"):
        planned(demand_of(config, policy_network(config), room))


def test_stages_without_verifier_workers_look_at_none() -> None:
    wrong = ["reward_model {model: damaged}"]
    Path("damaged").mkdir()
    config = graded("sft", wrong, "sft.train=chains.jsonl", "data.train=''")
    assert networks_of(config, "half").graders == {}
    for name in ("local", "sample"):
        with pytest.raises(ConfigError, match=r"rewards\[0\].*the directory has no config\.json"):
            networks_of(graded(name, wrong), "half")
    assert Networks(networks_of(config, "half").policy).graders == {}
