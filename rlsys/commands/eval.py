"""`rlsys eval`, `rlsys compare` and `rlsys benchmarks`: how good is a model, and is that graded
right?"""

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rlsys.commands.chat import MIN_P, TOP_K, TOP_P
from rlsys.commands.options import PRICE_OF, PRICES
from rlsys.imports import imports

if TYPE_CHECKING:
    from rlsys.config.benchmarks import BenchmarksConfig
    from rlsys.config.run import RunConfig
    from rlsys.evaluation.benchmark import Benchmark

app = typer.Typer(no_args_is_help=True, help="The benchmarks that rlsys eval knows.")

_NO_LIMIT = 1_000_000
_OVERRIDE = re.compile(r"[a-z_]+(\.[a-z_]+)*=")
"""How an override begins: it may stand in MODEL's place."""


Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]... [section.key=value]...",
        help="A Hugging Face directory or hub id, a run of rlsys or one of its checkpoints, or "
        "`local`: the small policy that is prepared here. Several are evaluated in turn. Without "
        "one, the config's benchmarks.policies or model.path. Settings as in rollout.workers=4.",
    ),
]
_DATA = typer.Option(help="Folder that holds the benchmarks' files.")
_BENCHMARKS = typer.Option(help="Names (`rlsys benchmarks list`) or files, separated by commas.")
_SAMPLES = typer.Option(min=1, help="Completions per problem.")
_TEMPERATURES = typer.Option(help="Separated by commas; 0 is greedy.")
_BUDGETS = typer.Option(help="Thinking tokens at most, separated by commas; none: no limit.")
_INSTRUCTION = typer.Option(
    help="Say the budget in the prompt, as in 'Think for at most {budget} tokens.'"
)
_MAX_TOKENS = typer.Option(min=0, help="Completion tokens at most; 0: as each benchmark says.")
_LIMIT = typer.Option(min=0, help="First problems only; 0: all.")
_OUT = typer.Option(help="Folder of the result; one that exists is continued.")
_CONFIG = typer.Option(
    help="YAML file: workers, cluster, and in its section `benchmarks` whatever these options say, "
    "which win."
)


def evaluate(
    models: Models = None,
    benchmarks: Annotated[str | None, _BENCHMARKS] = None,
    data: Annotated[Path | None, _DATA] = None,
    samples: Annotated[int | None, _SAMPLES] = None,
    temperatures: Annotated[str | None, _TEMPERATURES] = None,
    top_k: Annotated[int | None, TOP_K] = None,
    top_p: Annotated[float | None, TOP_P] = None,
    min_p: Annotated[float | None, MIN_P] = None,
    budgets: Annotated[str | None, _BUDGETS] = None,
    instruction: Annotated[str | None, _INSTRUCTION] = None,
    max_tokens: Annotated[int | None, _MAX_TOKENS] = None,
    limit: Annotated[int | None, _LIMIT] = None,
    out: Annotated[Path | None, _OUT] = None,
    config: Annotated[Path | None, _CONFIG] = None,
    prices: Annotated[Path | None, PRICES] = None,
    price_of: Annotated[str | None, PRICE_OF] = None,
) -> None:
    """Evaluate models: Pass@k, Cons@k, lengths, usage; a folder with tables, samples and plots."""
    from rlsys.config.benchmarks import validate
    from rlsys.config.model_names import LOCAL
    from rlsys.errors import ConfigError
    from rlsys.local_policy.resolve import workers

    overrides = [one for one in models or [] if _OVERRIDE.match(one)]
    named = [one for one in models or [] if one not in overrides]
    if not named and config is None:
        raise ConfigError("rlsys eval needs a MODEL, or a --config whose model.path names it")
    settings = workers(config, overrides, *named)
    plan = settings.benchmarks
    named = named or plan.policies or [settings.model.path or LOCAL]
    options: dict[str, Any] = {
        "policies": named if len(named) > 1 else [],
        "names": benchmarks and [name.strip() for name in benchmarks.split(",")],
        "data": data and str(data),
        "samples": samples,
        "temperatures": temperatures and _numbers(temperatures, "--temperatures"),
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "budgets": budgets and _budgets(budgets),
        "instruction": instruction,
        "max_tokens": max_tokens,
        "limit": limit,
        "out": out and str(out),
        "prices": prices and str(prices),
        "price_of": price_of,
    }
    plan = replace(plan, **{k: value for k, value in options.items() if value is not None})
    validate(plan)
    _evaluate(named, plan, config, overrides)


def _evaluate(
    models: list[str], plan: "BenchmarksConfig", config: Path | None, overrides: list[str]
) -> None:
    from rlsys.config.load import CONFIGS
    from rlsys.evaluation.catalog import find
    from rlsys.evaluation.cut import Cut
    from rlsys.evaluation.job import Request
    from rlsys.local_policy.resolve import check_model, workers
    from rlsys.network import require_cluster
    from rlsys.thinking.usage import read_price

    started = time.monotonic()
    console = Console()
    request = Request(
        model=models[0],
        benchmarks=tuple(find(plan.names)),
        data=Path(plan.data).expanduser(),
        samples=plan.samples,
        temperatures=tuple(plan.temperatures),
        budgets=tuple(plan.budgets),
        max_tokens=plan.max_tokens,
        limit=plan.limit,
        cut=Cut(plan.top_k, plan.top_p, plan.min_p).check(),
        instruction=plan.instruction,
    )
    price = read_price(
        Path(plan.prices).expanduser() if plan.prices else CONFIGS / "eval" / "prices.yaml",
        plan.price_of,
    )
    settings = workers(config, overrides, *models)
    for model in models:
        check_model(model, settings)
    require_cluster(settings.cluster.address)
    console.print("loading the libraries (ray, torch, transformers)", highlight=False)
    with imports():
        from rlsys.evaluation.job import assemble

    def notice(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    jobs = [assemble(replace(request, model=m), config, overrides, notice) for m in models]
    name = jobs[0].name + (f"-and-{len(jobs) - 1}" if len(jobs) > 1 else "")
    folder = Path(plan.out or Path(settings.run.directory) / f"eval-{name}").expanduser()
    with imports():
        from actors.drivers.evaluate import run

    one = jobs[0].model if len(jobs) == 1 else ""
    several = [job.model for job in jobs if not one]
    asked = replace(
        settings,
        benchmarks=replace(plan, policies=several),
        model=replace(settings.model, path=one),
    )
    run(jobs, asked, folder.resolve(), not plan.out, price, console, started)


def compare(
    a: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    b: Annotated[Path, typer.Argument(help="Folder of another one.")],
) -> None:
    """Two evaluations side by side: Pass@1 of B minus A on the same problems."""
    from rlsys.evaluation.compare import compare as compare_results
    from rlsys.evaluation.compare import read_result

    pairs = compare_results(read_result(a), read_result(b))
    table = Table(box=None, pad_edge=False)
    for heading in ("benchmark", "setting", "problems", "A", "B", "B - A, 95 %", "p"):
        table.add_column(heading, justify="left" if heading == "benchmark" else "right")
    for pair in pairs:
        d = pair.difference
        table.add_row(
            pair.benchmark,
            pair.setting,
            str(d.problems),
            f"{pair.a:.3f}",
            f"{pair.b:.3f}",
            str(d),
            f"{d.p_value:.4f}",
        )
    console = Console()
    console.print(table)
    console.print("p: paired permutation test of Pass@1, two-sided", highlight=False)
    for pair in pairs:
        a_tokens, b_tokens = pair.max_tokens
        if a_tokens != b_tokens:
            console.print(
                f"{pair.benchmark} {pair.setting}: completions of A end at {a_tokens:,} tokens, "
                f"those of B at {b_tokens:,}",
                highlight=False,
            )
        if pair.unpaired:
            console.print(
                f"{pair.benchmark} {pair.setting}: {pair.unpaired} problems are in one of them "
                "only and take no part",
                highlight=False,
            )


@app.command("list")
def list_benchmarks() -> None:
    """Every benchmark, with its verifier and where its rows are looked for."""
    from rlsys.evaluation.catalog import find, names

    table = Table(box=None, pad_edge=False)
    for heading in ("benchmark", "what", "verifier", "file below --data"):
        table.add_column(heading)
    for benchmark in find(names()):
        files = ", ".join(benchmark.files) or "none needed"
        table.add_row(benchmark.name, benchmark.about, benchmark.verifier, files)
    Console().print(table)


@app.command("check")
def check(
    names: Annotated[list[str], typer.Argument(help="Names or files of benchmarks.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value, as in sandbox.zygotes=2")
    ] = None,
    data: Annotated[Path, _DATA] = Path("data"),
) -> None:
    """Grade each benchmark's own gold answers, and empty ones, as an evaluation would."""
    from rlsys.config.load import CONFIGS, load
    from rlsys.evaluation.catalog import find

    console = Console()
    settings = load(CONFIGS / "base.yaml", overrides or [])
    failed = False
    for benchmark in find(names):
        failed |= not _check(benchmark, data.expanduser(), settings, console)
    if failed:
        raise typer.Exit(1)


def _check(benchmark: "Benchmark", data: Path, settings: "RunConfig", console: Console) -> bool:
    from rlsys.data.templates import tokenize
    from rlsys.evaluation.gold import check_gold
    from rlsys.grading.process import VerifierProcess
    from rlsys.local_policy.policy import build_tokenizer

    rows = benchmark.load(data)
    # Any tokenizer will do: the prompt's text says how its answer has to be written.
    prompting = benchmark.prompting(has_chat_template=False, max_prompt_tokens=_NO_LIMIT)
    tokenized = tokenize(rows, prompting, build_tokenizer())
    verifiers = replace(settings.verifiers, rewards=benchmark.rewards(data))
    graders = VerifierProcess(verifiers, settings.sandbox)
    try:
        with console.status(f"{benchmark.name}: {len(rows)} gold and {len(rows)} empty answers"):
            report = check_gold(tokenized.rows, tokenized.prompts, graders.grade)
    finally:
        graders.close()
    if graders.note:
        console.print(f"{benchmark.name}: {graders.note}", highlight=False)
    console.print(f"{benchmark.name}: {report}", highlight=False)
    for line in report.exceptions:
        console.print(f"  {line}", highlight=False, markup=False)
    return report.passed


def _numbers(text: str, option: str) -> list[float]:
    from rlsys.config.ranges import Range
    from rlsys.errors import ConfigError

    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"{option} {text}: numbers separated by commas, as in 0.6,1.0") from error
    for number in found:
        refusal = Range(least=0).refusal(number, default=0.6)
        if refusal:
            raise ConfigError(f"{option} {text}: {number}: {refusal}")
    return found


def _budgets(text: str) -> list[int | None]:
    from rlsys.errors import ConfigError

    try:
        found = [None if part.strip() == "none" else int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--budgets {text}: whole numbers or none, separated by commas, as in 512,2048,none"
        ) from error
    if any(budget is not None and budget < 0 for budget in found):
        raise ConfigError(f"--budgets {text}: each must be 0 or more; 0 is no thinking at all")
    return found
