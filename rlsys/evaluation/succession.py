"""Which of several policies one fleet can sample after the other, without another start.

vLLM's start takes longer than most of an evaluation's sampling. Where the next policy has the same
architecture, shapes and prompts, its weights are loaded in the place of those before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rlsys.config.model_files import read_config
from rlsys.evaluation.job import Job
from rlsys.weights.tensor_files import TensorFiles

_BY_THE_WAY = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache")
"""Of a config.json: what the weights are, and how they are sampled, do not depend on it."""


def successions(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """The jobs in order, those together that one fleet can do."""
    together: list[Job] = []
    for job in jobs:
        if together and not _can_follow(together[-1], job):
            yield together
            together = []
        together.append(job)
    if together:
        yield together


def _can_follow(first: Job, other: Job) -> bool:
    """Whether only the weights differ, as far as a sampler is concerned; not of models of the hub,
    whose files are not known yet."""
    if not (Path(first.model).is_dir() and Path(other.model).is_dir()):
        return False
    return (
        _settings(first) == _settings(other)
        and [p.token_ids for p in first.prompts] == [p.token_ids for p in other.prompts]
        and _kind(first.model) == _kind(other.model)
        and _shapes(first.model) == _shapes(other.model) != {}
    )


def _settings(job: Job) -> object:
    return replace(job.config, model=replace(job.config.model, path=""))


def _kind(model: str) -> dict[str, object]:
    content = read_config(model, f"MODEL {model}")
    return {key: value for key, value in content.items() if key not in _BY_THE_WAY}


def _shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Of every tensor; none where the weights are not in safetensors."""
    return TensorFiles(model, f"MODEL {model}").shapes
