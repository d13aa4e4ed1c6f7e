"""A learner's experts: what it counts, how it balances them, and what it replays."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from rlsys import schema
from rlsys.config.experts import ExpertsConfig, Replay
from rlsys.config.run import LearnerConfig, Precision
from rlsys.errors import ConfigError
from rlsys.learning import checkpoint
from rlsys.learning.experts import Experts
from rlsys.learning.layout import lay_out
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.policy import hidden_states
from rlsys.learning.ranks import Ranks
from rlsys.learning.routing import BIAS, Routers
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.learners import in_float32, learner_of, on_ranks, one_rank
from tests.helpers.tiny_models import ARCHITECTURES, VOCABULARY, build

pytestmark = pytest.mark.slow

ROUTED = ("qwen2_moe", "qwen3_moe", "mixtral", "olmoe", "granitemoe")
BIASED = ("deepseek_v3", "glm4_moe")
ROWS = 6


@pytest.fixture(autouse=True)
def one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    kinds = {one.kind: one for one in ARCHITECTURES}
    made = ("qwen3_moe", "deepseek_v3")
    for kind in made:
        build(kinds[kind], folder / kind)
    return {kind: folder / kind for kind in made}


def demonstrations() -> pa.RecordBatch:
    rng = np.random.default_rng(5)
    columns = {
        "prompt_token_ids": [rng.integers(5, VOCABULARY, n) for n in rng.integers(1, 9, ROWS)],
        "token_ids": [rng.integers(5, VOCABULARY, n) for n in rng.integers(2, 12, ROWS)],
        "loss_weights": [None] * ROWS,
    }
    return schema.build(schema.DEMONSTRATIONS, columns)


def config(**settings: Any) -> LearnerConfig:
    own = {name: settings.pop(name) for name in list(settings) if name in vars(ExpertsConfig())}
    return in_float32(LearnerConfig(experts=ExpertsConfig(**own), **settings))


def learner(folder: Path, **settings: Any) -> Learner:
    return learner_of(folder, CrossEntropy(), one_rank(config(**settings)))


def router_weights(of: Learner) -> torch.Tensor:
    return torch.cat([m.weight.detach().flatten() for m in of.experts.routers.modules])


def biases(of: Learner) -> list[torch.Tensor]:
    return [getattr(m, BIAS).clone() for m in of.experts.routers.modules]


def chosen_alone(folder: Path) -> torch.Tensor:
    """[L, E] load of the demonstrations, each row by itself under transformers' own attention."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    routers = Routers(model, proves=False)
    load = torch.zeros(len(routers), routers.modules[0].num_experts)
    for row in demonstrations().to_pylist():
        with torch.no_grad(), routers.seen() as routings:
            model(input_ids=torch.tensor([row["prompt_token_ids"] + row["token_ids"]]))
        for layer, routing in enumerate(routings):
            load[layer] += torch.bincount(routing.experts.flatten(), minlength=load.shape[1])
    return load


@pytest.mark.parametrize("kind", [*ROUTED, *BIASED, "deepseek_v2"])
def test_a_replayed_forward_equals_the_recorded_one(kind: str, tmp_path: Path) -> None:
    (architecture,) = (one for one in ARCHITECTURES if one.kind == kind)
    model = build(architecture, tmp_path)
    model.set_attn_implementation("packed")
    routers = Routers(model, proves=True)
    ids = np.arange(5, 35)
    layout = lay_out([[0]], [ids[:9]], [ids[9:]])

    def through() -> tuple[torch.Tensor, list[torch.Tensor]]:
        with torch.no_grad(), routers.seen() as routings:
            states = hidden_states(model.get_decoder(), layout)
        return states, [routing.experts for routing in routings]

    states, experts = through()
    routers.replay(experts)
    again, _ = through()
    torch.testing.assert_close(again, states, rtol=0, atol=1e-6)
    with torch.no_grad():
        for module in routers.modules:
            module.weight.normal_()
    routers.replay(None)
    _, others = through()
    routers.replay(experts)
    _, replayed = through()
    assert all(torch.equal(a, b) for a, b in zip(replayed, experts, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(others, experts, strict=True))


def test_load_is_that_of_each_row_alone_and_the_bias_follows_it(models: dict[str, Path]) -> None:
    folder, speed = models["deepseek_v3"], 0.25
    load = chosen_alone(folder)
    own = learner(folder, bias_speed=speed, microbatch_tokens=24)
    before = biases(own)
    metrics = own.step(demonstrations(), 0)
    for layer, (was, now) in enumerate(zip(before, biases(own), strict=True)):
        expected = was + speed * torch.sign(load[layer].mean() - load[layer])
        torch.testing.assert_close(now, expected)
        fullest = float(load[layer].max() / load[layer].mean())
        assert metrics[f"experts/layer_{layer}/max_load"] == pytest.approx(fullest)
    still = learner(folder, bias_speed=0.0)
    still.step(demonstrations(), 0)
    assert all(torch.equal(a, b) for a, b in zip(before, biases(still), strict=True))


def test_the_bias_is_published_and_saved_with_the_weights_and_restored(
    models: dict[str, Path], tmp_path: Path
) -> None:
    folder = models["deepseek_v3"]
    own = learner(folder, bias_speed=0.25, dtype=Precision.bfloat16)
    own.step(demonstrations(), 0)
    out = WeightsOut(own.policy, own.ranks)
    sent = dict(pair for bucket in out.buckets(1 << 30) for pair in bucket)
    checkpoint.copied(tmp_path, own, out, str(folder)).write()
    saved = load_file(tmp_path / "policy" / "model.safetensors")
    went_on = learner(folder, bias_speed=0.25, dtype=Precision.bfloat16)
    assert not torch.equal(biases(went_on)[0], biases(own)[0])
    checkpoint.load(tmp_path, went_on)
    for name, layer, restored in zip(
        own.experts.routers.names, biases(own), biases(went_on), strict=True
    ):
        assert layer.dtype is torch.float32
        assert torch.equal(sent[f"{name}.{BIAS}"], layer)
        assert torch.equal(saved[f"{name}.{BIAS}"], layer)
        assert torch.equal(restored, layer)
        assert out.dtypes()[f"{name}.{BIAS}"] is torch.float32
    with own.experts.as_at_the_start():
        assert all(torch.equal(a, b) for a, b in zip(biases(own), own.experts._first, strict=True))


SPLITS = (
    {},
    {"microbatch_tokens": 24},
    {"microbatch_tokens": 24, "gradient_checkpointing": True},
    {"zero_stage": 3},
)


@pytest.mark.parametrize("kind", ["qwen3_moe", "deepseek_v3"])
def test_the_auxiliary_loss_does_not_depend_on_how_a_batch_is_split(
    models: dict[str, Path], kind: str
) -> None:
    found = []
    for split in SPLITS:
        own = learner(models[kind], auxiliary_loss=0.5, **split)
        metrics = own.step(demonstrations(), 0)
        found.append((metrics["experts/balance_loss"], whole_routers(own)))
    for balance, weights in found[1:]:
        assert balance == pytest.approx(found[0][0], rel=1e-5)
        torch.testing.assert_close(weights, found[0][1], rtol=0, atol=2e-4)
    without = learner(models[kind], auxiliary_loss=0.0)
    without.step(demonstrations(), 0)
    assert not torch.allclose(whole_routers(without), found[0][1], atol=2e-4)


def whole_routers(own: Learner) -> torch.Tensor:
    with own.ranks.gathered([m.weight for m in own.experts.routers.modules]):
        return router_weights(own).clone()


def balanced_on_ranks(rank: int, count: int, port: int, model: str) -> torch.Tensor:
    torch.set_num_threads(1)
    ranks = Ranks(rank, count, "127.0.0.1", port, config(auxiliary_loss=0.5, bias_speed=0.25))
    own = learner_of(model, CrossEntropy(), ranks)
    own.step(demonstrations(), 0)
    return torch.cat([router_weights(own), *biases(own)])


def test_two_ranks_balance_as_one_does(models: dict[str, Path], tmp_path: Path) -> None:
    folder = models["deepseek_v3"]
    both = on_ranks(2, tmp_path, balanced_on_ranks, str(folder))
    own = learner(folder, auxiliary_loss=0.5, bias_speed=0.25)
    own.step(demonstrations(), 0)
    torch.testing.assert_close(
        both, torch.cat([router_weights(own), *biases(own)]), rtol=0, atol=2e-4
    )


def test_the_later_minibatches_of_a_step_go_by_the_choice_at_its_start(
    models: dict[str, Path],
) -> None:
    """At a learning rate under which an update changes what the routers would choose."""
    folder = models["qwen3_moe"]
    load = chosen_alone(folder)
    for replay, is_same in ((Replay.learner, True), (Replay.none, False)):
        own = learner(folder, replay=replay, minibatches=3)
        own.step(demonstrations(), 0)
        counted = own.experts._counted.load.float()
        assert torch.equal(counted, load) is is_same


def test_a_replay_without_experts_is_refused(models: dict[str, Path]) -> None:
    own = learner(models["qwen3_moe"], replay=Replay.learner, minibatches=2)
    with pytest.raises(ConfigError, match=r"replay=learner: Linear has no experts .* none"):
        Experts(torch.nn.Linear(2, 2), own.ranks)  # type: ignore[arg-type]
