"""What is asked of models that verifiers load, by their config.json and the names of their files:
a worker says it too, once Ray, sampler and learner are starting beside it."""

import re

from rlsys.config.graders import Grader, graders_of, label_problem
from rlsys.config.latents import require_words
from rlsys.config.model_files import read_config
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.model_room import Model
from rlsys.config.verifiers import VerifiersConfig
from rlsys.config.weight_files import require_weights
from rlsys.errors import ConfigError, nearest

_DEVICES = ("cpu", "cuda", "mps", "xpu")
"""As torch names them; one of several by its number, as cuda:1."""
_CLASSIFIER = "ForSequenceClassification"
_TWO = {"0": "LABEL_0", "1": "LABEL_1"}
"""What transformers makes of a config.json that names no classes."""


def require_graders(config: VerifiersConfig, directory: str) -> None:
    """Raise ConfigError on the first model of the rewards that is not there, has no weights, or
    would be loaded with a head of random numbers, and on a device that is none.

    Args:
        directory: run.directory, of which runs may be named.
    """
    for grader in graders_of(config):
        _require_device(grader)
        if grader.path == LOCAL:
            raise ConfigError(
                f"{grader.named}: the small local policy is for training alone; nearest valid: "
                "the folder of a model, or a run"
            )
        find_model(grader.path, grader.named, directory)
        model = read_config(grader.path, grader.named)
        _require_head(grader, [str(kind) for kind in model.get("architectures") or ()])
        require_weights(grader.path, grader.named)
        if grader.is_classifier:
            _require_labels(grader, config, model)
        else:
            require_words(grader.path, grader.named, "a verifier")


def _require_labels(grader: Grader, config: VerifiersConfig, model: Model) -> None:
    """Of all rewards that share a classifier."""
    labels = [str(name) for name in (model.get("id2label") or _TWO).values()]
    for index, reward in enumerate(config.rewards):
        options = reward.options
        if (reward.verifier or reward.name, options.get("model")) != ("reward_model", grader.path):
            continue
        if problem := label_problem(labels, str(options.get("label", ""))):
            where = f"verifiers.rewards[{index}].options.{problem}"
            raise ConfigError(f"{where} (model={grader.path!r})")


def _require_device(grader: Grader) -> None:
    kind = grader.device.partition(":")[0]
    if kind not in _DEVICES or not re.fullmatch(r"[a-z]+(:\d+)?", grader.device):
        close = nearest(kind, _DEVICES) or "cpu"
        raise ConfigError(
            f"{grader.where}.device={grader.device!r}: no device as torch names it; nearest valid: "
            f"{close}"
        )


def _require_head(grader: Grader, architectures: list[str]) -> None:
    """A config.json without architectures says nothing; what is loaded is looked at then."""
    is_classifier = any(kind.endswith(_CLASSIFIER) for kind in architectures)
    if not architectures or is_classifier == grader.is_classifier:
        return
    if grader.is_classifier:
        reason = "no classifier, so its scores would be random; nearest valid: a run of "
        reason += "`rlsys reward-model`, or a reward model of the hub"
    else:
        reason = "a classifier, whose words would be random; nearest valid: a causal language model"
    raise ConfigError(f"{grader.named} ({architectures[0]}): {reason}")
