"""A recipe checked as a whole before anything starts: every stage's settings, every outside input,
tokenizers that meet in one stage, and the figures that gates ask for."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlsys import hub
from rlsys.algorithms.settings import check_algorithm
from rlsys.config.load import load
from rlsys.config.model_files import read_config
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.models import require_sampled
from rlsys.config.resume import flat
from rlsys.config.run import ModelConfig, RunConfig
from rlsys.config.run_model import require_described
from rlsys.config.weight_files import require_weights
from rlsys.data.files import SUFFIXES, find_files
from rlsys.errors import ConfigError, RlsysError
from rlsys.evaluation.catalog import find
from rlsys.lineage.digests import is_hub_id, is_served
from rlsys.lineage.kinds import EVALUATE, MERGE, REWARD_MODEL, given, kind_of, word_of
from rlsys.lineage.settings import counted, settings_of
from rlsys.local_policy.resolve import tokenizer_of, workers
from rlsys.recipes.gate_checks import require_judgeable, require_possible
from rlsys.recipes.recipe import Recipe, Reference, StageSpec
from verifiers.settings import check_rewards

_MODELS = ("policy", REWARD_MODEL, "evaluator")
"""Inputs that are folders of models, by the words of a manifest."""


@dataclass(frozen=True)
class Start:
    """The policy that a stage's own one was made of, back through all stages before it."""

    path: str
    """Or an id of the hub; empty: the local policy."""
    model: ModelConfig
    """Of the first of these stages, which says what the local policy reads."""

    @property
    def place(self) -> object:
        """What tells one from another."""
        return Path(self.path).expanduser().resolve() if self.path else self.model.local.corpus


@dataclass(frozen=True)
class Checked:
    """A recipe that can begin."""

    recipe: Recipe
    settings: Mapping[str, RunConfig]
    """Of each stage, as its command will load them; what other stages leave has stand-ins."""

    def asked(self, stage: StageSpec) -> dict[str, Any]:
        """What a stage is asked to do, as JSON values: its kind, and the settings that count. Its
        inputs stand there by their names."""
        named = given(stage.kind, self.settings[stage.name])
        settings = counted(settings_of(self.settings[stage.name]), named)
        inputs = stage.row.placed({name: f"<{name}>" for name in stage.inputs})
        return {"kind": stage.kind, **settings, **inputs}

    def outside(self, stage: StageSpec) -> dict[str, str]:
        """Paths and hub ids of the inputs that no stage of the recipe makes."""
        named = given(stage.kind, self.settings[stage.name])
        taken = self.taken(stage)
        return {name: path for name, path in named.items() if name not in taken}

    def taken(self, stage: StageSpec) -> dict[str, Reference]:
        """The outputs of other stages that it takes, by the names that its manifest has for them;
        one in an override that is no input of its kind by the name of the override."""
        found = {n: one for n, one in stage.inputs.items() if isinstance(one, Reference)}
        names = {path: n for n, path in given(stage.kind, self.settings[stage.name]).items()}
        names |= {setting: n for n, setting in stage.row.inputs.items()}
        for key, one in stage.references.items():
            if key not in found:
                found[names.get(key) or names.get(self.stand_in(one, stage), key)] = one
        return found

    def stand_in(self, reference: Reference, stage: StageSpec) -> str:
        """What is checked in the place of an output that a stage takes and that is yet to be made:
        of a policy, the one that it is made of, whose config it will have. Of policies that are
        merged each is another one, though all may be made of one."""
        if reference.output == "policy" and stage.kind != MERGE:
            return self._start(self.recipe.stage(reference.stage)).path or LOCAL
        return f"{reference.stage}.{reference.output}"

    def sized(self, stage: StageSpec) -> RunConfig:
        """Its settings as memory is planned for them: a reward model yet to be made has the sizes
        of the policy that it is made of."""
        settings = self.settings[stage.name]
        made = {
            self.stand_in(one, stage): self._start(self.recipe.stage(one.stage)).path
            for one in stage.references.values()
            if one.output == REWARD_MODEL
        }
        rewards = [
            replace(one, options=one.options | {"model": made[model]})
            if (model := one.options.get("model")) in made
            else one
            for one in settings.verifiers.rewards
        ]
        return replace(settings, verifiers=replace(settings.verifiers, rewards=rewards))

    def starts(self, stage: StageSpec) -> dict[str, Start]:
        """Of every policy that a stage is given, by the names of its inputs."""
        settings, taken = self.settings[stage.name], self.taken(stage)
        named = given(stage.kind, settings)
        if "policy" in stage.row.inputs and "policy_1" not in named:
            named = {"policy": ""} | named
        return {
            name: self._start(self.recipe.stage(taken[name].stage))
            if name in taken
            else Start("" if path == LOCAL else path, settings.model)
            for name, path in named.items()
            if word_of(name) == "policy"
        }

    def _start(self, stage: StageSpec) -> Start:
        """Of what a stage leaves: of several policies, tokenizer and config of the first stay."""
        starts = self.starts(stage)
        return next(starts[name] for name in ("policy", "policy_1") if name in starts)


def check(recipe: Recipe) -> Checked:
    """Load the settings of every stage, and look whether they fit together.

    Raises:
        ConfigError, DataError: naming the recipe's file, the stage and the nearest valid choice.
    """
    settings: dict[str, RunConfig] = {}
    checked = Checked(recipe, settings)
    for stage in recipe.stages:
        settings[stage.name] = _settings(stage, checked)
    for stage in recipe.stages:
        for name, path in checked.outside(stage).items():
            _require_there(name, path, stage, settings[stage.name])
        _require_one_architecture(stage, checked)
        _require_one_tokenizer(stage, checked)
        require_described_policies(stage, checked, asks_hub=False)
        for condition in stage.gate:
            for asked in condition.measured:
                of = recipe.stage(asked.stage or stage.name)
                require_judgeable(condition, stage, of, settings[of.name], asked)
            require_possible(condition, stage.where)
    return checked


def _settings(stage: StageSpec, checked: Checked) -> RunConfig:
    """As the stage's command will load them."""
    overrides = stage.arguments(lambda one: checked.stand_in(one, stage))
    try:
        if stage.kind == EVALUATE:
            found = workers(stage.config, overrides)
            find(found.benchmarks.names)
            return found
        told = f"overrides of stage {stage.name}"
        found = load(
            stage.config, [*stage.told, *overrides], check_rewards, check_algorithm, told_by=told
        )
    except RlsysError as error:
        raise type(error)(f"{stage.where} (config {stage.config}): {error}") from error
    if name := flat(stage.overrides).get("run.name"):
        raise ConfigError(
            f"{stage.where}: run.name={name}: a stage's run is called as the stage; name the stage "
            "so, or leave it out"
        )
    if stage.kind != kind_of(found):
        raise ConfigError(
            f"{stage.where}: kind {stage.kind}, but its settings are of kind {kind_of(found)} "
            f"(run.stage={found.run.stage.value}, teacher.path={found.teacher.path!r}); nearest "
            f"valid: kind: {kind_of(found)}"
        )
    return found


def _require_there(name: str, path: str, stage: StageSpec, settings: RunConfig) -> None:
    """Raise where an outside input is not there. What the hub has is asked when a stage starts."""
    said = f"{stage.where}: {name}: {path}"
    if is_hub_id(path) and path.lower().endswith(SUFFIXES):
        raise ConfigError(f"{said}: no such file, and no folder {Path(path).parent}")
    if is_hub_id(path) or is_served(path):
        return
    try:
        if word_of(name) in ("rows", "demonstrations", "rates"):
            find_files(path)
        elif word_of(name) in _MODELS:
            found = find_model(path, name, settings.run.directory)
            if found != LOCAL and not (Path(found).expanduser() / "config.json").is_file():
                raise ConfigError("no folder with a config.json")
            require_weights(found, name)
    except RlsysError as error:
        raise type(error)(f"{said}: {error}") from error


def _require_one_architecture(stage: StageSpec, checked: Checked) -> None:
    """Raise ConfigError where policies that are merged have other layers, as far as their
    config.json can be read here."""
    if stage.kind != MERGE:
        return
    types = {name: _model_type(start) for name, start in checked.starts(stage).items()}
    known = {name: one for name, one in types.items() if one}
    for name, one in known.items():
        first = next(iter(known))
        if one != known[first]:
            raise ConfigError(
                f"{stage.where}: {first} is made of a policy of model_type {known[first]} and "
                f"{name} of one of {one}; policies of one architecture can be merged"
            )


def _model_type(start: Start) -> str:
    """Empty: there is nothing to read it from."""
    if not start.path:
        return start.model.local.architecture.value
    if not (Path(start.path).expanduser() / "config.json").is_file():
        return ""
    return str(read_config(start.path, start.path).get("model_type", ""))


def require_described_policies(stage: StageSpec, checked: Checked, *, asks_hub: bool) -> None:
    """Raise ConfigError where the config.json of a policy that a stage begins with speaks against
    the stage. What an earlier one leaves has the config.json of what that began with. A merge looks
    itself.

    Args:
        asks_hub: else what the hub has is looked at where it was downloaded before.
    """
    paths = {name: start.path for name, start in checked.starts(stage).items() if start.path}
    if stage.kind == MERGE or not (asks_hub or all(map(_is_here, paths.values()))):
        return
    try:
        if stage.kind != EVALUATE:
            require_described(checked.settings[stage.name])
            return
        for name, path in paths.items():
            require_sampled(path, f"{name}={path!r}")
    except RlsysError as error:
        raise type(error)(f"{stage.where}: {error}") from error


def _is_here(path: str) -> bool:
    return not is_hub_id(path) or hub.has_config(path)


def _require_one_tokenizer(stage: StageSpec, checked: Checked) -> None:
    """Raise ConfigError where the policies that meet in a stage read other tokens, as far as their
    tokenizers' files can be read here. What a stage leaves reads what the stage began with."""
    starts, taken = checked.starts(stage), checked.taken(stage)
    if len({start.place for start in starts.values()}) < 2:
        return

    def said(name: str) -> str:
        path = starts[name].path or LOCAL
        return f"{name} ({f'{taken[name]}, made of {path}' if name in taken else path})"

    first, *others = starts
    ours = _tokens(starts[first])
    for second in others:
        theirs = _tokens(starts[second])
        if ours is None or theirs is None:
            continue
        unlike = sorted(t for t in ours.keys() | theirs.keys() if ours.get(t) != theirs.get(t))
        if unlike:
            raise ConfigError(
                f"{stage.where}: {said(first)} and {said(second)} have tokenizers that differ in "
                f"{len(unlike):,} tokens, such as {unlike[0]!r}; policies that meet in one stage "
                "have to read the same tokens: take one family"
            )


def _tokens(start: Start) -> dict[str, int] | None:
    """The vocabulary in a tokenizer.json, or of the local policy; None where there is none to
    read."""
    if not start.path:
        return tokenizer_of(replace(start.model, path="")).get_vocab()
    file = Path(start.path).expanduser() / "tokenizer.json"
    if not file.is_file() and is_hub_id(start.path):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(start.path, "tokenizer.json")
        file = Path(cached) if isinstance(cached, str) else file
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        vocabulary = dict(_entries(content["model"]["vocab"]))
        return vocabulary | {one["content"]: one["id"] for one in content["added_tokens"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _entries(vocabulary: Any) -> Iterator[tuple[str, int]]:
    """Of a mapping from token to id, or of a list of pieces with their scores."""
    if isinstance(vocabulary, dict):
        yield from vocabulary.items()
    else:
        yield from ((piece[0], number) for number, piece in enumerate(vocabulary))
