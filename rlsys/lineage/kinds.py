"""The kinds of stages, by what goes in and what comes out. A new one is a row here.

The names of inputs and outputs are one vocabulary: what a stage leaves as its `policy` can be
another one's `policy` or `teacher`, and a manifest says under these words what was read and made.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from rlsys.config.data import paths_in
from rlsys.config.graders import graders_of
from rlsys.config.resume import flat
from rlsys.config.run import RunConfig

Thing = TypeVar("Thing")

RL, DISTILL, SFT, SAMPLE, EVALUATE = "rl", "distill", "sft", "sample", "evaluate"
REWARD_MODEL, MERGE = "reward_model", "merge"
_OTHERWISE: Mapping[str, str] = MappingProxyType(
    {
        **{"teacher": "policy", "base": "policy", "test_rows": "rows", "test_pairs": "pairs"},
        "test_demonstrations": "demonstrations",
    }
)
_NUMBERED = re.compile(r"(\w+)_(\d+)")
_OF_DATA = ("rows", "demonstrations", "pairs")
"""What several files may hold together, which a setting then names with commas between them."""
_TRAINED = ("steps", "epochs", "consumed_tokens", "wall_s", "train_s")
_HELD_OUT = ("heldout_loss", "heldout_loss_before", "heldout_loss_lowest")

CHECKED = ("pass_at_1", "pass_at_1_before", "gain", "mean_tokens", "truncated")
"""What held-out checks measure, where a stage has some."""
SAMPLED = (
    *("steps", "wall_s", "completions", "tokens", "mean_tokens", "truncated"),
    *("kept", "kept_prompts", "never_right", "always_right"),
)
"""What `rlsys sample` counts, beside its pass@k."""


@dataclass(frozen=True)
class Kind:
    """One kind of stage."""

    command: str
    """As in `rlsys train`."""
    stage: str
    """run.stage of its settings; empty: the command reads it not."""
    inputs: Mapping[str, str]
    """The setting that names each input."""
    outputs: tuple[str, ...]
    figures: tuple[str, ...]
    """What it measures, for gates. Those of `sample` and of an evaluation depend on their settings
    (rlsys/recipes/check.py)."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Settings that are lists of inputs, by the name that stands before their numbers: `policy` for
    policy_1, policy_2, ..."""

    def setting(self, name: str) -> str | None:
        """The setting that an input stands in; None: it has no such input."""
        if name in self.inputs:
            return self.inputs[name]
        numbered = _NUMBERED.fullmatch(name)
        return self._of_several.get(numbered[1]) if numbered else None

    def placed(self, inputs: Mapping[str, str]) -> dict[str, str | list[str]]:
        """Values of inputs by the settings that they stand in, several of one setting by their
        numbers: as a list, or where the setting is a text with commas between them."""
        settings: dict[str, list[str]] = {}
        for name in sorted(inputs, key=lambda one: (len(one), one)):
            key = self.setting(name)
            assert key is not None
            settings.setdefault(key, []).append(inputs[name])
        lists = set(self.lists.values())
        return {key: some if key in lists else ",".join(some) for key, some in settings.items()}

    def misnumbered(self, names: Collection[str]) -> str:
        """What is wrong with the numbers of inputs: they count from 1, and a setting that takes one
        file as well has its plain name then. Empty: nothing."""
        for word in dict.fromkeys(m[1] for name in names if (m := _NUMBERED.fullmatch(name))):
            numbers = sorted(
                int(m[2]) for n in names if (m := _NUMBERED.fullmatch(n)) and m[1] == word
            )
            if numbers != list(range(1, len(numbers) + 1)):
                return f"{word}_{numbers[-1]}: numbers count from 1 without a gap, got {numbers}"
            if word in names or (word not in self.lists and len(numbers) == 1):
                both = f"{word} and {word}_1" if word in names else f"{word}_1 alone"
                return f"{both}: nearest valid: {word} for one, {word}_1 and {word}_2 for two"
        return ""

    @property
    def _of_several(self) -> dict[str, str]:
        """Settings that take numbered inputs, by the name before the number."""
        return {
            **{name: key for name, key in self.inputs.items() if word_of(name) in _OF_DATA},
            **self.lists,
        }


_LEARNS = {
    "policy": "model.path",
    "rows": "data.train",
    "test_rows": "data.test",
    "rates": "data.rates",
}
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        RL: Kind("train", "rl", _LEARNS, ("policy",), (*CHECKED, *_TRAINED, "signal")),
        DISTILL: Kind(
            "train",
            "rl",
            {**_LEARNS, "teacher": "teacher.path"},
            ("policy",),
            (*CHECKED, *_TRAINED, "signal"),
        ),
        SFT: Kind(
            "sft",
            "sft",
            {
                **_LEARNS,
                "demonstrations": "sft.train",
                "test_demonstrations": "sft.test",
            },
            ("policy",),
            (*CHECKED, *_TRAINED, *_HELD_OUT),
        ),
        SAMPLE: Kind("sample", "sample", _LEARNS, ("demonstrations", "rates"), ()),
        REWARD_MODEL: Kind(
            "reward-model",
            "reward_model",
            {
                "policy": "model.path",
                "pairs": "reward_model.train",
                "test_pairs": "reward_model.test",
            },
            ("reward_model",),
            (*_TRAINED, *_HELD_OUT, "heldout_accuracy", "heldout_accuracy_before"),
        ),
        MERGE: Kind(
            "merge",
            "merge",
            {"base": "merge.base"},
            ("policy",),
            (
                *("wall_s", "tensors", "parameters"),
                *("distance_policy_1", "distance_policy_2", "distance_base"),
            ),
            lists={"policy": "merge.policies"},
        ),
        EVALUATE: Kind(
            "eval",
            "",
            {"policy": "model.path"},
            ("table",),
            (),
            lists={"policy": "benchmarks.policies"},
        ),
    }
)


SECTIONS_OF: Mapping[str, str] = MappingProxyType(
    {
        SFT: "sft",
        SAMPLE: "sample",
        REWARD_MODEL: "reward_model",
        MERGE: "merge",
        EVALUATE: "benchmarks",
    }
)
"""The section of settings that no other kind of stage reads."""


def reads(kind: str, setting: str) -> bool:
    """Whether a stage of this kind reads a setting, by its whole name: those of other kinds' own
    sections stand in its settings, too."""
    section = setting.partition(".")[0]
    return section == SECTIONS_OF.get(kind) or section not in SECTIONS_OF.values()


def word_of(name: str) -> str:
    """The output that an input takes: `policy` of teacher and policy_2."""
    numbered = _NUMBERED.fullmatch(name)
    plain = numbered[1] if numbered else name
    return _OTHERWISE.get(plain, plain)


def by_number(name: str, some: Sequence[Thing]) -> dict[str, Thing]:
    """`policy` for one, `policy_1`, `policy_2`, ... for several."""
    if len(some) == 1:
        return {name: some[0]}
    return {f"{name}_{n}": one for n, one in enumerate(some, start=1)}


def kind_of(config: RunConfig) -> str:
    """Of a run of `rlsys train` or `rlsys sft`."""
    is_rl = config.run.stage.value == RL
    return DISTILL if is_rl and config.teacher.path else config.run.stage.value


def given(kind: str, config: RunConfig) -> dict[str, str]:
    """The inputs that a stage's settings name, by the words of its kind: those of the table, then
    the models and files that its rewards and losses are made of. Where several are named, the
    setting for one plays no part."""
    settings, row = flat(asdict(config)), KINDS[kind]
    named: dict[str, str] = {}
    several = {name: settings[key] for name, key in row.lists.items()}
    for name, key in row.inputs.items():
        if several.get(name):
            continue
        paths = paths_in(settings[key]) if word_of(name) in _OF_DATA else [settings[key]]
        if len(paths) > 1:
            named |= {f"{name}_{n}": path for n, path in enumerate(paths, start=1)}
        elif settings[key]:
            named[name] = str(settings[key])
    if kind == SAMPLE and config.served.url:
        named["policy"] = config.served.place
    for name, some in several.items():
        named |= {f"{name}_{n}": str(path) for n, path in enumerate(some, start=1)}
    return named | _graders(config) | _plugins(config)


def _graders(config: RunConfig) -> dict[str, str]:
    """Models that verifiers load: what was trained to reward, and a language model that evaluates
    what is fluent."""
    found = graders_of(config.verifiers)
    rewarding = dict.fromkeys(one.path for one in found if one.is_classifier)
    evaluating = dict.fromkeys(one.path for one in found if not one.is_classifier)
    return _numbered(REWARD_MODEL, rewarding) | _numbered("evaluator", evaluating)


def _plugins(config: RunConfig) -> dict[str, str]:
    """Files alone: a function of an installed module is what is installed."""
    files = []
    for plugin in (*config.verifiers.plugins, *config.algorithm.plugins):
        where, colon, function = plugin.rpartition(":")
        path = where if colon and function.isidentifier() else plugin
        if Path(path).expanduser().is_file():
            files.append(path)
    return _numbered("plugin", dict.fromkeys(files))


def _numbered(name: str, paths: Mapping[str, object]) -> dict[str, str]:
    """`plugin`, `plugin_2`, ..."""
    return {name if n == 1 else f"{name}_{n}": path for n, path in enumerate(paths, start=1)}
