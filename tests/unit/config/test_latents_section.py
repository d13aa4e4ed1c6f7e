"""thinking.mode, thinking.latents: what the policy says, what settings say, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rlsys.config.latents import KEY, latents_in, model_problems, problems, require_room, settled
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import RunConfig, StageKind, Transport
from rlsys.config.run_model import require_model
from rlsys.config.thinking import ThinkingConfig, ThinkingMode
from rlsys.errors import ConfigError
from tests.helpers.model_folders import write_weights

SIZES = {"hidden_size": 64, "num_attention_heads": 2, "max_position_embeddings": 512}


def policy(folder: Path, **more: object) -> str:
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen2", **more}))
    return str(folder)


def thinking_in(latents: int) -> RunConfig:
    return RunConfig(thinking=ThinkingConfig(mode=ThinkingMode.latent, latents=latents))


def said(config: RunConfig) -> str:
    return "\n".join(problems(config))


def test_by_itself_a_run_does_as_the_policy_was_trained(tmp_path: Path) -> None:
    notes: list[str] = []
    for name, more, expected in (
        ("plain", {}, (ThinkingMode.auto, 0)),
        ("latent", {KEY: 3}, (ThinkingMode.latent, 3)),
    ):
        (tmp_path / name).mkdir()
        found = settled(RunConfig(), policy(tmp_path / name, **more), notes.append).thinking
        assert (found.mode, found.latents, found.fed_back) == (*expected, expected[1])
    assert settled(RunConfig(), "", notes.append).thinking.fed_back == 0
    assert notes == ["the policy thinks in 3 latents, as it was trained (thinking.mode=auto)"]


def test_what_the_settings_ask_for_wins_and_is_said_where_it_is_another_number(
    tmp_path: Path,
) -> None:
    notes: list[str] = []
    path = policy(tmp_path, **{KEY: 2})
    words = RunConfig(thinking=ThinkingConfig(mode=ThinkingMode.words))
    assert settled(thinking_in(4), path, notes.append).thinking.fed_back == 4
    assert settled(words, path, notes.append).thinking.fed_back == 0
    assert settled(thinking_in(2), path, notes.append).thinking.fed_back == 2
    assert notes == [
        "the policy was trained with 2 latents, this asks for 4",
        "the policy was trained with 2 latents, this asks for 0",
    ]


def test_no_latents_in_the_mode_of_latents_are_words_and_said_once(tmp_path: Path) -> None:
    notes: list[str] = []
    for path in ("", policy(tmp_path)):
        found = settled(thinking_in(0), path, notes.append)
        assert found == thinking_in(0)
        assert found.thinking.fed_back == 0
        assert len(notes) == 1
        assert "thinking.latents=0: words alone" in notes.pop()


@pytest.mark.parametrize("wrong", [-1, "two", True, 1.5])
def test_a_policy_that_says_no_number_is_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(ConfigError, match=KEY):
        latents_in(policy(tmp_path, **{KEY: wrong}))


@pytest.mark.parametrize("mode", ["words", "auto"])
def test_latents_without_their_mode_are_refused(mode: str) -> None:
    with pytest.raises(ConfigError, match=r"thinking.latents=2.*thinking.mode=latent"):
        load(CONFIGS / "local.yaml", [f"thinking.mode={mode}", "thinking.latents=2"])


def test_what_cannot_take_latents_yet_is_refused_with_the_nearest_that_can() -> None:
    base = thinking_in(2)
    assert said(base) == ""
    weights = replace(base.weights, transport=Transport.nccl)
    assert "weights.transport=object_store" in said(replace(base, weights=weights))
    assert "rollout.gpus=0" in said(replace(base, rollout=replace(base.rollout, gpus=1.0)))
    assert "no teacher" in said(replace(base, teacher=replace(base.teacher, path="some/model")))
    served = replace(base.served, url="http://localhost:8000/v1")
    assert "a served model makes no latents" in said(replace(base, served=served))
    for stage in (StageKind.reward_model, StageKind.merge):
        assert "no use for latents" in said(replace(base, run=replace(base.run, stage=stage)))


@pytest.mark.parametrize("student", ["model.path=''", "model.path=words"])
def test_whoever_reads_with_a_policy_and_makes_no_latents_is_refused_one_that_thinks_in_them(
    student: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, count in (("words", 0), ("thinks", 2)):
        (tmp_path / name).mkdir()
        policy(tmp_path / name, **SIZES, **{KEY: count})
        write_weights(tmp_path / name, {})
    graded = "{{name: f, verifier: fluency, options: {{model: {}}}}}"
    for asked in ("teacher.path={}", "verifiers.rewards=[" + graded + "]"):
        require_model(load(CONFIGS / "local.yaml", [student, asked.format("words")]))
        with pytest.raises(ConfigError, match=r"thinks in 2 latents, which a .* does not make"):
            require_model(load(CONFIGS / "local.yaml", [student, asked.format("thinks")]))


def test_a_policy_with_experts_is_refused_with_latents_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    path = policy(tmp_path, num_experts=8)
    with pytest.raises(ConfigError, match=r"num_experts=8: latents of .*thinking.mode=words"):
        settled(thinking_in(2), path, lambda line: None)
    says_so = {"n_routed_experts": 4, KEY: 3}
    assert len(model_problems(RunConfig(), says_so)) == 1
    words = RunConfig(thinking=ThinkingConfig(mode=ThinkingMode.words))
    assert model_problems(words, says_so) == []
    assert model_problems(RunConfig(), {"num_experts": 8}) == []
    with pytest.raises(ConfigError, match=r"model\.local\.architecture=qwen3_moe: latents"):
        load(
            CONFIGS / "sft.yaml",
            [
                "model.local.architecture=qwen3_moe",
                "thinking.mode=latent",
                "thinking.latents=2",
            ],
        )


def test_nothing_is_refused_without_latents() -> None:
    base = thinking_in(0)
    assert said(replace(base, rollout=replace(base.rollout, gpus=1.0))) == ""


def test_a_policy_of_latents_is_refused_where_they_do_not_work(tmp_path: Path) -> None:
    config = RunConfig()
    config.rollout.gpus = 1.0
    with pytest.raises(ConfigError, match=r"thinks in 3 latents: rollout.gpus=1"):
        settled(config, policy(tmp_path, **{KEY: 3}), lambda line: None)


def test_latents_take_room_in_the_context() -> None:
    config = thinking_in(4)
    config.data.max_prompt_tokens, config.sampling.max_tokens = 60, 60
    config.model.max_context = 124
    require_room(config)
    config.model.max_context = 123
    with pytest.raises(ConfigError, match=r"nearest valid: model\.max_context=124"):
        require_room(config)
    config.thinking.latents = 0
    require_room(config)
