"""What a loss and an advantage estimator are: functions whose parameters say what they read.

    def surer(ratio, advantages, teacher_logprobs, *, strength: float = 1.0):
        '''Policy gradient, weighed by how likely the teacher finds a token.

        l = -r A pi_T ^ strength
        '''
        return -ratio * advantages * (strength * teacher_logprobs).exp()

    LOSSES = {"surer": surer}

A parameter before the star is a column by its name, one behind it an option. A file may have
LOSSES, ADVANTAGES or both; what has to be said of a function beside its name is said by wrapping it
in TokenLoss or Estimator. The built-in ones are of the same kind.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from rlsys.config.ranges import Range
from rlsys.errors import AlgorithmError, RlsysError, instead
from rlsys.faults import describe
from rlsys.options import fits, type_name

LOSS_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "ratio": "pi_theta / pi_prox, as loss.ratio has it; the gradient flows through it",
        "advantages": "of each token, those of a teacher or critic included",
        "policy_logprobs": "under the policy in training, nats; the gradient flows through them",
        "rollout_logprobs": "under the policy that sampled, nats",
        "proximal_logprobs": "under the policy that the ratio is taken to, nats",
        "entropy": "of the policy at each token, nats; the gradient flows through it",
        "mask": "bool, false on padding and on tokens that are not trained",
    }
)
"""[B, T] each: what every loss may read, whatever a run's roles bring."""
ESTIMATOR_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "rewards": "float64, after penalties; each row has one",
        "groups": "int, which rows answer the same prompt, numbered from 0",
        "difficulty": "the data's, NaN where a row has none; None where no row has one",
        "lengths": "int, tokens of the completion",
        "correct": "bool, what the verdict was",
    }
)
"""[N] each, of all of a step's completions that have a reward."""


@dataclass(frozen=True)
class TokenLoss:
    """A loss [B, T] of each token, to be minimized; see algorithms/losses.py for what is made of
    it."""

    function: Callable[..., Any]
    """Returns the loss, or a clipping.Surrogate, which also says where it clipped. It leaves its
    columns as they are."""
    stops_gradient: bool = False
    """It detaches something on purpose, so its gradient is not the slope of its value."""


@dataclass(frozen=True)
class Estimator:
    """Advantages [N] of completions, from their rewards."""

    function: Callable[..., Any]
    beyond_groups: bool = False
    """It compares completions of different prompts; else equal rewards of a group get exactly 0."""


Spec = TypeVar("Spec", TokenLoss, Estimator)
_KINDS = {TokenLoss: "loss", Estimator: "estimator"}


@dataclass(frozen=True)
class Bound(Generic[Spec]):
    """A loss or an estimator with its options, to be called with columns by their names."""

    name: str
    spec: Spec
    options: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    """Of a plug-in or a package; empty: built in."""
    package: str = ""
    """That brings it by an entry point, with its version."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads, in the order of its parameters."""
        return columns_of(self.spec.function)

    def call(self, columns: Mapping[str, Any]) -> Any:
        """What the function makes of the columns that it names.

        Raises:
            AlgorithmError: a user's function raised something; says where.
        """
        given = [columns[name] for name in self.columns]
        if not self.file:
            return self.spec.function(*given, **self.options)
        try:
            return self.spec.function(*given, **self.options)
        except Exception as error:  # whatever a user's function raises becomes one that names it
            told = str(error) if isinstance(error, RlsysError) else describe(error, self.file)
            raise self.error(told) from error

    def error(self, told: str) -> AlgorithmError:
        """What is wrong with it."""
        origin = self.package or self.file
        where = f" of {origin}" if origin else ""
        return AlgorithmError(f"{_KINDS[type(self.spec)]} {self.name!r}{where}: {told}")


def columns_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters before the star."""
    options = options_of(function)
    return tuple(name for name in inspect.signature(function).parameters if name not in options)


def options_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters behind the star."""
    parameters = inspect.signature(function).parameters
    only = inspect.Parameter.KEYWORD_ONLY
    return {name: one for name, one in parameters.items() if one.kind is only}


def bind(bare: Bound[Spec], settings: Mapping[str, Any], options: Mapping[str, Any]) -> Bound[Spec]:
    """The function with its options.

    Args:
        settings: of the config's own sections, by name; an option of such a name is that setting.
        options: of the config's `options`.
    Raises:
        AlgorithmError: an option is unknown, mistyped, missing, or is a setting.
    """
    function = bare.spec.function
    for problem in _problems(function, settings, options):
        raise bare.error(problem)
    own = {option: settings[option] for option in options_of(function) if option in settings}
    return replace(bare, options={**own, **options})


def _problems(
    function: Callable[..., Any], settings: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[str]:
    known = options_of(function)
    own = {name: one for name, one in known.items() if name not in settings}
    hints = typing.get_type_hints(function)
    for option, value in options.items():
        if option in settings and option in known:
            yield f"option {option}={value!r}: it is a setting of the config by itself"
        elif option not in own:
            yield f"no option {option!r}{instead(option, own)}"
        elif not fits(value, hints.get(option)):
            yield (
                f"option {option}={value!r} must be a {type_name(hints[option])}, not a "
                f"{type(value).__name__}; options: {', '.join(own)}"
            )
        elif refusal := _refusal(value, own[option]):
            yield f"option {option}={value!r}: {refusal}"
    for option, parameter in own.items():
        if parameter.default is inspect.Parameter.empty and option not in options:
            yield f"the option {option!r} has no default and is not set"


def _refusal(value: Any, parameter: inspect.Parameter) -> str:
    """What is wrong with a number; empty: nothing, or it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    empty = parameter.default is inspect.Parameter.empty
    return Range().refusal(value, None if empty else parameter.default)
