"""`rlsys thinking fit`: a predictor of difficulty from what a run measured."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Predicting how hard a question is.")


@app.callback()
def root() -> None:
    """Predicting how hard a question is."""


@app.command()
def fit(
    run: Annotated[Path, typer.Argument(help="Folder of a run: its samples say what was solved.")],
    out: Annotated[Path, typer.Option(help="File to write, for thinking.regressor.")] = Path(
        "difficulty.npz"
    ),
    model: Annotated[
        str, typer.Option(help="Model whose embeddings are used; empty: the run's newest policy.")
    ] = "",
) -> None:
    """Fit difficulty to the solve rates that a run measured, on the policy's embeddings."""
    from rlsys.evaluation.model import resolve
    from rlsys.thinking import regressor

    console = Console()
    questions, wrong = regressor.measured(run / "samples")
    with console.status(f"embedding {len(questions)} questions"):
        features = regressor.embed(resolve(model or str(run)), questions)
    fitted = regressor.fit(features, wrong)
    fitted.save(out)
    console.print(
        f"{out}: {fitted.questions} questions; correlation with the measured solve rate on the "
        f"fifth that was held out: {fitted.correlation:.2f}",
        highlight=False,
        soft_wrap=True,
    )
