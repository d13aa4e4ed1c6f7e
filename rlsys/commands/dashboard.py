"""`rlsys dashboard`: a Grafana dashboard of runs, put where Ray's own are."""

from pathlib import Path
from typing import Annotated

import typer

RAYS = Path("/tmp/ray/session_latest/metrics/grafana/dashboards")
"""Where a head with a dashboard has those that Grafana is provisioned with."""
FILE = "rlsys_grafana_dashboard.json"


def dashboard(
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; default: beside those of the Ray that runs here."),
    ] = None,
) -> None:
    """Write a Grafana dashboard of what runs tell Prometheus through Ray."""
    from rlsys.disk import replace_text
    from rlsys.errors import ConfigError
    from rlsys.observe.dashboard import to_json

    file = out.expanduser() if out else RAYS / FILE
    if file.is_dir() or not file.absolute().parent.is_dir():
        if out is None:
            raise ConfigError(
                f"no Ray with a dashboard runs here: {RAYS} is not there; start one (`ray start "
                f"--head`), or say where to write: --out {FILE}"
            )
        raise ConfigError(f"--out {out}: a file in a folder that exists; nearest valid: {FILE}")
    replace_text(file, to_json())
    typer.echo(f"{file}")
