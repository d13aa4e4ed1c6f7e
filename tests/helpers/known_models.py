"""The config.json of models that people know, as far as sizes need it."""

from actors.roles import needs
from rlsys.config.memory_plan import Demand, Room
from rlsys.config.model_room import Model
from rlsys.config.networks import Network, Networks, read_network, read_networks
from rlsys.config.run import RunConfig

QWEN_HALF = {
    "model_type": "qwen2",
    "hidden_size": 896,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "intermediate_size": 4864,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
QWEN_7B = QWEN_HALF | {
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "vocab_size": 152064,
    "tie_word_embeddings": False,
}
QWEN_32B = QWEN_7B | {
    "hidden_size": 5120,
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "intermediate_size": 27648,
}
QWEN_30B_A3B = {
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "intermediate_size": 6144,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}


def networks(policy: Model, teacher: Model | None = None) -> Networks:
    """Of a run by their config.json."""
    return Networks(Network(policy), {"teacher": Network(teacher)} if teacher else {})


def networks_of(config: RunConfig, path: str) -> Networks:
    """Of a run whose policy lies there."""
    return read_networks(config, read_network(path, f"model.path={path!r}"))


def demand(config: RunConfig, policy: Model, room: Room) -> Demand:
    """Of a run's fleet."""
    return Demand(config, networks(policy), [need.role for need in needs(config)], room)
