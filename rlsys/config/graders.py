"""Models that verifiers load: which ones the rewards name, and where each lies in a worker."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsys.config.model_names import find_model
from rlsys.config.verifiers import VerifiersConfig, component_names
from rlsys.errors import ConfigError, instead

_CUDA = "cuda"


@dataclass(frozen=True)
class Loading:
    """What a verifier loads, and the most that it shows it at a time where its options do not
    say."""

    is_classifier: bool
    """Of sequences; else a causal language model."""
    max_tokens: int
    """Of one text."""
    batch_tokens: int
    """Of a batch, padding included; a longer text is one by itself."""


REWARD_MODEL = Loading(is_classifier=True, max_tokens=2048, batch_tokens=8192)
FLUENCY = Loading(is_classifier=False, max_tokens=1024, batch_tokens=2048)
_LOADING: Mapping[str, Loading] = MappingProxyType(
    {"reward_model": REWARD_MODEL, "fluency": FLUENCY}
)


@dataclass(frozen=True)
class Grader:
    """One model in every verifier worker."""

    reward: str
    """Name of the component; of several that share it, the first one's."""
    where: str
    """Its option, as in `verifiers.rewards[1].options`."""
    path: str
    device: str
    is_classifier: bool
    tokens: int
    """Of its largest batch."""

    @property
    def named(self) -> str:
        """How the user named it, for an error."""
        return f"{self.where}.model={self.path!r}"

    @property
    def gpu(self) -> int | None:
        """Which of its worker's GPUs it lies on; None: it lies in the node's memory."""
        kind, _, index = self.device.partition(":")
        if kind != _CUDA:
            return None
        return int(index) if index.isdecimal() else 0


def graders_of(config: VerifiersConfig) -> list[Grader]:
    """Of the rewards, as verifiers.models.hf_models.load shares them: one for those with the same
    model on the same device. What is wrong with an option is said where options are checked."""
    found: dict[tuple[str, str, bool], Grader] = {}
    names = component_names(config)
    for index, (name, reward) in enumerate(zip(names, config.rewards, strict=True)):
        loading = _LOADING.get(reward.verifier or reward.name)
        path, device = reward.options.get("model"), str(reward.options.get("device", "cpu"))
        if loading is None or not isinstance(path, str) or not path:
            continue
        key = (path, device, loading.is_classifier)
        where, tokens = f"verifiers.rewards[{index}].options", _tokens(reward.options, loading)
        one = found.setdefault(key, Grader(name, where, *key, tokens))
        found[key] = replace(one, tokens=max(one.tokens, tokens))
    return list(found.values())


def label_problem(labels: Collection[str], label: str) -> str:
    """What is wrong with the option `label` of a classifier with these classes, one of which is
    paid for where there are several; empty: nothing.

    Args:
        labels: as its config.json names them.
    """
    if len(labels) == 1:
        return label and f"label={label!r}: it has one output and no classes; nearest valid: none"
    return "" if label in labels else f"label={label!r}{instead(label, labels)}"


def find_graders(config: VerifiersConfig, directory: str) -> None:
    """A run stands for the model in its newest checkpoint, as one of `rlsys reward-model`. Folders
    become whole paths, since a verifier worker is not where the command was started. What is not
    there is named by the verifier.

    Args:
        directory: run.directory.
    """
    for reward in config.rewards:
        model = reward.options.get("model")
        if (reward.verifier or reward.name) not in _LOADING or not isinstance(model, str):
            continue
        with suppress(ConfigError):
            model = find_model(model, "", directory)
        folder = Path(model).expanduser()
        reward.options["model"] = str(folder.resolve()) if model and folder.is_dir() else model


def _tokens(options: Mapping[str, Any], loading: Loading) -> int:
    """Of the largest batch."""
    own = {"max_tokens": loading.max_tokens, "batch_tokens": loading.batch_tokens}
    own |= {name: value for name, value in options.items() if name in own}
    return max(value for value in own.values() if isinstance(value, int))
