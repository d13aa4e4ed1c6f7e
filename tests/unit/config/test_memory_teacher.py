"""A teacher of another size than the student in the memory plan: on a GPU of its own, on a share of
one, and on CPUs."""

import json
import re
from pathlib import Path

import pytest

from actors.memory import demand_of, planned
from actors.roles import needs
from actors.room import alike_nodes
from rlsys import hub
from rlsys.config.host_plan import Node
from rlsys.config.memory import GIB
from rlsys.config.memory_fit import require_fit
from rlsys.config.memory_plan import Demand, Plan, Room, plan_of
from rlsys.config.model_room import Model
from rlsys.config.networks import Networks
from rlsys.config.run import RunConfig
from rlsys.config.run_model import require_described, require_model
from rlsys.errors import ConfigError
from rlsys.local_policy.resolve import policy_network
from tests.helpers.known_models import QWEN_7B, QWEN_32B, QWEN_HALF, networks, networks_of
from tests.unit.config.test_memory_plan import shipped

TAUGHT = ("teacher.path=/teacher", "algorithm.kl.coefficient=0")
SHARED = (*TAUGHT, "reference.gpus=0", "teacher.gpus=0.1")
PARAMETERS = 28 * (2 * 3584 * (3584 + 512) + 3 * 3584 * 18944) + 2 * 152064 * 3584
"""Of QWEN_7B, by hand: 28 layers of attention and MLP, embedding and head."""
LAYER = 2 * 6 * 3584 + 2 * 2 * 3584 + 2 * (3 * 3584 + 2 * 512) + 4 * 28 + 4 * 2 * 18944
"""Bytes of a token in one of them, in bfloat16: norms, their results, attention, MLP."""


def roles(config: RunConfig) -> list[str]:
    return [need.role for need in needs(config)]


def plan(config: RunConfig, known: Networks, room: Room) -> Plan:
    found = plan_of(Demand(config, known, roles(config), room))
    assert found is not None
    return found


def of(teacher: Model) -> Networks:
    return networks(QWEN_HALF, teacher)


def refusal(config: RunConfig, known: Networks, room: Room) -> str:
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, known, roles(config), room))
    return str(caught.value)


def test_on_gpus_of_its_own_it_takes_weights_and_logits_of_its_own_size() -> None:
    two = ("teacher.gpus=1", "teacher.workers=2")
    config = shipped("one_node", *TAUGHT, *two)
    found = plan(config, of(QWEN_7B), Room(80.0))
    without = plan(shipped("one_node", "algorithm.kl.coefficient=0"), of(QWEN_7B), Room(80.0))
    assert found.gpus[:-2] == without.gpus
    (first,), (second,) = found.gpus[-2:]
    assert first == second
    assert (first.role, first.share) == ("teacher", 1.0)
    assert first.memory.weights == 2 * PARAMETERS == 15_230_566_400
    # 16 bytes for each of 2048 tokens and of its words, in which its layers' work is no more.
    assert first.memory.logits == 16 * 2048 * 152064
    assert first.memory.logits > 8192 * LAYER
    assert first.memory.activations == 0
    assert first.memory.total == 2 * PARAMETERS + 16 * 2048 * 152064 + 0.7 * GIB
    smaller = shipped("one_node", *TAUGHT, *two, "learner.logprob_chunk=512")
    (worker, *_) = plan(smaller, of(QWEN_7B), Room(80.0)).gpus[-1]
    assert worker.memory.activations + worker.memory.logits == 8192 * LAYER
    exact = shipped("one_node", *TAUGHT, *two, "teacher.dtype=float32")
    (worker, *_) = plan(exact, of(QWEN_7B), Room(80.0)).gpus[-1]
    assert worker.memory.weights == 4 * PARAMETERS
    student, teacher = "memory plan of 0.49 B parameters (qwen2)", "7.62 B parameters (qwen2)"
    assert found.lines()[0] == f"{student}; teacher {teacher}, GiB"
    assert without.lines()[0] == f"{student}, GiB"


def test_on_a_share_of_a_gpu_it_comes_on_top_of_who_else_is_there() -> None:
    config = shipped("one_gpu", *SHARED)
    (gpu,) = plan(config, of(QWEN_7B), Room(80.0)).gpus
    assert [member.role for member in gpu] == ["learner", "rollout", "teacher"]
    apart = plan(shipped("one_gpu", *SHARED, "teacher.gpus=1"), of(QWEN_7B), Room(80.0))
    together = plan(config, of(QWEN_7B), Room(80.0))
    assert [[member.role for member in one] for one in apart.gpus] == [
        ["learner", "rollout"],
        ["teacher"],
    ]
    most = sum(member.memory.total for member in gpu)
    assert together.fullest == most == apart.fullest + apart.gpus[1][0].memory.total


def test_on_cpus_weights_and_work_lie_in_its_nodes_memory_and_on_gpus_what_it_loads() -> None:
    on_cpus = [f"{role}.dtype=float32" for role in ("learner", "rollout", "teacher")]
    config = shipped("local", *TAUGHT, *on_cpus, "teacher.workers=2", "learner.logprob_chunk=512")
    found = plan(config, of(QWEN_7B), Room(nodes=[Node(128.0, cpus=8)]))
    teachers = [one for one in found.hosts[0].residents if one.role == "teacher"]
    assert len(teachers) == 2
    assert teachers[0].memory.weights == 4 * PARAMETERS
    # A layer in float32, whose shared keys are copied, is more than the logits of 512 tokens.
    layer = 2 * 8 * 3584 + 2 * 4 * 3584 + 4 * 5 * 3584 + 4 * 28 + 4 * 4 * 18944
    assert teachers[0].memory.work == 8192 * layer > 16 * 512 * 152064
    assert teachers[0].memory.process == 0.35 * GIB
    assert found.hosts[0].sum_line.startswith("a node of learner and rollout and verifier and t")
    config = shipped("one_gpu", *SHARED)
    (host,) = plan(config, of(QWEN_7B), Room(80.0, alike_nodes(needs(config), None, 1))).hosts
    (teacher,) = (one.memory for one in host.residents if one.role == "teacher")
    assert teacher.loading == 2 * PARAMETERS
    assert teacher.total == 2 * PARAMETERS + (0.35 + 1.5) * GIB


def test_a_run_that_fits_without_it_alone_is_refused_and_advised_a_gpu_of_its_own() -> None:
    without = shipped("one_gpu", "algorithm.kl.coefficient=0", "reference.gpus=0")
    require_fit(Demand(without, of(QWEN_7B), roles(without), Room(40.0)))
    told = refusal(shipped("one_gpu", *SHARED), of(QWEN_7B), Room(40.0))
    assert re.search(r"a GPU of learner and rollout and teacher: 4\d\.\d of 40\.0 GiB", told)
    ways = told.splitlines()[0].partition("nearest valid: ")[2].split(", or ")
    assert ways[-1] == "teacher.gpus=1"
    for way in ways:
        changed = shipped("one_gpu", *SHARED, *way.split())
        require_fit(Demand(changed, of(QWEN_7B), roles(changed), Room(40.0)))


def test_one_that_no_gpu_holds_is_named_with_the_gpu_that_would() -> None:
    config = shipped("one_node", *TAUGHT, "teacher.gpus=1")
    told = refusal(config, of(QWEN_32B), Room(48.0)).splitlines()[0]
    assert told.endswith(", or a smaller teacher")
    named = re.search(r"nearest valid: GPUs of (\d+) GiB(?: \(with (.*)\))?, or", told)
    assert named
    changed = shipped("one_node", *TAUGHT, "teacher.gpus=1", *(named[2] or "").split())
    require_fit(Demand(changed, of(QWEN_32B), roles(changed), Room(float(named[1]))))
    # One of the student's size is not what is too large.
    other = shipped("one_node", *TAUGHT, "teacher.gpus=1", "learner.lora.rank=8")
    assert "teacher" not in refusal(other, networks(QWEN_32B, QWEN_HALF), Room(8.0)).splitlines()[0]


def test_what_a_teacher_takes_too_much_of_is_advised_smaller() -> None:
    large = ("teacher.gpus=1", "teacher.dtype=float32", "teacher.microbatch_tokens=65536")
    config = shipped("one_node", *TAUGHT, *large)
    told = refusal(config, of(QWEN_7B), Room(40.0)).splitlines()[0].partition("valid: ")[2]
    assert "teacher.microbatch_tokens=" in told
    changed = shipped("one_node", *TAUGHT, *large, *told.partition(", or ")[0].split())
    require_fit(Demand(changed, of(QWEN_7B), roles(changed), Room(40.0)))


def test_a_node_without_room_for_it_is_named_with_its_size() -> None:
    config = shipped("local", *TAUGHT, "learner.dtype=float32")
    told = refusal(config, of(QWEN_7B), Room(nodes=[Node(24.0, cpus=2)])).splitlines()[0]
    named = re.search(r"nodes of (\d+) GiB(?: \(with (.*)\))?, or more learner\.ranks, or a", told)
    assert named
    assert told.endswith(", or a smaller teacher")
    changed = shipped("local", *TAUGHT, "learner.dtype=float32", *(named[2] or "").split())
    enough = Room(nodes=[Node(float(named[1]), cpus=2)])
    require_fit(Demand(changed, of(QWEN_7B), roles(changed), enough))


def test_of_unknown_size_it_is_left_out_and_a_line_says_why() -> None:
    config = shipped("one_gpu", *SHARED)
    room = Room(40.0, alike_nodes(needs(config), 64.0, 1))
    found = require_fit(Demand(config, of({"model_type": "gpt2"}), roles(config), room))
    without = shipped("one_gpu", "algorithm.kl.coefficient=0", "reference.gpus=0")
    rest = plan(without, networks(QWEN_HALF), room)
    note = "note: teacher is not in the memory plan: the sizes of 'gpt2' are not known here"
    assert found is not None
    assert found.lines() == [*rest.lines(), note]
    assert found.sum_lines() == [*rest.sum_lines(), note]


def test_a_run_on_cpus_says_who_is_not_in_its_plan(tmp_path: Path) -> None:
    for name, model in (("student", QWEN_HALF), ("teacher", {"model_type": "gpt2"})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(model))
    room = Room(nodes=[Node(64.0, cpus=2)])
    paths = (f"model.path={tmp_path / 'student'}", f"teacher.path={tmp_path / 'teacher'}")
    config = shipped("local", *paths, "learner.dtype=float32")
    lines = planned(demand_of(config, policy_network(config), room))
    assert [line.partition(":")[0] for line in lines] == ["memory plan", "note"]
    assert "teacher" not in lines[0]
    assert lines[1].endswith(": the sizes of 'gpt2' are not known here")
    (tmp_path / "teacher" / "config.json").write_text(json.dumps(QWEN_32B))
    with pytest.raises(ConfigError, match="or a smaller teacher"):
        planned(demand_of(config, policy_network(config), room))


def test_each_role_has_its_network_by_its_own_config_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "silence", lambda: "nobody answers")
    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    config = shipped("one_gpu", f"teacher.path={tmp_path}")
    found = networks_of(config, str(tmp_path))
    assert found.of("teacher").shape.parameters == PARAMETERS
    assert found.of("reference") is found.policy
    gone = shipped("one_gpu", "teacher.path=no/such/teacher")
    teacher = networks_of(gone, str(tmp_path)).of("teacher")
    assert not teacher.is_known
    assert teacher.unknown == (
        "teacher.path='no/such/teacher': neither a model directory, nor does the hub give its "
        "config.json: nobody answers"
    )
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"teacher\.path=.*: its config\.json is a list"):
        networks_of(config, "no/such/policy")


def test_the_local_policy_teaches_nothing() -> None:
    with pytest.raises(ConfigError, match=r"^teacher\.path='local': the small local policy"):
        require_model(shipped("local", "teacher.path=local"))


def test_a_stage_that_does_not_read_the_section_has_no_teacher(tmp_path: Path) -> None:
    """As where stages of a recipe share a config."""
    (tmp_path / "config.json").write_text(json.dumps(QWEN_HALF))
    paths = (f"model.path={tmp_path}", "teacher.path=no/such/teacher", "model.max_context=512")
    config = shipped("sft", *paths)
    require_described(config)
    assert networks_of(config, str(tmp_path)).own == {}


@pytest.mark.parametrize(
    ("teacher", "told"),
    [
        ({"max_position_embeddings": 256}, r"model\.max_context=1024: the positions end .* at 256"),
        ({"quantization_config": {"quant_method": "fp8"}}, r"teacher\.path='.*' .*: .*quanti[sz]"),
        (
            {"model_type": "t5", "is_encoder_decoder": True},
            r"teacher\.path='.*' .*: .*encoder-decoder",
        ),
    ],
)
def test_a_teacher_that_cannot_read_what_the_student_writes_is_refused(
    tmp_path: Path, teacher: Model, told: str
) -> None:
    for name, model in (("student", QWEN_HALF), ("teacher", QWEN_7B | teacher)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(model))
    paths = (f"model.path={tmp_path / 'student'}", f"teacher.path={tmp_path / 'teacher'}")
    with pytest.raises(ConfigError, match=told):
        require_described(shipped("one_gpu", *paths, "model.max_context=1024"))
