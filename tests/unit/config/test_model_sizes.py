"""Sizes that cannot be those of a model are each one line with the nearest that can."""

import pytest

from rlsys.config.model_sizes import size_problems

SOUND = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}


@pytest.mark.parametrize(
    "name", [*SOUND, "intermediate_size", "head_dim", "n_embd", "n_head", "n_group"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8"])
def test_a_size_is_a_whole_number_from_one_on(name: str, value: object) -> None:
    problems = size_problems(SOUND | {name: value})
    assert problems == [f"{name}={value!r}: must be a whole number of at least 1"]


@pytest.mark.parametrize(
    "name", ["num_experts", "num_experts_per_tok", "n_shared_experts", "first_k_dense_replace"]
)
@pytest.mark.parametrize("value", [-1, 1.5, True, "8"])
def test_of_experts_there_may_be_none(name: str, value: object) -> None:
    problems = size_problems(SOUND | {name: value})
    assert problems == [f"{name}={value!r}: must be a whole number of at least 0"]
    assert size_problems(SOUND | {name: 0}) == []


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(size_problems(SOUND | {"hidden_size": 0, "vocab_size": 0})) == 2
    problems = size_problems(SOUND | {"num_attention_heads": 5})
    assert [problem.partition(":")[0] for problem in problems] == [
        "num_attention_heads=5",
        "num_key_value_heads=2",
    ]


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (
            {"num_attention_heads": 7, "num_key_value_heads": 7},
            "num_attention_heads=7: must divide hidden_size=64 (there is no head_dim); nearest "
            "valid: 8",
        ),
        (
            {"n_head": 3, "n_embd": 64},
            "n_head=3: must divide n_embd=64 (there is no head_dim); nearest valid: 2",
        ),
        (
            {"num_key_value_heads": 3},
            "num_key_value_heads=3: must divide num_attention_heads=4; nearest valid: 2",
        ),
        (
            {"num_key_value_heads": 8},
            "num_key_value_heads=8: must divide num_attention_heads=4; nearest valid: 4",
        ),
        (
            {"num_experts": 4, "num_experts_per_tok": 8},
            "num_experts_per_tok=8: must be at most num_experts=4; nearest valid: 4",
        ),
        (
            {"num_experts": 4, "num_experts_per_tok": 0},
            "num_experts_per_tok=0: a token needs one of num_experts=4; nearest valid: 1",
        ),
    ],
)
def test_what_shares_something_must_fit_it(model: dict[str, object], problem: str) -> None:
    assert size_problems(SOUND | model) == [problem]


GROUPS = {"n_routed_experts": 8, "num_experts_per_tok": 3, "n_group": 4, "topk_group": 2}


@pytest.mark.parametrize("kind", ["deepseek_v3", "glm4_moe"])
@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ({"n_group": 3}, "n_group=3: must divide n_routed_experts=8; nearest valid: 2"),
        ({"topk_group": 5}, "topk_group=5: must be at most n_group=4; nearest valid: 4"),
        (
            {"n_group": 8, "topk_group": 4},
            "n_group=8: groups of n_routed_experts=8 have one expert, and are chosen by their two "
            "best; nearest valid: 4",
        ),
        (
            {"topk_group": 1},
            "topk_group=1: as many of n_group=4 groups have 2 experts, and a token takes "
            "num_experts_per_tok=3; nearest valid: 2",
        ),
        ({"n_group": None}, "n_group=null: must be a whole number of at least 1; nearest valid: 1"),
        (
            {"num_experts": 16},
            "num_experts=16 and n_routed_experts=8: both are the number of experts; leave out the "
            "wrong one",
        ),
    ],
)
def test_experts_are_chosen_from_groups_that_have_them(
    kind: str, model: dict[str, object], problem: str
) -> None:
    assert size_problems(SOUND | GROUPS | {"model_type": kind} | model) == [problem]


@pytest.mark.parametrize(
    "model",
    [
        {},
        GROUPS,
        GROUPS | {"n_group": 1, "topk_group": 1, "model_type": "deepseek_v3"},
        GROUPS | {"n_group": 8, "topk_group": 4, "model_type": "deepseek_v2"},
        GROUPS | {"n_group": None, "topk_group": None, "model_type": "deepseek_v2"},
        {"num_attention_heads": 96, "num_key_value_heads": 8, "head_dim": 128},
        {"num_attention_heads": 20, "num_key_value_heads": 20, "kv_lora_rank": 512},
        {"kv_lora_rank": 512, "head_dim": 0},
        {"intermediate_size": [32, 64], "num_key_value_heads": [1, 2]},
        {"hidden_size": None, "num_key_value_heads": None},
        {"num_local_experts": 0, "num_experts_per_tok": 0},
    ],
)
def test_sizes_that_fit_are_not_refused(model: dict[str, object]) -> None:
    assert size_problems(SOUND | model) == []
