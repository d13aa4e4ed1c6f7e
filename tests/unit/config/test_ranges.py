"""Every number of the settings has a range; what is outside it is one error with its path."""

import typing
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.ranges import Range, check, named_by, range_of
from rlsys.config.run import RunConfig
from rlsys.config.validate import validate
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import ConfigError, VerifierError
from verifiers.registry import Registry, options_of
from verifiers.settings import check_rewards

INFINITE = "not a finite number"
WRONG = [float("nan"), float("inf"), float("-inf"), -1, 0]


def is_number(hint: Any) -> bool:
    """int, float, or one of them or None; no bool."""
    return bool({int, float} & {hint, *get_args(hint)})


def numbers_of(section: type, path: str = "") -> Iterator[tuple[str, "Field[Any]"]]:
    """Path and field of every number below a section: in lists as item 0, in mappings as `x`."""
    hints = get_type_hints(section)
    for one in fields(section):
        place, hint = f"{path}{one.name}", hints[one.name]
        item, suffix = hint, ""
        if typing.get_origin(hint) is list:
            (item,), suffix = get_args(hint), "[0]"
        elif typing.get_origin(hint) is dict:
            (_, item), suffix = get_args(hint), ".x"
        place += suffix
        if is_dataclass(item):
            yield from numbers_of(typing.cast(type, item), f"{place}.")
        elif is_number(item):
            yield place, one


NUMBERS = dict(numbers_of(RunConfig))
CASES = [(path, value) for path in NUMBERS for value in WRONG]


def put(config: RunConfig, path: str, value: float) -> None:
    """Set what a path such as verifiers.rewards[0].weight names."""
    *sections, name = path.replace("[", ".[").split(".")
    place: Any = config
    for part in sections:
        place = place[0] if part == "[0]" else getattr(place, part)
    if name == "[0]":
        place[:1] = [value]
    elif isinstance(place, dict):
        place[name] = value
    else:
        setattr(place, name, value)


def with_a_reward() -> RunConfig:
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig(name="math")]
    return config


def test_the_walk_finds_numbers_at_every_depth() -> None:
    assert {
        "run.seed",
        "model.local.learning_rate",
        "learner.optimizer.beta1",
        "sampling.max_reasoning_tokens",
        "algorithm.advantage.difficulty_edges[0]",
        "verifiers.rewards[0].weight",
    } <= NUMBERS.keys()
    assert len(NUMBERS) > 100


@pytest.mark.parametrize("path", NUMBERS)
def test_every_number_states_its_range(path: str) -> None:
    stated = range_of(NUMBERS[path])
    assert stated is not None, f"{path}: state the range, as in ranged(1, least=0)"
    default = NUMBERS[path].default
    if isinstance(default, int | float):
        assert not stated.refusal(default)


@pytest.mark.parametrize(("path", "value"), CASES, ids=str)
def test_a_number_is_in_its_range_or_one_error_with_its_path(path: str, value: float) -> None:
    config = with_a_reward()
    put(config, path, value)
    stated = range_of(NUMBERS[path])
    assert stated is not None
    if value in (-1, 0) and not stated.refusal(value):
        check(config)
        return
    with pytest.raises(ConfigError) as caught:
        validate(config)
    message = str(caught.value)
    assert message.startswith(f"{path}={value}: ")
    assert "; nearest valid: " in message


ONE_OF_EACH_SECTION = {
    path.rpartition(".")[0]: path for path in NUMBERS if not path.endswith(".x") and "[" not in path
}


@pytest.mark.parametrize("path", ONE_OF_EACH_SECTION.values())
@pytest.mark.parametrize("value", ["nan", ".inf"])
def test_what_is_not_finite_is_refused_from_the_command_line_too(path: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(CONFIGS / "base.yaml", [f"{path}={value}"])
    assert f"{path}=" in str(caught.value)


def test_numbers_in_a_file_are_named_with_their_place_in_the_list(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("verifiers: {rewards: [{name: math}, {name: format, weight: .nan}]}")
    with pytest.raises(ConfigError, match=r"^verifiers\.rewards\[1\]\.weight=nan: not a finite"):
        load(path)
    path.write_text("algorithm: {advantage: {difficulty_edges: [0.5, .inf]}}")
    with pytest.raises(
        ConfigError, match=r"^algorithm\.advantage\.difficulty_edges\[1\]=inf: not a finite"
    ):
        load(path)


def test_a_number_larger_than_a_float_is_one_error() -> None:
    with pytest.raises(ConfigError, match="the command line: a number is too large"):
        load(CONFIGS / "base.yaml", ["loop.stall_timeout_s=" + "9" * 400])
    with pytest.raises(ConfigError, match=r"run\.seed=9999.*nearest valid: 2147483647"):
        load(CONFIGS / "base.yaml", ["run.seed=" + "9" * 400])


# --- options of verifiers -------------------------------------------------------------------------

OPTIONS = [
    (name, option)
    for name in Registry().names()
    for option in options_of(Registry().factory(name))
    if is_number(get_type_hints(Registry().factory(name))[option])
]


def test_options_of_most_verifiers_are_numbers() -> None:
    assert len({name for name, _ in OPTIONS}) >= 9


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_numeric_option_states_its_range(name: str, option: str) -> None:
    (one,) = [one for one in fields(Registry().factory(name)) if one.name == option]  # type: ignore[arg-type]
    stated = range_of(one)
    assert stated is not None
    assert not stated.refusal(one.default)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
@pytest.mark.parametrize("value", WRONG)
def test_an_option_is_in_its_range_or_one_error_with_its_place(
    name: str, option: str, value: float
) -> None:
    kind = get_type_hints(Registry().factory(name))[option]
    given = kind(value) if value in (-1, 0) else value
    stated: tuple[Field[Any], ...] = fields(Registry().factory(name))  # type: ignore[arg-type]
    options = {one.name: "some" for one in stated if named_by(one)} | {option: given}
    try:
        Registry().check(name, options)
    except VerifierError:
        config = with_a_reward()
        config.verifiers.rewards = [RewardConfig(name, options=options)]
        with pytest.raises(ConfigError) as caught:
            validate(config, check_rewards)
        assert f"verifiers.rewards[0]: verifier {name!r}: option {option}={given}" in str(
            caught.value
        )
    else:
        (one,) = [one for one in stated if one.name == option]
        assert value in (-1, 0)
        assert not range_of(one).refusal(value)  # type: ignore[union-attr]


# --- the words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "value", "refusal"),
    [
        (Range(least=1), 1, ""),
        (Range(least=1), 0, "must be at least 1; nearest valid: 1"),
        (Range(above=0), 0.0, "must be above 0; nearest valid: 7"),
        (Range(above=0), 5e-324, ""),
        (Range(least=0, below=1), 1.0, "must be at least 0 and below 1; nearest valid: 7"),
        (Range(least=0, most=1), 1.5, "must be at least 0 and at most 1; nearest valid: 1"),
        (Range(least=2, why="so"), 1, "must be at least 2, since so; nearest valid: 2"),
        (Range(), 10**400, ""),
        (Range(), float("nan"), f"{INFINITE}, must be finite; nearest valid: 7"),
        (Range(most=9), float("inf"), f"{INFINITE}, must be at most 9; nearest valid: 9"),
        (Range(least=3), -float("inf"), f"{INFINITE}, must be at least 3; nearest valid: 3"),
        (Range(least=0), float("inf"), f"{INFINITE}, must be at least 0; nearest valid: 7"),
    ],
)  # fmt: skip
def test_a_refusal_names_range_reason_and_the_nearest(
    limits: Range, value: float, refusal: str
) -> None:
    assert limits.refusal(value, default=7) == refusal
