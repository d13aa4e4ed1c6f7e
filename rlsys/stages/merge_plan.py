"""The plan of a merge: which folders, and that their tensors and tokens are of one kind. No weight
is read; what differs is named before anything is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlsys import hub
from rlsys.config.latents import latents_in
from rlsys.config.model_files import read_config
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.run import RunConfig
from rlsys.config.weight_files import Shape, require_weights
from rlsys.errors import ConfigError
from rlsys.pretrained import load_tokenizer
from rlsys.stages.inputs import find_policy
from rlsys.weights.tensor_files import TensorFiles

_KIND = ("model_type", "architectures")
_BY_THE_WAY = {"transformers_version", "_name_or_path", "dtype", "torch_dtype", "use_cache"}
"""What a config.json says that changes nothing here."""
_OF_A_POLICY = ("*.json", "*.txt", "*.jinja", "*.model", "*.safetensors")


@dataclass(frozen=True)
class MergeInput:
    """A policy, or the base."""

    named: str
    """As in errors: `merge.policies[0]='runs/a'`."""
    folder: Path
    tensors: TensorFiles


@dataclass(frozen=True)
class MergePlan:
    """What a merge starts from."""

    policies: Sequence[MergeInput]
    base: MergeInput | None
    notes: list[str] = field(default_factory=list)
    """What the user should know."""

    @property
    def tensors(self) -> int:
        """How many are merged."""
        return len(self.policies[0].tensors.shapes)

    @property
    def inputs(self) -> dict[str, Path]:
        """The folder of each: policy_1, policy_2, base."""
        found = {f"policy_{i}": one.folder for i, one in enumerate(self.policies, 1)}
        return found | ({"base": self.base.folder} if self.base else {})


def read(config: RunConfig, progress: Callable[[str], None]) -> MergePlan:
    """Find the policies, and see that they can be merged.

    Raises:
        ConfigError: one is not there, is given twice, or differs from the first in architecture,
            tensors or tokens.
    """
    merge = config.merge
    names = [f"merge.policies[{i}]={name!r}" for i, name in enumerate(merge.policies)]
    policies = [
        _found(named, name, config, progress)
        for named, name in zip(names, merge.policies, strict=True)
    ]
    base = None
    if merge.method.needs_base:
        base = _found(f"merge.base={merge.base!r}", merge.base, config, progress)
    everything = [*policies, *([base] if base else [])]
    _require_different(everything)
    notes = []
    progress("comparing architectures, tensors and tokens")
    first = policies[0]
    for other in policies[1:]:
        _require_same_latents(first, other)
    for other in everything[1:]:
        notes += _of_one_kind(first, other)
        _require_same_tensors(first, other)
        _require_same_tokens(first, other, with_special=other is not base)
    return MergePlan(policies, base, notes)


def _found(named: str, name: str, config: RunConfig, progress: Callable[[str], None]) -> MergeInput:
    path = find_model(name, named, config.run.directory)
    if path == LOCAL:
        path = find_policy(replace(config, model=replace(config.model, path="")), progress)
    folder = Path(path).expanduser()
    if not folder.is_dir():
        folder = _downloaded(path, named)
    content = read_config(str(folder), named)
    if "quantization_config" in content:
        raise ConfigError(
            f"{named}: its weights are quantized; nearest valid: the model before that"
        )
    require_weights(str(folder), named)
    tensors = TensorFiles(folder, named)
    if not tensors.files:
        raise ConfigError(
            f"{named}: its weights are not in safetensors; load it with transformers and save it "
            "again (save_pretrained)"
        )
    return MergeInput(named, folder.resolve(), tensors)


def _downloaded(model: str, named: str) -> Path:
    """A model of the hub, or what is there of it already."""
    silence = hub.silence()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(model, allow_patterns=list(_OF_A_POLICY)))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        reason = silence or str(error).strip().splitlines()[0]
        raise ConfigError(
            f"{named}: neither a model directory, nor does the hub give it: {reason}"
        ) from error


def _require_different(everything: Sequence[MergeInput]) -> None:
    seen: dict[Path, MergeInput] = {}
    for one in everything:
        if one.folder in seen:
            raise ConfigError(
                f"{one.named}: is the policy of {seen[one.folder].named} ({one.folder}); leave it "
                "out, and give that one more weight"
            )
        seen[one.folder] = one


def _of_one_kind(first: MergeInput, other: MergeInput) -> list[str]:
    """Raise ConfigError for another architecture; what else differs is a note."""
    own, others = (read_config(str(one.folder), one.named) for one in (first, other))
    for key in _KIND:
        if own.get(key) and others.get(key) and own[key] != others[key]:
            raise ConfigError(
                f"{other.named}: is another architecture than {first.named}: {key} {others[key]} "
                f"there and {own[key]} here; policies of one architecture can be merged"
            )
    differ = [
        f"{key}={others.get(key)} (kept: {own.get(key)})"
        for key in sorted((own.keys() | others.keys()) - _BY_THE_WAY)
        if own.get(key) != others.get(key)
    ]
    return [f"{other.named}: its config.json differs in {', '.join(differ)}"] if differ else []


def _require_same_latents(first: MergeInput, other: MergeInput) -> None:
    """A base may have others: it is asked nothing."""
    own, others = (latents_in(str(one.folder)) for one in (first, other))
    if own != others:
        raise ConfigError(
            f"{other.named}: thinks in {others} latents, and {first.named} in {own}; policies that "
            "think in as many can be merged"
        )


def _require_same_tensors(first: MergeInput, other: MergeInput) -> None:
    own, others = first.tensors.shapes, other.tensors.shapes
    said = [
        *_missing(own, others, f"of {first.named} are not in it"),
        *_missing(others, own, f"are not in {first.named}"),
        *_reshaped(own, others),
    ]
    if said:
        raise ConfigError(f"{other.named}: cannot be merged with {first.named}: {'; '.join(said)}")


def _missing(own: Mapping[str, Any], others: Mapping[str, Any], where: str) -> list[str]:
    absent = sorted(own.keys() - others.keys())
    return [f"{len(absent):,} tensors {where}, the first {absent[0]}"] if absent else []


def _reshaped(own: Mapping[str, Shape], others: Mapping[str, Shape]) -> list[str]:
    differ = sorted(name for name in own.keys() & others.keys() if own[name] != others[name])
    if not differ:
        return []
    name = differ[0]
    shapes = f"{list(others[name])} there and {list(own[name])} here"
    return [f"{len(differ):,} tensors have another shape, the first {name}: {shapes}"]


def _require_same_tokens(first: MergeInput, other: MergeInput, with_special: bool) -> None:
    """A base is asked nothing, so what ends its turns is its own business."""
    own, others = (load_tokenizer(str(one.folder), one.named) for one in (first, other))
    here, there = own.get_vocab(), others.get_vocab()
    unlike = sorted(t for t in here.keys() | there.keys() if here.get(t) != there.get(t))
    if unlike:
        token = unlike[0]
        raise ConfigError(
            f"{other.named}: its tokenizer is another than that of {first.named}: {len(unlike):,} "
            f"tokens differ, such as {token!r} with the id {there.get(token)} there and "
            f"{here.get(token)} here"
        )
    if not with_special:
        return
    roles, other_roles = own.special_tokens_map, others.special_tokens_map
    differ = sorted(
        role
        for role in roles.keys() | other_roles.keys()
        if roles.get(role) != other_roles.get(role)
    )
    if differ:
        role = differ[0]
        raise ConfigError(
            f"{other.named}: {len(differ)} special tokens are others than those of {first.named}, "
            f"such as {role}: {other_roles.get(role)!r} there and {roles.get(role)!r} here"
        )
