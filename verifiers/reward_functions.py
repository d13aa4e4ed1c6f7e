"""Reward functions written for TRL or verl, as verifiers: the signature tells which.

    def shorter(completions, **columns) -> list[float]                              # TRL
    def compute_score(data_source, solution_str, ground_truth, extra_info) -> float  # verl

A function has no known answers of its own, so there is no self-test of it; what it needs of the
rows is compared with them before a run.
"""

import asyncio
import inspect
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import FunctionType
from typing import Any, NoReturn, cast

from rlsys.errors import VerifierError
from rlsys.json_text import decode_object
from verifiers.base import Completion, InBatches, Status, Verdict, Verifier
from verifiers.faults import where_of

Function = Callable[..., Any]
Parameters = Mapping[str, inspect.Parameter]


class Style(Enum):
    """Who calls such a function, and how."""

    trl = "TRL's f(completions, **columns)"
    verl = "verl's compute_score(data_source, solution_str, ground_truth, extra_info)"
    verl_batch = "verl's compute_score(data_sources, solution_strs, ground_truths, extra_infos)"


_GIVEN = {
    Style.trl: ("completions", "prompts"),
    Style.verl: ("data_source", "solution_str", "ground_truth", "extra_info"),
    Style.verl_batch: ("data_sources", "solution_strs", "ground_truths", "extra_infos"),
}
_TELLING = {
    "completions": Style.trl,
    "solution_str": Style.verl,
    "solution_strs": Style.verl_batch,
}
_OF_TRL_ALONE = ("completion_ids", "trainer_state", "log_extra", "log_metric")
"""What TRL hands over beside the columns, and a verifier is not given."""
_ANSWER_COLUMNS = ("answer", "ground_truth", "solution", "label")
"""Names under which data sets have their expected answer; all of them give it."""


_MARK = "reward_function_style"


def style_of(name: str, function: Function) -> Style | None:
    """Whose function it is, by its parameters; None for one that is no reward function.

    Raises:
        VerifierError: it could be either's.
    """
    parameters = inspect.signature(function).parameters
    styles = [style for parameter, style in _TELLING.items() if parameter in parameters]
    if len(styles) > 1:
        both = " and ".join(sorted(p for p in _TELLING if p in parameters))
        raise VerifierError(
            f"the reward function {name}{inspect.signature(function)} has both {both}, so it could "
            f"be {' or '.join(style.value for style in styles)}; leave one out"
        )
    return next(iter(styles), None)


def factory_of(name: str, function: Function) -> Callable[..., Verifier]:
    """What makes a verifier of a reward function; its parameters are the options.

    Raises:
        VerifierError: the signature is neither TRL's nor verl's, or could be both.
    """
    style = style_of(name, function) if isinstance(function, FunctionType) else None
    if style is None:
        raise VerifierError(
            f"{name} is no reward function: expected {Style.trl.value} or {Style.verl.value}, got "
            f"{_signature(function)}; classes are named in VERIFIERS"
        )
    kinds: dict[Style, Callable[..., RewardFunction]] = {
        Style.trl: TrlFunction,
        Style.verl: VerlFunction,
        Style.verl_batch: VerlBatchFunction,
    }

    def make(**options: Any) -> Verifier:
        return cast(Verifier, kinds[style](name, function, options))

    options = {
        parameter.name: parameter
        for parameter in inspect.signature(function).parameters.values()
        if _is_option(parameter, style)
    }
    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=_KEYWORD) for one in options.values() if one.kind is not _ANY]
        + [one for one in options.values() if one.kind is _ANY]
    )
    make.__annotations__ = {n: hint for n, hint in _hints(function).items() if n in options}
    make.__doc__, make.__module__ = function.__doc__, function.__module__
    vars(make)[_MARK] = style
    return make


def is_reward_factory(factory: Callable[..., Any]) -> bool:
    """Whether `factory_of` made it."""
    return _MARK in getattr(factory, "__dict__", {})


_KEYWORD, _ANY = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD


def _is_option(parameter: inspect.Parameter, style: Style) -> bool:
    """verl hands over everything else as `reward_kwargs`; of TRL's, only what has a default."""
    if parameter.name in _GIVEN[style]:
        return False
    if style is Style.trl:
        return parameter.default is not parameter.empty
    return parameter.kind is not inspect.Parameter.VAR_POSITIONAL


@dataclass(frozen=True)
class RewardFunction(ABC):
    """A reward function of another trainer as a verifier."""

    name: str
    function: Function
    options: Mapping[str, Any] = field(default_factory=dict)
    correct_from: float = 1.0
    """The reward from which an answer counts as correct."""

    def self_test(self) -> Sequence[tuple[Completion, float]]:
        """None: only its author knows what it should give."""
        return ()

    @abstractmethod
    def verify(self, completion: Completion) -> Verdict:
        """Of one completion."""

    @abstractmethod
    def lacks(self, completion: Completion) -> str:
        """What it needs and a row does not have; empty: nothing."""

    @property
    def parameters(self) -> Parameters:
        """Of the function."""
        return inspect.signature(self.function).parameters

    @property
    def takes_any(self) -> bool:
        """Whether it takes arguments of any name."""
        return any(one.kind is _ANY for one in self.parameters.values())

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call it with the arguments that it takes; a coroutine is waited for."""
        taken = {n: v for n, v in arguments.items() if self.takes_any or n in self.parameters}
        result = self.function(**{**taken, **self.options})
        return asyncio.run(result) if inspect.iscoroutine(result) else result

    def refuse(self, what: str) -> NoReturn:
        """Raise VerifierError on what it returned, with the place of the function: it is not among
        the calls of a traceback any more."""
        raise VerifierError(f"returned {what}, at {where_of(self)}")

    def rewards_of(self, result: Any, count: int) -> list[Any]:
        """Of a batch: a list, a tuple, or an array or tensor of one dimension."""
        found = result.tolist() if hasattr(result, "tolist") else result
        if not isinstance(found, list | tuple) or len(found) != count:
            size = f" of {len(found)}" if isinstance(found, list | tuple) else ""
            self.refuse(f"a {type(result).__name__}{size}, not a list of {count} rewards")
        return list(found)

    def verdict(self, result: Any) -> Verdict:
        """Of a number, or of a dict with `score`, maybe `acc`, and other numbers to be kept.

        None is TRL's way of saying that the function has nothing to say of a completion.
        """
        if result is None:
            return Verdict(None, Status.ABSTAINED, "returned None")
        parts: dict[str, float] = {}
        score: Any = result
        if isinstance(result, Mapping):
            if "score" not in result:
                self.refuse(f"a dict without `score`: {', '.join(map(str, result))}")
            score = result["score"]
            parts = {str(n): float(v) for n, v in result.items() if _is_number(v) and n != "score"}
        if not _is_number(score) or not math.isfinite(float(score)):
            self.refuse(f"{score!r}, no reward")
        reward = float(score)
        correct = bool(parts["acc"]) if "acc" in parts else reward >= self.correct_from - 1e-9
        return Verdict(reward, Status.CORRECT if correct else Status.WRONG, "", parts)


class TrlFunction(InBatches, RewardFunction):
    """f(completions, **columns) -> list of rewards, None where it has nothing to say.

    A completion is a text, and [{"role": "assistant", "content": text}] where the row's prompt is
    messages; `prompts` are as the rows have them. A column that only some rows have is None in the
    others.
    """

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """One call for all completions."""
        lacking = next(filter(None, map(self.lacks, completions)), "")
        if lacking:
            raise VerifierError(lacking)
        chats = [one.info.get("messages") for one in completions]
        arguments: dict[str, Any] = self._columns(completions)
        arguments["prompts"] = [
            chat or one.prompt for chat, one in zip(chats, completions, strict=True)
        ]
        arguments["completions"] = [
            [{"role": "assistant", "content": one.text}] if chat else one.text
            for chat, one in zip(chats, completions, strict=True)
        ]
        rewards = self.rewards_of(self.call(arguments), len(completions))
        return [self.verdict(reward) for reward in rewards]

    def lacks(self, completion: Completion) -> str:
        """A column without a default that the row does not have."""
        there = _row(completion)
        for name, one in self.parameters.items():
            needed = one.default is one.empty and one.kind in _NAMED and name not in self.options
            if needed and name not in (*_GIVEN[Style.trl], *there):
                known = ", ".join(sorted(there))
                what = "is TRL's own and not given here" if name in _OF_TRL_ALONE else "is missing"
                return f"needs the column {name!r}, which {what}; there are: {known}"
        return ""

    def _columns(self, completions: Sequence[Completion]) -> dict[str, list[Any]]:
        rows = [_row(completion) for completion in completions]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _row(completion: Completion) -> dict[str, Any]:
    """The columns of a completion's row, its expected answer under every usual name."""
    answer = dict.fromkeys(_ANSWER_COLUMNS, completion.answer)
    info = {name: value for name, value in completion.info.items() if name != "messages"}
    answers = answer if completion.answer is not None else {}
    return {**answers, "source": completion.source, **info}


class VerlFunction(RewardFunction):
    """compute_score(data_source, solution_str, ground_truth, extra_info) -> float or dict."""

    def verify(self, completion: Completion) -> Verdict:
        """One call for one completion."""
        arguments = (
            completion.source,
            completion.text,
            ground_truth(completion),
            completion.info,
        )
        return self.verdict(self.call(dict(zip(_GIVEN[Style.verl], arguments, strict=True))))

    def lacks(self, completion: Completion) -> str:
        """The expected answer, or an option without a default that the config does not set."""
        return _lacks_of_verl(self, completion, "ground_truth", Style.verl)


class VerlBatchFunction(InBatches, RewardFunction):
    """compute_score(data_sources, solution_strs, ground_truths, extra_infos) -> list."""

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """One call for all completions."""
        columns = (
            [one.source for one in completions],
            [one.text for one in completions],
            [ground_truth(one) for one in completions],
            [one.info for one in completions],
        )
        scores = self.call(dict(zip(_GIVEN[Style.verl_batch], columns, strict=True)))
        return [self.verdict(score) for score in self.rewards_of(scores, len(completions))]

    def lacks(self, completion: Completion) -> str:
        """As of `VerlFunction`."""
        return _lacks_of_verl(self, completion, "ground_truths", Style.verl_batch)


def _lacks_of_verl(
    function: RewardFunction, completion: Completion, expected: str, style: Style
) -> str:
    for name, one in function.parameters.items():
        needed = one.default is one.empty and one.kind in _NAMED
        if needed and name not in (*_GIVEN[style], *function.options):
            return f"needs the option {name!r} (options of its reward)"
        if needed and name == expected and completion.answer is None:
            return "needs an expected answer, and there is none"
    return ""


def ground_truth(completion: Completion) -> Any:
    """The expected answer as verl hands it over: a JSON text stays the text that it was."""
    text = completion.info.get("ground_truth")
    if isinstance(text, str) and decode_object(text) == completion.answer:
        return text
    return completion.answer


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) or hasattr(value, "__float__")


def _hints(function: Function) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError):  # names that exist only for a type checker
        return {}


def _signature(value: Any) -> str:
    if not callable(value) or inspect.isclass(value):
        return (
            f"a {type(value).__name__}" if not inspect.isclass(value) else f"class {value.__name__}"
        )
    return f"{getattr(value, '__name__', 'a callable')}{inspect.signature(value)}"
