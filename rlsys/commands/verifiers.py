"""`rlsys verifiers list`, `show NAME` and `check NAME`: what can grade answers, how, how safely."""

import ast
import dataclasses
import inspect
import json
import textwrap
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsys.commands.options import key_values, summary_of

app = typer.Typer(no_args_is_help=True, help="What can grade answers.")

Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="A plug-in file, as in verifiers.plugins; may be repeated."),
]


@app.command("list")
def list_verifiers(plugin: Plugins = None) -> None:
    """List the verifiers by name: built in, from plug-in files, from installed packages."""
    from verifiers.registry import Registry

    registry = Registry(plugin or ())
    table = Table(box=None)
    for heading in ("name", "from", "what it pays for"):
        table.add_column(heading)
    for name in registry.names():
        factory = registry.factory(name)
        table.add_row(Text(name), Text(_origin(factory)), Text(summary_of(factory)))
    Console().print(table)


@app.command("show")
def show_verifier(name: str, plugin: Plugins = None) -> None:
    """Show what a verifier pays for, its options, and a config that uses it."""
    from verifiers.registry import Registry

    factory = Registry(plugin or ()).factory(name)
    console = Console()
    console.print(Text(f"{name} ({_origin(factory)})", style="bold"))
    for paragraph in (inspect.getdoc(factory) or "(no description)").split("\n\n"):
        console.print(Text(" ".join(paragraph.split()) + "\n"))
    console.print(_options_table(factory))
    console.print("\nin a config:\n", style="bold")
    console.print(Text(_example(name, factory)))


@app.command("check")
def check_verifier(
    name: str,
    plugin: Plugins = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the verifier, as in max_chars=40.")
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="As verifiers.timeout_s.")] = 10.0,
    memory_mb: Annotated[int, typer.Option(help="As verifiers.memory_mb.")] = 2048,
) -> None:
    """Try a verifier in a real worker: right, wrong and hostile answers, each class reported.

    Ends with status 0 when every answer got a verdict and the known ones the right one, 1 when
    not, 2 when the verifier cannot be made or fails its self-test.
    """
    from rlsys.config.grader_models import require_graders
    from rlsys.config.graders import find_graders
    from rlsys.config.run import ClusterConfig, RunSection
    from rlsys.config.verifiers import RewardConfig, VerifiersConfig, validate
    from rlsys.network import require_cluster
    from verifiers.settings import require_verifiers

    reward = RewardConfig(name, options=key_values(option or []))
    config = VerifiersConfig(
        plugins=plugin or [], rewards=[reward], timeout_s=timeout_s, memory_mb=memory_mb
    )
    validate(config)
    find_graders(config, RunSection().directory)
    require_verifiers(config)
    require_graders(config, RunSection().directory)
    require_cluster(ClusterConfig().address)
    from actors.drivers.check_verifier import check

    console = Console()
    console.print(f"{name}: starting a verifier worker on a local Ray", highlight=False)
    table = Table(box=None)
    for heading in ("answers", "number", "", "seconds", "outcome"):
        table.add_column(heading)
    failed = False
    for finding in check(config):
        failed |= not finding.passed
        table.add_row(
            Text(f"{finding.trial.name}: {finding.trial.meaning}"),
            str(len(finding.trial.completions)),
            Text("ok") if finding.passed else Text("FAILED", style="red"),
            f"{finding.seconds:.2f}",
            Text(finding.outcome),
        )
    console.print(table)
    if failed:
        raise typer.Exit(1)


def option_texts(factory: Callable[..., Any]) -> dict[str, str]:
    """The text under each field of a class, which Python itself does not keep."""
    if not inspect.isclass(factory):
        return {}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(factory))).body[0]
    except (OSError, TypeError):  # no source: made at run time, or shipped without it
        return {}
    assert isinstance(tree, ast.ClassDef)
    texts = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            texts[field.target.id] = " ".join(below.value.value.split())
    return texts


def _options_table(factory: Callable[..., Any]) -> Table | Text:
    from verifiers.registry import options_of

    parameters = options_of(factory).values()
    if not parameters:
        return Text("no options")
    hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory)
    texts = option_texts(factory)
    table = Table(box=None)
    for heading in ("option", "type", "default", "meaning"):
        table.add_column(heading)
    for parameter in parameters:
        hint = hints.get(parameter.name)
        plain = hint.__name__ if inspect.isclass(hint) else str(hint or "any")
        default = _default(factory, parameter)
        table.add_row(
            Text(parameter.name),
            Text(plain),
            Text("(required)" if default is inspect.Parameter.empty else repr(default)),
            Text(texts.get(parameter.name, "")),
        )
    return table


def _default(factory: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """A parameter's default; `inspect.Parameter.empty` when it has none."""
    if dataclasses.is_dataclass(factory):
        for field in dataclasses.fields(factory):
            if field.name == parameter.name and callable(field.default_factory):
                return field.default_factory()
    return parameter.default


def _origin(factory: Callable[..., Any]) -> str:
    """Where it is written: a plug-in's file, else the module."""
    from rlsys.observe.next_steps import near
    from verifiers.registry import plugin_of

    plugin = plugin_of(factory)
    return near(Path(plugin)) if plugin else factory.__module__


def _example(name: str, factory: Callable[..., Any]) -> str:
    """YAML that uses the verifier: with its plug-in file, and with what it has to be told, as in
    `model: MODEL`, or else with its first option, as JSON writes it, at its default."""
    from verifiers.registry import needed_options, options_of, plugin_of

    plugins = f"  plugins: [{_origin(factory)}]\n" if plugin_of(factory) else ""
    shown = [f"{option}: {option.upper()}" for option in needed_options(factory)]
    if not shown:
        defaults = {p.name: _default(factory, p) for p in options_of(factory).values()}
        shown = [
            f"{option}: {json.dumps(default)}"
            for option, default in defaults.items()
            if isinstance(default, (bool, int, float, str))
        ][:1]
    options = f", options: {{{', '.join(shown)}}}" if shown else ""
    return f"verifiers:\n{plugins}  rewards:\n    - {{name: {name}, weight: 1.0{options}}}"
