"""The local policy: tokenizer, weights, cache."""

import unicodedata
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Tokenizer

from rlsys.config.load import CONFIGS, load
from rlsys.config.local_policy import Architecture, Corpus, LocalPolicyConfig
from rlsys.config.models import refusal
from rlsys.data import arithmetic
from rlsys.data.arithmetic import Split
from rlsys.data.world.parts import part_rows
from rlsys.errors import ConfigError
from rlsys.local_policy.policy import content_hash, prepare_local_policy
from rlsys.local_policy.resolve import policy_network
from rlsys.local_policy.shapes import build_model
from rlsys.local_policy.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer()
WORLD = build_tokenizer(Corpus.world)


def tiny(**changes: object) -> LocalPolicyConfig:
    config = LocalPolicyConfig(
        hidden_size=32,
        intermediate_size=64,
        layers=1,
        heads=2,
        problems=64,
        steps=30,
        warmup_steps=2,
        learning_rate=1e-2,
        threads=1,
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return config


def no_progress(line: str) -> None:
    pass


@given(st.text(), st.sampled_from((TOKENIZER, WORLD)))
def test_decoding_gives_back_any_composed_text(text: str, tokenizer: Qwen2Tokenizer) -> None:
    text = unicodedata.normalize("NFC", text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_world_s_tokenizer_gives_back_all_of_its_texts_in_few_tokens() -> None:
    for part in ("reasoning", "chains", "replies", "pairs"):
        for row in part_rows(part, Split.held_out)[:60]:
            turns = row.get("messages") or row["prompt"]
            for text in [turn["content"] for turn in turns] + [row.get("rejected", "")]:
                ids = WORLD.encode(text)
                assert WORLD.decode(ids) == text
                assert len(ids) <= 45
    tokens = WORLD.tokenize("然后12+5=17。so the answer is 17.")
    assert len(tokens) == 10  # 然后 12 + 5 = 17 。 so-the-answer-is 17 .


def test_an_answer_takes_few_tokens() -> None:
    problem = arithmetic.Problem((arithmetic.Step(3, "*", 4, 12), arithmetic.Step(12, "-", 5, 7)))
    tokens = TOKENIZER.tokenize(arithmetic.careful_solution(problem))
    # <think> we-need 2 steps-first 3*4=12 . then 12-5=7 . so 7 . </think> <answer> 7 </answer>
    assert len(tokens) == 22


def test_the_chat_template_is_the_bare_question_and_a_line_break() -> None:
    messages = [{"role": "system", "content": "Reason."}, {"role": "user", "content": "1+2=?"}]
    text = TOKENIZER.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert text == "1+2=?\n"


def test_the_default_policy_has_about_three_million_parameters() -> None:
    model = build_model(LocalPolicyConfig(), TOKENIZER)
    assert model.num_parameters() == 3_111_424


@pytest.mark.parametrize("architecture", list(Architecture))
def test_the_sizes_of_a_policy_are_known_before_it_is_made(architecture: Architecture) -> None:
    config = load(CONFIGS / "local.yaml", [f"model.local.architecture={architecture}"])
    made = build_model(config.model.local, TOKENIZER).config.to_dict()
    described = policy_network(config).model
    assert described == {name: made[name] for name in described} | {
        name: None for name in ("architectures", "dtype") if name in described
    }


def active_parameters(architecture: Architecture) -> int:
    """Of feed-forward layers, that one token goes through in the last layer."""
    config = LocalPolicyConfig(architecture=architecture)
    model = build_model(config, TOKENIZER)
    sizes = {
        n: p.numel() for n, p in model.named_parameters() if n.startswith("model.layers.3.mlp")
    }
    routed = sum(size for name, size in sizes.items() if ".experts." in name)
    others = sum(size for n, size in sizes.items() if ".experts." not in n and ".gate." not in n)
    chosen = getattr(model.config, "num_experts_per_tok", 0)
    return others + routed * chosen // config.experts


def test_a_token_goes_through_as_many_parameters_with_experts_as_without() -> None:
    assert {active_parameters(one) for one in Architecture} == {3 * 256 * 640}


@pytest.mark.parametrize("architecture", [Architecture.qwen3_moe, Architecture.deepseek_v3])
def test_a_policy_with_experts_is_prepared_and_can_be_trained(
    architecture: Architecture, tmp_path: Path
) -> None:
    config = tiny(architecture=architecture, layers=2, experts=4, experts_per_token=2, steps=2)
    folder = prepare_local_policy(config, tmp_path, 0, no_progress)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert refusal(model.config.to_dict()) is None
    assert model.config.model_type == architecture
    text = "<think>we need 2 steps. first 13-7=6 é</think>"
    assert AutoTokenizer.from_pretrained(folder).encode(text) == TOKENIZER.encode(text)


def test_the_number_of_experts_makes_another_policy_only_where_there_are_some() -> None:
    assert content_hash(tiny(experts=8), 0) == content_hash(tiny(), 0)
    routed = tiny(architecture=Architecture.qwen3_moe)
    fewer = tiny(architecture=Architecture.qwen3_moe, experts=8)
    assert len({content_hash(one, 0) for one in (tiny(), routed, fewer)}) == 3


def test_the_prepared_policy_loads_learned_and_is_made_once(tmp_path: Path) -> None:
    lines: list[str] = []
    folder = prepare_local_policy(tiny(), tmp_path, 0, lines.append)
    steps = [line.partition("loss ")[2].partition(", about ") for line in lines if "loss" in line]
    assert float(steps[-1][0]) < float(steps[0][0])
    assert [left.endswith(" s left") for _, _, left in steps] == [True, False]

    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "<think>we need 2 steps. first 13-7=6 é</think>"
    assert tokenizer.encode(text) == TOKENIZER.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight

    lines.clear()
    assert prepare_local_policy(tiny(), tmp_path, 0, lines.append) == folder
    assert lines == [f"local policy: {folder} (prepared before)"]


def test_a_seed_gives_one_policy_and_leaves_the_callers_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    config = tiny(steps=3, corpus=Corpus.world)
    one = prepare_local_policy(config, tmp_path / "one", 0, no_progress)
    assert torch.equal(torch.rand(3), expected)
    two = prepare_local_policy(config, tmp_path / "two", 0, no_progress)
    assert one.name == two.name
    assert one.name.startswith("world-")
    weights = "model.safetensors"
    assert (one / weights).read_bytes() == (two / weights).read_bytes()
    said = "hello anna，很高兴认识你。"
    assert AutoTokenizer.from_pretrained(one).encode(said) == WORLD.encode(said)


def test_an_interrupted_preparation_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if "loss" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_local_policy(tiny(steps=3), tmp_path, 0, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_any_setting_but_the_threads_makes_another_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsys.local_policy.policy.warm_start", lambda *given: None)

    def name(seed: int = 0, **changes: object) -> str:
        return prepare_local_policy(tiny(steps=3, **changes), tmp_path, seed, no_progress).name

    assert name() == name(threads=2)
    others = [name(1), name(careful_share=0.4), name(budget_line="[{budget}]")]
    assert len({name(), *others, name(corpus=Corpus.world)}) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, r"model\.local\.steps=0: must be at least 1"),
        ({"heads": 3}, r"model\.local\.hidden_size=32: .* nearest valid: 30"),
        ({"careful_share": 1.5}, r"model\.local\.careful_share=1\.5: .* nearest valid: 1$"),
        ({"warmup_steps": 99}, r"model\.local\.warmup_steps=99"),
        ({"budget_line": "short"}, r"model\.local\.budget_line='short' .* 'short\{budget\}'"),
        (
            {"corpus": Corpus.world, "budget_line": "[{budget}]"},
            r"budget_line='\[\{budget\}\]': the corpus world .* model\.local\.corpus=arithmetic",
        ),
        (
            {"architecture": Architecture.qwen3_moe, "experts": 4, "experts_per_token": 5},
            r"experts_per_token=5: must be at most model\.local\.experts=4; nearest valid: 4",
        ),
        (
            {"architecture": Architecture.deepseek_v3, "experts_per_token": 3},
            r"model\.local\.intermediate_size=64: .* nearest valid: 63",
        ),
        (
            {"architecture": Architecture.qwen3_moe, "hidden_size": 40},
            r"model\.local\.hidden_size=40: must be a multiple of 32 .* nearest valid: 32",
        ),
        (
            {"architecture": Architecture.deepseek_v3, "layers": 1},
            r"model\.local\.layers=1: the first layer of .*=deepseek_v3 has .* nearest valid: 2$",
        ),
        (
            {"experts": 8},
            r"model\.local\.experts=8 has no effect with model\.local\.architecture=qwen2; nearest "
            r"valid: model\.local\.architecture=qwen3_moe, or model\.local\.experts=16$",
        ),
        ({"experts_per_token": 2}, r"model\.local\.experts_per_token=2 has no effect"),
        ({"learning_rate": 0.0}, r"model\.local\.learning_rate=0\.0: must be above 0"),
    ],
)
def test_an_impossible_setting_is_one_error(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        prepare_local_policy(tiny(**changes), tmp_path, 0, no_progress)
