"""`rlsys inspect FILE`: three rows as they will be prompted, and a dry verdict of the gold answer.

Starts no Ray and loads no model; the tokenizer is the run's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rlsys.config.schema import RunConfig
    from rlsys.config.verifiers import RewardConfig
    from rlsys.data.rows import Row
    from rlsys.data.templates import Tokenizer

_NO_LIMIT = 1_000_000
"""Prompt tokens shown without a config: to be left out is a matter of a run."""


def inspect(
    file: Annotated[str, typer.Argument(help="A data file, or a folder of them.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as in data.template=plain")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The run's YAML file; without it, templates and verifiers are chosen."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Directory or hub id of the model whose tokenizer is used.")
    ] = "",
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 3,
) -> None:
    """Show rows as they will be prompted: text, token ids, mask, and how the right answer fares."""
    from rlsys.config.load import CONFIGS, load
    from rlsys.data.inspect import inspect_rows, render_inspection
    from rlsys.data.read import read_rows
    from verifiers.compose import Composite
    from verifiers.shared_sandbox import SharedSandbox

    console = Console()
    overrides = [*(overrides or ()), *([f"model.path={model}"] if model else ())]
    settings = load(config or CONFIGS / "base.yaml", overrides)
    reading = read_rows(file, settings.data)
    if config is None:
        _fit(settings, reading.rows, overrides)
    with console.status("loading the tokenizer"):
        tokenizer = _tokenizer(settings.model.path)
    sandbox = SharedSandbox(settings.sandbox)
    rewarded = bool(settings.verifiers.rewards)
    composite = Composite(settings.verifiers, sandbox=sandbox) if rewarded else None
    try:
        grade = composite.verify if composite else None
        inspection = inspect_rows(reading, settings.data, tokenizer, grade, rows)
    finally:
        if composite:
            composite.close()
        sandbox.close()
    console.print(render_inspection(inspection))
    if config is None:
        by = ", ".join(r.name for r in settings.verifiers.rewards) or "none: patches are not run"
        console.print(f"without --config: prompts of any length; verifier: {by}", highlight=False)


def _fit(settings: "RunConfig", rows: Sequence["Row"], overrides: Sequence[str]) -> None:
    """Without a config: no limit of length, and the verifier that such rows need; what is named
    on the command line stays."""
    if not any(override.startswith("data.max_prompt_tokens=") for override in overrides):
        settings.data.max_prompt_tokens = _NO_LIMIT
    if not any(override.startswith("verifiers.") for override in overrides):
        settings.verifiers.rewards = fitting_rewards(rows)


def fitting_rewards(rows: Sequence["Row"]) -> list["RewardConfig"]:
    """The built-in verifier for such rows; none for patches, which need a checkout."""
    from rlsys.config.verifiers import RewardConfig
    from rlsys.data.countdown import read_puzzle
    from rlsys.data.rows import PromptKind

    if any(row.kind is PromptKind.PATCH for row in rows):
        return []
    if any(row.kind is PromptKind.PROGRAM for row in rows):
        has_input = all("tests" in row.info for row in rows)
        return [RewardConfig(name="code_programs" if has_input else "code_functions")]
    is_countdown = all(read_puzzle(row.answer) is not None for row in rows)
    return [RewardConfig(name="countdown" if is_countdown else "math")]


def _tokenizer(path: str) -> "Tokenizer":
    """The tokenizer of a model, else that of the small local policy, which is made here."""
    if not path:
        from rlsys.recipes.local_policy import build_tokenizer

        return build_tokenizer()
    from transformers import AutoTokenizer

    from rlsys.errors import ConfigError

    try:
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"model.path={path!r}: no tokenizer can be loaded: {reason}") from error
    return tokenizer
