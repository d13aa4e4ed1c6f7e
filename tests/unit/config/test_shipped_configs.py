"""The YAML files that are shipped: they load, fit what they are for, and repeat no default."""

import importlib.util
import json
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from rlsys.config.load import CONFIGS, load
from rlsys.config.run import Precision, RunConfig
from tests.helpers.places import ROOT

SHIPPED = (
    "countdown",
    "gsm8k",
    "one_gpu",
    "one_gpu_lora",
    "one_node",
    "one_node_lora",
    "two_nodes",
    "two_nodes_experts",
)


def shipped(name):
    return load(CONFIGS / f"{name}.yaml", [])


def gpus_by_role(config):
    return {
        "rollout": config.rollout.workers * config.rollout.gpus,
        "learner": config.learner.ranks * config.learner.gpus,
        "reference": config.reference.workers * config.reference.gpus,
    }


def leaves(section, prefix=""):
    for name, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_valid(path):
    assert isinstance(load(path, []), RunConfig)


@pytest.mark.parametrize("preset", sorted(p.stem for p in CONFIGS.glob("algorithms/*.yaml")))
def test_every_preset_fits_the_local_config(preset):
    config = load(CONFIGS / "local.yaml", [f"algorithm={preset}"])
    assert config.algorithm.preset == preset


@pytest.mark.parametrize("name", SHIPPED)
def test_a_config_repeats_no_default(name):
    base = OmegaConf.merge(OmegaConf.structured(RunConfig), OmegaConf.load(CONFIGS / "base.yaml"))
    own = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    repeated = []
    for key, value in leaves(own):
        default = OmegaConf.select(base, key)
        if isinstance(default, Precision):
            default = default.name
        if OmegaConf.is_config(default):
            default = OmegaConf.to_container(default)
        if value == default:
            repeated.append(key)
    assert repeated == []


def test_every_config_begins_with_what_it_is_for_and_how_to_start_it():
    for name in SHIPPED:
        text = (CONFIGS / f"{name}.yaml").read_text()
        assert text.startswith("# ")
        assert f"rlsys train --config configs/{name}.yaml" in text.split("\nmodel:")[0]


@pytest.mark.parametrize("name", ["countdown", "gsm8k"])
def test_what_the_local_policy_cannot_do_says_which_model_it_is_for(name):
    """And its learning rate is one for such a model."""
    top = (CONFIGS / f"{name}.yaml").read_text().split("\nmodel:")[0].replace("\n# ", " ")
    assert "For an instruction-tuned model" in top
    assert "model.path=DIRECTORY_OR_HUB_ID" in top
    assert "Without model.path the small local policy is taken, which knows nothing of" in top
    assert shipped(name).learner.optimizer.learning_rate == 1e-6


def test_countdown_pays_0_7_for_the_equation_and_0_3_for_the_format():
    rewards = shipped("countdown").verifiers.rewards
    paid = {reward.verifier or reward.name: reward.weight for reward in rewards}
    assert paid == {"countdown": 0.7, "format": 0.3}


def test_gsm8k_pays_0_7_for_the_number_and_0_3_for_the_format():
    rewards = shipped("gsm8k").verifiers.rewards
    paid = {reward.verifier or reward.name: reward.weight for reward in rewards}
    assert paid == {"math": 0.7, "format": 0.3}


def test_one_gpu_holds_all_roles_and_their_memory():
    config = shipped("one_gpu")
    gpus = gpus_by_role(config)
    assert all(share > 0 for share in gpus.values())
    assert sum(gpus.values()) <= 1.0 + 1e-9
    assert config.rollout.kv_cache_gib is not None


def test_one_node_uses_its_8_gpus() -> None:
    config = shipped("one_node")
    assert gpus_by_role(config) == {"rollout": 3, "learner": 4, "reference": 1}
    assert config.loop.groups_per_step * config.loop.group_size % config.learner.ranks == 0


def test_one_node_of_32_billion_uses_its_8_gpus_without_a_reference() -> None:
    config = shipped("one_node_lora")
    assert gpus_by_role(config) == {"rollout": 4, "learner": 4, "reference": 0}
    assert config.loop.groups_per_step * config.loop.group_size % config.learner.ranks == 0


def test_two_nodes_use_their_16_gpus_and_the_learner_fills_one_of_them():
    config = shipped("two_nodes")
    assert gpus_by_role(config) == {"rollout": 6, "learner": 8, "reference": 2}
    assert (config.learner.zero_stage, config.cluster.placement) == (3, "PACK")
    assert config.loop.groups_per_step * config.loop.group_size % config.learner.ranks == 0


def test_cluster_yaml_fits_the_schema_of_rays_cluster_launcher():
    jsonschema = pytest.importorskip("jsonschema")
    ray = importlib.util.find_spec("ray")
    assert ray is not None
    assert ray.origin is not None
    schema = Path(ray.origin).parent / "autoscaler" / "ray-schema.json"
    if not schema.is_file():
        pytest.skip("this Ray ships no schema of its cluster launcher")
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    jsonschema.validate(cluster, json.loads(schema.read_text()))


def test_the_cluster_has_a_cpu_head_and_enough_gpus_for_the_shipped_configs():
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    groups = cluster["available_node_types"]
    assert "GPU" not in groups[cluster["head_node_type"]]["resources"]
    assert groups["one_gpu"]["resources"]["GPU"] == 1
    nodes = groups["eight_gpus"]["min_workers"]
    assert nodes * groups["eight_gpus"]["resources"]["GPU"] == sum(
        gpus_by_role(shipped("two_nodes")).values()
    )
    most = sum(group.get("min_workers", 0) for group in groups.values())
    assert most <= cluster["max_workers"]
