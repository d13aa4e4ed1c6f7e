"""`rlsys algorithms list`, `show NAME` and `check NAME`: how a policy can learn from a batch."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsys.commands.options import key_values, summary_of
from rlsys.config.shipped import shipped_configs
from rlsys.errors import ConfigError, instead

if TYPE_CHECKING:
    from rlsys.algorithms.contract import Bound
    from rlsys.algorithms.properties import Finding
    from rlsys.algorithms.registry import Registry
    from rlsys.config.algorithm import AlgorithmConfig

app = typer.Typer(
    no_args_is_help=True, help="What can be learned from: presets, losses, advantage estimators."
)

Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="A plug-in file, as in algorithm.plugins; may be repeated."),
]


@app.command("list")
def list_algorithms(plugin: Plugins = None) -> None:
    """List presets, losses and advantage estimators by name, those of plug-in files too."""
    from rlsys.algorithms.registry import Registry

    registry = Registry(plugin or ())
    table = Table(box=None)
    for heading in ("name", "kind", "what it is"):
        table.add_column(heading)
    for name, file in _presets().items():
        table.add_row(name, "preset", Text(_comment(file).partition(": ")[0]))
    for kind, bounds in (
        ("loss", [registry.loss(name) for name in registry.losses()]),
        ("estimator", [registry.estimator(name) for name in registry.estimators()]),
    ):
        for bound in bounds:
            table.add_row(Text(bound.name), kind, Text(summary_of(bound.spec.function)))
    Console().print(table)


@app.command("show")
def show_algorithm(name: str, plugin: Plugins = None) -> None:
    """Show an algorithm in one place: its equation, its paper, its settings, and a config."""
    from rlsys.algorithms.registry import Registry

    registry, console = Registry(plugin or ()), Console()
    if name in _presets():
        _show_preset(name, registry, console)
    else:
        bound = _named(name, registry)
        _show_function(bound, "loss" if name in registry.losses() else "estimator", console)


@app.command("check")
def check_algorithm(
    name: str,
    plugin: Plugins = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the function, as in strength=2.")
    ] = None,
) -> None:
    """Try a loss or an estimator, or both of a preset, against what has to hold of every one.

    Ends with status 0 when all of it holds, 1 when not, 2 when there is none of this name, or it
    cannot be made with these options.
    """
    from rlsys.algorithms.registry import Registry

    registry = Registry(plugin or ())
    table = Table(box=None)
    for heading in ("of", "what has to hold", "", "outcome"):
        table.add_column(heading)
    failed = False
    for of, finding in _findings(name, registry, key_values(option or [])):
        failed |= not finding.passed
        table.add_row(
            Text(of),
            Text(finding.sentence),
            Text("ok") if finding.passed else Text("FAILED", style="red"),
            Text(finding.outcome),
        )
    Console().print(table)
    if failed:
        raise typer.Exit(1)


def _findings(
    name: str, registry: "Registry", options: dict[str, Any]
) -> "Iterator[tuple[str, Finding]]":
    """What became of each property, with the name of what it is a property of."""
    from rlsys.algorithms.estimator_properties import check_estimator
    from rlsys.algorithms.loss_properties import check_loss
    from rlsys.config.algorithm import AdvantageConfig, AlgorithmConfig, LossConfig, is_per_token

    if name in _presets():
        config = _config_of(name)
        parts = [config.loss.name, config.advantage.estimator]
    else:
        _named(name, registry)
        is_loss = name in registry.losses()
        config = AlgorithmConfig(
            loss=LossConfig(name, options) if is_loss else LossConfig(),
            advantage=AdvantageConfig() if is_loss else AdvantageConfig(name, options),
        )
        parts = [name]
    if any(is_per_token(part) for part in parts[:1]):
        raise ConfigError(
            f"estimator {name!r} makes an advantage of each token, from a policy's batch; what can "
            "be tried without one are estimators of one advantage per completion"
        )
    for part in parts:
        if part in registry.losses():
            for finding in check_loss(registry.loss_of(config)):
                yield part, finding
        elif not is_per_token(part):
            for finding in check_estimator(registry.estimator_of(config)):
                yield part, finding


def _presets() -> dict[str, Path]:
    files = sorted((shipped_configs() / "algorithms").glob("*.yaml"))
    return {file.stem: file for file in files}


def _config_of(preset: str) -> "AlgorithmConfig":
    from rlsys.config.load import load

    return load(shipped_configs() / "base.yaml", [f"algorithm={preset}"]).algorithm


def _named(name: str, registry: "Registry") -> "Bound[Any]":
    """A loss or an estimator.

    Raises:
        ConfigError: there is none; says the nearest of all names.
    """
    if name in registry.losses():
        return registry.loss(name)
    if name in registry.estimators():
        return registry.estimator(name)
    there = {*_presets(), *registry.losses(), *registry.estimators()}
    raise ConfigError(f"no algorithm {name!r}{instead(name, there)}")


def _comment(file: Path) -> str:
    """What stands above the settings of a preset, on one line."""
    lines = file.read_text().splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))


def _show_preset(name: str, registry: "Registry", console: Console) -> None:
    from rlsys.algorithms import losses

    file, config = _presets()[name], _config_of(name)
    console.print(Text(f"{name} (configs/algorithms/{file.name})", style="bold"))
    console.print(Text(_comment(file) + "\n"))
    console.print(Text((inspect.getdoc(losses) or "").split("\n\n")[1] + "\n"))
    for heading, text in _parts(config, registry):
        console.print(Text(heading, style="bold"))
        console.print(Text(text + "\n"), soft_wrap=True)  # an equation keeps its lines
    settings = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    console.print("what differs from the defaults:\n", style="bold")
    console.print(Text("\n".join(settings)))


def _parts(config: "AlgorithmConfig", registry: "Registry") -> Iterator[tuple[str, str]]:
    """Each choice of an algorithm with its equation, as its function's description has it."""
    from rlsys.algorithms import aggregation, kl, off_policy
    from rlsys.config.algorithm import OffPolicy

    estimator, loss = registry.estimator_of(config), registry.loss_of(config)
    yield f"A: {estimator.name}", _with_options(estimator)
    yield f"l_it: {loss.name}, r per {config.loss.ratio.name}", _with_options(loss)
    weights = _line_of(aggregation.sequence_weights, config.loss.aggregation.name)
    yield "w_i, the denominator", weights
    rule = config.off_policy
    around = "the sampler" if rule.mode is OffPolicy.bypass else f"pi_prox ({rule.mode.name})"
    weight = _line_of(off_policy.correction, rule.weight_rule.name)
    bounds = {
        "cap": rule.weight_cap,
        "mask_low": rule.weight_mask_low,
        "mask_high": rule.weight_mask_high,
    }
    told = ", ".join(f"{name} = {bound:g}" for name, bound in bounds.items() if name in weight)
    heading = f"c_it, W per {rule.weight_level.name}, r to {around}"
    yield heading, f"{weight}\n({told})" if told else weight
    if config.kl.coefficient:
        own = config.kl
        text = _line_of(kl.kl_estimate, own.estimator.name)
        yield f"kl_it, in the {own.placement.name}, beta = {own.coefficient:g}", text
    if config.loss.entropy_coefficient:
        yield "alpha", f"{config.loss.entropy_coefficient:g}"


def _with_options(bound: "Bound[Any]") -> str:
    options = ", ".join(f"{name} = {_shown(value)}" for name, value in bound.options.items())
    text = inspect.getdoc(bound.spec.function) or ""
    equation = text.partition("\n\nArgs:")[0]
    return f"{equation}\n({options})" if options else equation


def _shown(value: Any) -> str:
    return str(getattr(value, "name", value))


def _line_of(function: Any, name: str) -> str:
    """What a function's description says of one of its choices: the line that begins with its name,
    and those below that are set further in."""
    lines = (inspect.getdoc(function) or "").splitlines()
    at = next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
    more = []
    for line in lines[at + 1 :]:
        if not line.startswith("  "):
            break
        more.append(line)
    return "\n".join([lines[at], *more])


def _show_function(bound: "Bound[Any]", kind: str, console: Console) -> None:
    from rlsys.algorithms.contract import ESTIMATOR_COLUMNS, LOSS_COLUMNS, options_of

    where = bound.package or bound.file or bound.spec.function.__module__
    console.print(Text(f"{bound.name}, {kind} ({where})", style="bold"))
    text = inspect.getdoc(bound.spec.function) or "(no description)"
    console.print(Text(text + "\n"), soft_wrap=True)
    meanings = {**LOSS_COLUMNS, **ESTIMATOR_COLUMNS}
    rows = [(name, meanings.get(name, "of the batch")) for name in bound.columns]
    console.print(_table(("column", "meaning"), rows))
    options = options_of(bound.spec.function)
    if options:
        empty = inspect.Parameter.empty
        values = [(n, "" if p.default is empty else repr(p.default)) for n, p in options.items()]
        console.print(_table(("option", "default"), values))
    section = f"loss: {{name: {bound.name}}}"
    if kind == "estimator":
        section = f"advantage: {{estimator: {bound.name}}}"
    is_of_file = bound.file and not bound.package
    plugin = f"  plugins: [{bound.file}]\n" if is_of_file else ""
    console.print("\nin a config:\n", style="bold")
    console.print(Text(f"algorithm:\n{plugin}  {section}"))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
