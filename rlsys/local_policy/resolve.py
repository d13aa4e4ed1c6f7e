"""Which model `rlsys eval`, `chat` and `serve` mean, and how much it can read."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlsys.config.latents import settled
from rlsys.config.load import CONFIGS, load
from rlsys.config.model_files import read_config
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.model_room import cached_tokens, positions_of
from rlsys.config.models import require_answering
from rlsys.config.networks import Network, read_network
from rlsys.config.precision import cpu_has_bfloat16, decided
from rlsys.config.run import ModelConfig, RunConfig, RunSection
from rlsys.errors import ConfigError
from rlsys.imports import imports
from rlsys.pretrained import load_tokenizer, loading

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_DEFAULT_CONTEXT = 4096
_NO_TRAINING = (
    "model.max_context=2",
    "data.max_prompt_tokens=1",
    "sampling.max_tokens=1",
    "sampling.max_reasoning_tokens=null",
    "sampling.min_reasoning_tokens=0",
    "thinking.budgets=none",
    "thinking.in_prompt=false",
    "thinking.enforced=true",
    "loop.max_staleness=0",
    "loop.groups_per_call=1",
)
"""Settings of training, which play no part here and must not be held against the context, nor
against run.deterministic."""


def settings_for(
    model: str, config: Path | None, overrides: Sequence[str], notice: Callable[[str], None]
) -> RunConfig:
    """The workers' settings for a model: its path and its context are in config.model.

    benchmarks.max_context shortens the context; there is no limit otherwise.

    Raises:
        ConfigError: a setting, or the model, does not exist or cannot work.
    """
    settings = workers(config, overrides, model)
    found = check_model(model, settings)
    path = _local(settings, notice) if found == LOCAL else found
    with imports():
        from rlsys.weights.fit import require_fitting
    require_fitting(path, f"MODEL {model}")
    context = min(context_of(path), settings.benchmarks.max_context or sys.maxsize)
    found_model = replace(settings.model, path=path, max_context=context)
    return settled(replace(settings, model=found_model), path, notice)


def fit_machine(config: RunConfig, notice: Callable[[str], None]) -> RunConfig:
    """The settings of a sampler on this machine: a precision, and no more context than its cache on
    CPU holds, with more of which vLLM would refuse to start."""
    config, path = decided(config, cpu_has_bfloat16()), config.model.path
    most = cached_tokens(config, read_config(path, f"MODEL {path}"))
    if most is None or most >= config.model.max_context:
        return config
    notice(
        f"context: {most:,} of the model's {config.model.max_context:,} tokens, which is what "
        f"rollout.kv_cache_gib={config.rollout.kv_cache_gib or 1.0:g} holds"
    )
    return replace(config, model=replace(config.model, max_context=most))


def tokenizer_of(model: ModelConfig) -> "PreTrainedTokenizerBase":
    """The policy's tokenizer; without a path, the one that the local policy will have."""
    if model.path:
        return load_tokenizer(model.path, f"model.path={model.path!r}")
    with imports():
        from rlsys.local_policy.tokenizer import build_tokenizer
    return build_tokenizer(model.local.corpus)


def policy_network(config: RunConfig) -> Network:
    """The policy's; the local one has the sizes that it will be made with.

    Raises:
        ConfigError: as rlsys.config.networks.read_network.
    """
    if path := config.model.path:
        return read_network(path, f"model.path={path!r}")
    with imports():
        from rlsys.local_policy.shapes import config_of
        from rlsys.local_policy.tokenizer import build_tokenizer
    local = config.model.local
    return Network(config_of(local, build_tokenizer(local.corpus)).to_dict())


def check_model(model: str, settings: RunConfig) -> str:
    """The folder or hub id of a model that can answer, by its config.json alone; or `local`.

    Raises:
        ConfigError: there is no such model, or it says of itself that it cannot work.
    """
    found = find_model(model, f"MODEL {model}", settings.run.directory)
    if found == LOCAL:
        return found
    path = _folder_or_id(found, model)
    require_answering(path, f"MODEL {model}")
    return path


def workers(config: Path | None, overrides: Sequence[str], *models: str) -> RunConfig:
    """Which workers, and which cluster; no model is loaded, and where one is named, those of the
    config play no part. model.max_context among the overrides is that of the benchmarks.

    Raises:
        ConfigError: a setting cannot work, or there is no such run.
    """
    asked = [re.sub(r"^model(?=\.max_context=)", "benchmarks", one) for one in overrides]
    others = ["model.path=", "benchmarks.policies=[]"] if any(models) else []
    found = load(config or CONFIGS / "base.yaml", [*asked, *others, *_NO_TRAINING])
    for model in models:
        find_model(model, f"MODEL {model}", found.run.directory)
    return found


def _local(config: RunConfig, notice: Callable[[str], None]) -> str:
    from rlsys.local_policy.policy import prepare_local_policy

    run = Path(config.run.directory).expanduser() / LOCAL
    if run.is_dir():
        notice(f"local is the small policy that is prepared here; the run of that name is {run}")
    cache = Path(config.model.cache).expanduser()
    return str(prepare_local_policy(config.model.local, cache, config.run.seed, notice))


def resolve(model: str) -> str:
    """A Hugging Face directory or hub id from what a user names: see rlsys.config.model_names.

    Raises:
        ConfigError: the folder holds no model, or there is no such run.
    """
    return _folder_or_id(find_model(model, f"MODEL {model}", RunSection().directory), model)


def _folder_or_id(found: str, model: str) -> str:
    folder = Path(found).expanduser()
    if not folder.is_dir():
        if found.startswith((".", "/", "~")) or found.count("/") > 1:
            state = "is a file, and no folder" if folder.is_file() else "no such folder"
            raise ConfigError(f"MODEL {model}: {state}")
        return found
    if (folder / "config.json").is_file():
        return str(folder)
    raise ConfigError(
        f"MODEL {model}: neither a Hugging Face model (config.json) nor a run or checkpoint of "
        "rlsys (policy/, checkpoints/step-*/policy/)"
    )


def context_of(path: str) -> int:
    """Tokens that the model's positions allow; 4,096 where not even its type says how many.

    Raises:
        ConfigError: the model's config cannot be loaded.
    """
    from transformers import AutoConfig

    with loading(path, f"MODEL {path}: its config cannot be loaded"):
        config = AutoConfig.from_pretrained(path)
    return positions_of(config.get_text_config().to_dict()) or _DEFAULT_CONTEXT


def digest(path: str) -> str:
    """What tells one state of a local model from another: its config, and the sizes and times of
    its weight files. A hub id is its own digest."""
    folder = Path(path)
    if not folder.is_dir():
        return path
    content: list[Any] = [json.loads((folder / "config.json").read_text())]
    for file in sorted(folder.glob("*.safetensors")):
        stat = file.stat()
        content.append([file.name, stat.st_size, stat.st_mtime_ns])
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()
