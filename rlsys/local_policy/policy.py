"""The policy of a run that names no model: made here, in about a minute, on two CPU cores.

It is a causal LM of Qwen2's architecture, or of one with experts (shapes.py), with a tokenizer of
its own, warm-started on solved arithmetic problems (rlsys.data.arithmetic), or on the tiny world,
which has requests beside them (rlsys.data.world). All solutions are right, but they come in two
manners, mixed at random: careful ones work step by step, hasty ones state the answer at once. The
policy learns both manners. It
cannot compute several steps at once, so where it is hasty it guesses; it fails often, solves some,
and for each problem sometimes does the one, sometimes the other. That is what reinforcement needs:
groups with both right and wrong answers, from the first step on, and a better manner within the
policy's reach. Policies that fail for want of lessons were tried and do not serve: of two with
pass@1 0.23 and 0.27, one gained nothing in 40 steps of GRPO at a learning rate of 1e-4, the other
forgot what it knew within 20 at 3e-4.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from rlsys.config.local_policy import Architecture, Corpus, LocalPolicyConfig, validate
from rlsys.data import arithmetic
from rlsys.data.templates import BARE_TEMPLATE
from rlsys.data.world import parts as world
from rlsys.local_policy.shapes import build_model
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.local_policy.warm_start import warm_start

VERSION = 3
"""Counts changes of this recipe that change the policy it makes."""


def prepare_local_policy(
    config: LocalPolicyConfig,
    cache_dir: str | Path,
    seed: int,
    progress: Callable[[str], None],
) -> Path:
    """The folder of the warm-started policy in Hugging Face format, made unless it is there.

    The folder's name is a hash of all that the policy depends on. It appears by one rename, so a
    folder of that name is complete, also when several processes prepare it at once.

    Raises:
        ConfigError: a setting that cannot work.
    """
    validate(config)
    cache = Path(cache_dir).expanduser()
    target = cache / f"{config.corpus.value}-{content_hash(config, seed)}"
    if target.is_dir():
        progress(f"local policy: {target} (prepared before)")
        return target
    cache.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".preparing-", dir=cache))
    try:
        _build(config, seed, building, progress)
        building.chmod(0o755)
        _publish(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    progress(f"local policy: {target}")
    return target


def _build(
    config: LocalPolicyConfig, seed: int, folder: Path, progress: Callable[[str], None]
) -> None:
    tokenizer = build_tokenizer(config.corpus)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model(config, tokenizer)
    disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    progress(f"warm start: {model.num_parameters():,} parameters, {config.steps} steps")
    warm_start(folder, config, seed, progress)


def _publish(building: Path, target: Path) -> None:
    try:
        os.rename(building, target)
    except OSError:
        # Another process was faster; its folder holds the same policy.
        if not target.is_dir():
            raise


def content_hash(config: LocalPolicyConfig, seed: int) -> str:
    """Of all that a policy is made from."""
    settings = asdict(config)
    del settings["threads"]  # changes how long it takes, not what is made
    del settings["corpus"]  # begins the folder's name
    if config.architecture is Architecture.qwen2:  # has none
        del settings["architecture"], settings["experts"], settings["experts_per_token"]
    content = {
        "settings": settings,
        "seed": seed,
        "recipe": VERSION,
        "task": arithmetic.VERSION,
        "tokenizer": build_tokenizer(config.corpus).backend_tokenizer.to_str(),
        "chat_template": BARE_TEMPLATE,
    }
    if config.corpus is Corpus.world:
        content["world"] = world.VERSION
    encoded = json.dumps(content, sort_keys=True).encode()
    return hashlib.blake2b(encoded, digest_size=8).hexdigest()
