"""`rlsys fleet`: how many workers of each role, by what a run of the task was measured at."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig
    from rlsys.simulate.measured import Laws, Run
    from rlsys.simulate.split import Outcome

_STEPS = 10
"""Of a configured run, as it is foretold where no run says how many."""


def fleet(
    config: Annotated[Path, typer.Option(help="The run's YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as in loop.group_size=16")
    ] = None,
    run: Annotated[
        str, typer.Option("--from", metavar="RUN", help="A run whose speed is taken.")
    ] = "",
    laws: Annotated[
        Path | None, typer.Option(help="A YAML table of laws in the place of a run.")
    ] = None,
    devices: Annotated[
        int, typer.Option(min=0, help="How many to divide among the roles; 0: as configured.")
    ] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the run's laws here, as a table.")] = None,
    directory: Annotated[str, typer.Option(help="Where the runs are: run.directory.")] = "runs",
) -> None:
    """Foretell a step's time, and the split of devices that consumes the most tokens.

    The real loop runs on simulated workers, as quick as those of the run or of the table.
    """
    from rlsys.config.load import load
    from rlsys.errors import ConfigError

    if bool(run) == (laws is not None):
        raise ConfigError("rlsys fleet needs the speeds of either --from RUN or --laws FILE")
    settings = load(config, overrides or [])
    found = _of_run(run, directory) if run else _of_table(laws)
    if out:
        from rlsys.disk import replace_text
        from rlsys.simulate.table import to_yaml

        replace_text(out.expanduser(), to_yaml(found))
    found = _as_configured(settings, found)
    typer.echo(_configured(settings, found))
    if devices:
        typer.echo(_divided(settings, found, devices))


def _of_run(run: str, directory: str) -> "Laws":
    from rlsys.config.load import load
    from rlsys.config.model_names import FILE
    from rlsys.config.resume import find_run
    from rlsys.simulate import measured

    folder = find_run(run, directory)
    measured_run = measured.read(folder, load(folder / FILE))
    found = measured.calibrated(measured_run, _shared(measured_run.config))
    typer.echo(f"{folder}: {measured_run.steps} steps, {measured_run.step_s:.3f} s each")
    typer.echo(_decoding(measured_run))
    return found


def _decoding(run: "Run") -> str:
    """What a decoding step takes, and who says so."""
    law = run.laws.sampler
    if run.is_recorded:
        return (
            f"its samplers recorded {law.step_s * 1e3:.2f} ms a decoding step + "
            f"{law.sequence_s * 1e3:.3f} a sequence, and {law.begin_s * 1e3:.2f} a prompt"
        )
    return (
        "note: its samplers did not record what a decoding step takes, since they are of an older "
        "version or had batches that are too much alike; guessed: "
        f"{law.step_s * 1e3:.2f} ms + {law.sequence_s * 1e3:.3f} a sequence"
    )


def _as_configured(config: "RunConfig", laws: "Laws") -> "Laws":
    """With a reference where the settings have one."""
    from actors.roles import needs
    from rlsys.roles import REFERENCE

    is_there = any(need.role == REFERENCE for need in needs(config))
    if is_there and not laws.costs.reference_token_s:
        typer.echo("note: these laws are of a fleet without a reference; its work is left out")
    return laws if is_there else laws.without_reference()


def _of_table(file: Path | None) -> "Laws":
    from rlsys.simulate.table import read

    assert file is not None
    return read(file.expanduser())


def _shared(config: "RunConfig") -> float | None:
    """The cores that all members share; None: each has devices of its own."""
    if config.rollout.gpus or config.learner.gpus:
        return None
    return float(config.cluster.num_cpus or os.cpu_count() or 1)


def _configured(config: "RunConfig", laws: "Laws") -> str:
    """The fleet of the settings, on this machine or each member on its own device."""
    from rlsys.simulate.measured import members_of
    from rlsys.simulate.replay import replay

    members, cores = members_of(config, laws.costs), _shared(config)
    scenario = laws.scenario(config, members, config.learner.ranks)
    steps = max(_STEPS, 3)
    found = replay(scenario, config.loop.max_staleness, steps, cores)
    where = f"sharing {cores:g} cores" if cores else "each on its own device"
    count = f"{members.rollout} rollout, {config.learner.ranks} learner"
    count += f", {members.verifier} verifier"
    if laws.costs.reference_token_s:
        count += f", {members.reference} reference"
    return (
        f"as configured ({count}, {where}): {found.step_s:.3f} s a step, "
        f"{found.tokens_per_s:,.0f} tokens/s, staleness {found.staleness:.1f} "
        f"(max_staleness={config.loop.max_staleness}, {steps} steps)"
    )


def _divided(config: "RunConfig", laws: "Laws", devices: int) -> str:
    from rlsys.simulate.split import plan

    found = plan(config, laws, devices)
    lines = [
        f"{devices:,} devices, a device per member; verifiers on CPUs; "
        f"max_staleness={found.tried_bound}:"
    ]
    lines.append("  rollout  learner  reference  verifier  tokens/s  a device  busy")
    lines += [_row(one, devices) for one in found.tried]
    best, bound = found.best, found.max_staleness
    gain = "nothing to gain over a synchronous loop"
    if found.overlap is not None:
        gain = f"E={found.overlap:.2f}"
    lines.append(
        f"best: max_staleness={bound} (mean {best.mean_staleness:.1f}), {gain}, "
        f"{best.tokens_per_s:,.0f} tokens/s, {best.tokens_per_s / devices:,.1f} a device"
    )
    settings = [*best.split.settings(), f"loop.max_staleness={bound}"]
    return "\n".join([*lines, f"  {' '.join(settings)}"])


def _row(one: "Outcome", devices: int) -> str:
    split = one.split
    busy = ", ".join(f"{role} {share:.0%}" for role, share in one.busy.items() if share >= 0.005)
    return (
        f"  {split.rollout:7d}  {split.ranks:7d}  {split.reference:9d}  {split.verifier:8d}"
        f"  {one.tokens_per_s:8,.0f}  {one.tokens_per_s / devices:8,.1f}  {busy}"
    )
