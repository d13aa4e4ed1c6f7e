"""Verifiers by name: built in, from plug-in files, and from installed packages.

A plug-in file assigns `VERIFIERS = {"name": Class}`, or has reward functions as TRL or verl call
them (verifiers/reward_functions.py); a package has an entry point of that name in the group
`rlsys.verifiers`. Options are the parameters of the class or function.
"""

import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

from rlsys import entry_points
from rlsys.config.ranges import Range, choices_of, named_by, range_of
from rlsys.errors import PluginError, VerifierError, instead
from rlsys.faults import describe, told_if_slow
from rlsys.options import fits, type_name
from rlsys.plugins import PLUGIN_MODULE, PluginFile, all_read, run_plugin
from verifiers.base import Verifier
from verifiers.reward_functions import Style, factory_of, is_reward_factory, style_of
from verifiers.sandbox.interface import Sandbox

ENTRY_POINT_GROUP = "rlsys.verifiers"
Factory = Callable[..., Verifier]
_SANDBOX = "sandbox"

_BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "budget": "verifiers.form.budget:BudgetVerifier",
        "choice": "verifiers.math.choice:ChoiceVerifier",
        "code_functions": "verifiers.code.functions:FunctionVerifier",
        "code_programs": "verifiers.code.programs:ProgramVerifier",
        "countdown": "verifiers.math.countdown:CountdownVerifier",
        "fluency": "verifiers.models.fluency:FluencyVerifier",
        "format": "verifiers.form.format:FormatVerifier",
        "judge": "verifiers.models.judge:JudgeVerifier",
        "language": "verifiers.form.language:LanguageVerifier",
        "math": "verifiers.math.verifier:MathVerifier",
        "readable": "verifiers.form.readable:ReadableVerifier",
        "reasoning": "verifiers.form.reasoning:ReasoningVerifier",
        "reward_model": "verifiers.models.reward_model:RewardModelVerifier",
        "repository": "verifiers.repository.verifier:RepositoryVerifier",
        "world_judge": "verifiers.form.world_judge:WorldJudge",
    }
)


class Registry:
    """The verifiers that this process can make.

    Args:
        plugins: plug-in files, or their paths, relative to the working directory.

    Raises:
        VerifierError: a plug-in file is missing, fails to import or has no VERIFIERS.
    """

    def __init__(self, plugins: Sequence[str | PluginFile] = ()) -> None:
        self._from_files: dict[str, Factory] = {}
        try:
            files = all_read(plugins)
        except PluginError as error:
            raise VerifierError(str(error)) from error
        for file in files:
            for name, factory in _load(file).items():
                if name in _BUILT_IN or name in self._from_files:
                    raise VerifierError(f"plug-in {file.path}: the name {name!r} is already taken")
                self._from_files[name] = factory

    def names(self) -> list[str]:
        """All names, sorted; importing none of the built-in verifiers."""
        installed = entry_points.names_in(ENTRY_POINT_GROUP)
        return sorted({*_BUILT_IN, *self._from_files, *installed})

    def factory(self, name: str) -> Factory:
        """The class behind a name.

        Raises:
            VerifierError: no verifier has this name; says the nearest. Or a package's fails to be
                imported.
        """
        if name in _BUILT_IN:
            module, _, attribute = _BUILT_IN[name].partition(":")
            return typing.cast(Factory, vars(importlib.import_module(module))[attribute])
        if name in self._from_files:
            return self._from_files[name]
        try:
            installed = entry_points.find(ENTRY_POINT_GROUP, name)
        except PluginError as error:
            raise VerifierError(str(error)) from error
        if installed is None:
            raise VerifierError(f"no verifier {name!r}{instead(name, self.names())}")
        return typing.cast(Factory, installed.value)

    def is_reward_function(self, name: str) -> bool:
        """Whether a name is that of a function written for TRL or verl."""
        return name in self._from_files and is_reward_factory(self._from_files[name])

    def check(self, name: str, options: Mapping[str, Any]) -> None:
        """Raise VerifierError unless the verifier exists and takes these options: their names,
        types, and what stands with the field, as in a setting: ranges of numbers, choices of
        texts, and what has none by itself."""
        factory = self.factory(name)
        parameters = options_of(factory)
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            return
        hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
        for option, value in options.items():
            if option not in parameters:
                raise VerifierError(
                    f"verifier {name!r} has no option {option!r}{instead(option, parameters)}"
                )
            if not fits(value, hints.get(option)):
                raise VerifierError(
                    f"verifier {name!r}: option {option}={value!r} must be a "
                    f"{type_name(hints[option])}, not a {type(value).__name__}; options: "
                    f"{', '.join(parameters)}"
                )
            refusal = _refusal(value, factory, option)
            if refusal:
                raise VerifierError(f"verifier {name!r}: option {option}={value!r}{refusal}")
        for option, named in needed_options(factory).items():
            if not options.get(option):
                raise VerifierError(
                    f"verifier {name!r}: the option {option} is empty: it names {named}"
                )

    def create(
        self,
        name: str,
        options: Mapping[str, Any] | None = None,
        sandbox: Callable[[], Sandbox] | None = None,
    ) -> Verifier:
        """Make a verifier.

        Args:
            sandbox: gives the sandbox of this process; asked only for a verifier that has a
                parameter of that name, since it runs programs.

        Raises:
            VerifierError: unknown name, an option that is unknown, mistyped or refused, or no
                sandbox where one is needed.
            SandboxError: the sandbox cannot be started.
        """
        options = options or {}
        self.check(name, options)
        factory = self.factory(name)
        given: dict[str, Any] = {}
        if _SANDBOX in inspect.signature(factory).parameters:
            if sandbox is None:
                raise VerifierError(f"verifier {name!r} runs programs and is given no sandbox")
            given[_SANDBOX] = sandbox()
        if self.is_built_in(name):
            return factory(**given, **options)
        try:
            with told_if_slow(f"making the verifier {name!r}", _file_of(factory)):
                return factory(**given, **options)
        except Exception as error:  # whatever a user's class raises becomes one error that names it
            raise VerifierError(
                f"verifier {name!r} cannot be made: {describe(error, _file_of(factory))}"
            ) from error

    @staticmethod
    def is_built_in(name: str) -> bool:
        """Whether the project brings this verifier, so that its own tests have tried it."""
        return name in _BUILT_IN


def options_of(factory: Factory) -> dict[str, inspect.Parameter]:
    """The parameters of a verifier that a config may set."""
    parameters = inspect.signature(factory).parameters
    return {name: one for name, one in parameters.items() if name != _SANDBOX}


def _load(file: PluginFile) -> dict[str, Factory]:
    try:
        module = run_plugin(file)
    except PluginError as error:
        raise VerifierError(str(error)) from error
    try:
        return _factories(module, file.functions)
    except VerifierError as error:
        raise VerifierError(f"plug-in {file.path}: {error}") from error


def _factories(module: ModuleType, functions: Sequence[str]) -> dict[str, Factory]:
    """The functions that were named, else VERIFIERS, else all reward functions of the file."""
    there = vars(module)
    own = {
        name: value
        for name, value in there.items()
        if isinstance(value, FunctionType)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    for name in functions:
        if name not in there:
            raise VerifierError(f"it has no function {name!r}{instead(name, own)}")
    if functions:
        return {name: factory_of(name, there[name]) for name in functions}
    verifiers = there.get("VERIFIERS")
    if verifiers is not None and (not isinstance(verifiers, dict) or not verifiers):
        raise VerifierError('expected VERIFIERS = {"name": Class}')
    if verifiers:
        for name in verifiers:
            if not isinstance(name, str) or not name.strip():
                raise VerifierError(f"VERIFIERS[{name!r}]: expected a text as name")
        return {n: _named(n, value) for n, value in verifiers.items()}
    found = {
        name: factory_of(name, value) for name, value in own.items() if _is_reward(name, value)
    }
    if not found:
        raise VerifierError(
            'expected VERIFIERS = {"name": Class}, or a reward function: '
            f"{Style.trl.value} or {Style.verl.value}"
        )
    return found


def _named(name: str, value: Any) -> Factory:
    """What VERIFIERS has under a name: a reward function, or a class with what a verifier needs."""
    if _is_reward(name, value):
        return factory_of(name, value)
    if not callable(value):
        raise VerifierError(f"VERIFIERS[{name!r}]: expected a class, got {value!r}")
    needed = ("verify", "self_test") if inspect.isclass(value) else ()
    for method in needed:
        if not callable(getattr(value, method, None)):
            raise VerifierError(f"VERIFIERS[{name!r}]: the class {value.__name__} has no {method}")
    return typing.cast(Factory, value)


def _is_reward(name: str, value: object) -> bool:
    return isinstance(value, FunctionType) and style_of(name, value) is not None


def plugin_of(factory: Factory) -> str:
    """The plug-in file that it is written in; empty for a module that is imported by its name."""
    return _file_of(factory) if factory.__module__.startswith(PLUGIN_MODULE) else ""


def _file_of(factory: Factory) -> str:
    return getattr(sys.modules.get(factory.__module__), "__file__", None) or ""


def needed_options(factory: Factory) -> dict[str, str]:
    """The options that have no default of their own, with what each names."""
    return {one.name: named for one in _stated(factory) if (named := named_by(one))}


def _stated(factory: Factory) -> "tuple[Field[Any], ...]":
    return fields(factory) if is_dataclass(factory) else ()


def _refusal(value: Any, factory: Factory, option: str) -> str:
    """The end of an error about a number out of its option's range, or a text that is none of its
    choices; empty: it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    field = next((one for one in _stated(factory) if one.name == option), None)
    if isinstance(value, str):
        choices = choices_of(field) if field else None
        return instead(value, choices) if choices and value not in choices else ""
    limits = (range_of(field) if field else None) or Range()
    refusal = limits.refusal(value, options_of(factory)[option].default)
    return f": {refusal}" if refusal else ""
