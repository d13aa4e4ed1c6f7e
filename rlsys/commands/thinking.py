"""`rlsys thinking`: what a run's thinking cost, and how hard its questions were."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rlsys.commands.options import PRICE_OF, PRICES

app = typer.Typer(no_args_is_help=True, help="What thinking costs, and who needs it.")


@app.command()
def usage(
    folder: Annotated[Path, typer.Argument(help="A run's folder, or an evaluation's.")],
    prices: Annotated[Path | None, PRICES] = None,
    price_of: Annotated[str, PRICE_OF] = "local",
) -> None:
    """Prompt, thinking and answer tokens of a folder's samples, and what they cost."""
    from rlsys.config.load import CONFIGS
    from rlsys.thinking.usage import read_price, total, used

    price = read_price(prices or CONFIGS / "eval" / "prices.yaml", price_of)
    by_source = used(folder / "samples")
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "answers", "prompt", "thinking", "answer", "thinking/output", "$"):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    rows = [
        *by_source.items(),
        *([("all", total(by_source.values()))] if len(by_source) > 1 else []),
    ]
    for name, one in rows:
        tokens = (one.requests, one.prompt_tokens, one.thinking_tokens, one.answer_tokens)
        share = one.thinking_tokens / max(1, one.output_tokens)
        table.add_row(name, *(f"{n:,}" for n in tokens), f"{share:.1%}", f"{price.cost(one):.4f}")
    Console().print(table)


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
    from rlsys.local_policy.resolve import resolve
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
