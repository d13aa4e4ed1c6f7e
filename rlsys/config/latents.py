"""Policies that think in latents: how one says so of itself, and what does not go with it yet.

A policy's config.json has `thinking_latents`, the K that it was trained with, where there is one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from rlsys.config.local_policy import Architecture
from rlsys.config.model_files import Model, read_config
from rlsys.config.model_sizes import EXPERTS
from rlsys.config.run import RunConfig, StageKind, Transport
from rlsys.config.sft import measures_answers
from rlsys.config.thinking import ThinkingMode
from rlsys.config.transport import transport_of
from rlsys.errors import ConfigError

KEY = "thinking_latents"
"""Of a policy's config.json."""


def latents_in(path: str) -> int:
    """K of the policy in a folder or of a hub id; 0 where it says nothing.

    Raises:
        ConfigError: what it says is no number of latents.
    """
    count = read_config(path, f"model {path}").get(KEY, 0)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ConfigError(f"{path}: {KEY}={count!r} in config.json must be a whole number from 0")
    return count


def require_words(path: str, named: str, reads: str) -> None:
    """Raise ConfigError where a policy thinks in latents, and whoever reads with it makes none: it
    would be another policy than the one that was trained.

    Args:
        named: how the user named it.
        reads: who that is, as in `a teacher`.
    """
    if count := latents_in(path):
        raise ConfigError(
            f"{named}: thinks in {_said(count)}, which {reads} does not make: it would be another "
            "policy than the one that was trained; nearest valid: a policy that thinks in words"
        )


def settled(config: RunConfig, path: str, notice: Callable[[str], None]) -> RunConfig:
    """The settings, with thinking.mode=latent for auto where the policy says so of itself.

    Args:
        path: of the policy; empty: the local one, which has no latents.
        notice: told where the policy was trained with another K than the settings ask for, and
            where they ask for a policy in latents and give it none; else how it thinks by itself.
    Raises:
        ConfigError: the policy thinks in latents, and a setting does not go with that.
    """
    own = latents_in(path) if path else 0
    for problem in model_problems(config, read_config(path, f"model {path}")) if path else ():
        raise ConfigError(problem)
    asked = config.thinking
    if asked.mode is not ThinkingMode.auto:
        if asked.fed_back != own:
            notice(f"the policy was trained with {_said(own)}, this asks for {asked.fed_back}")
        if asked.mode is ThinkingMode.latent and not asked.latents:
            notice(
                "thinking.mode=latent with thinking.latents=0: words alone, as with "
                "thinking.mode=words; thinking.latents=K puts K latents before them"
            )
        return config
    if not own:
        return config
    found = replace(config, thinking=replace(asked, mode=ThinkingMode.latent, latents=own))
    for problem in problems(found):
        raise ConfigError(f"{path} thinks in {_said(own)}: {problem}")
    notice(f"the policy thinks in {_said(own)}, as it was trained (thinking.mode=auto)")
    return found


def _said(count: int) -> str:
    return f"{count} latent{'' if count == 1 else 's'}"


def model_problems(config: RunConfig, model: Model) -> list[str]:
    """Of a policy, by its config.json: experts, which the copy that makes its latents cannot take
    new weights of, and whose load and choice in the latents' own passes the learner does not know.
    """
    asked = config.thinking
    latents = model.get(KEY) if asked.mode is ThinkingMode.auto else asked.fed_back
    experts = next((name for name in EXPERTS if model.get(name)), None)
    if not latents or experts is None:
        return []
    return [_with_experts(f"model.path={config.model.path!r}", f"{experts}={model[experts]}")]


def _with_experts(policy: str, said: str) -> str:
    return (
        f"{policy}: {said}: latents of a policy with experts are made by nobody here; nearest "
        "valid: thinking.mode=words, or a policy without experts"
    )


def problems(config: RunConfig) -> Iterator[str]:
    """What cannot work together with latents, one line each."""
    thinking = config.thinking
    if not thinking.fed_back:
        return
    if config.run.stage in (StageKind.reward_model, StageKind.merge):
        yield (
            f"thinking.mode=latent: run.stage={config.run.stage.value} has no use for latents; "
            "nearest valid: thinking.mode=words"
        )
        return
    if transport_of(config) is not Transport.object_store:
        yield (
            f"weights.transport={config.weights.transport.value}: what makes the latents takes its "
            "weights from the object store; nearest valid: weights.transport=object_store"
        )
    if config.served.url:
        yield (
            f"served.url={config.served.url!r}: a served model makes no latents; nearest valid: "
            "thinking.mode=words"
        )
    if config.rollout.gpus:
        yield (
            f"rollout.gpus={config.rollout.gpus:g}: latents were made and proved on CPUs alone; "
            "nearest valid: rollout.gpus=0 learner.gpus=0 reference.gpus=0, or thinking.mode=words"
        )
    architecture = config.model.local.architecture
    if not config.model.path and architecture is not Architecture.qwen2:
        yield _with_experts("the local policy", f"model.local.architecture={architecture}")
    if teacher := config.teacher.path:
        yield (
            f"teacher.path={teacher!r}: a teacher reads no latents; nearest valid: no teacher, or "
            "thinking.mode=words"
        )


def require_room(config: RunConfig) -> None:
    """Raise ConfigError unless prompt, latents and completion fit the context together."""
    completion, prompt = config.sampling.max_tokens, config.data.max_prompt_tokens
    context, latents = config.model.max_context, config.thinking.fed_back
    is_sampled = config.run.stage in (StageKind.rl, StageKind.sample) or measures_answers(config)
    if latents and is_sampled and completion + prompt + latents > context:
        raise ConfigError(
            f"thinking.latents={latents}: with sampling.max_tokens={completion} and "
            f"data.max_prompt_tokens={prompt} they exceed model.max_context={context}; nearest "
            f"valid: model.max_context={completion + prompt + latents}"
        )
