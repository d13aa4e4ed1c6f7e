"""`rlsys serve`: let programs talk to a model."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

import rlsys.thinking
from rlsys.commands.talk import Model, Overrides

if TYPE_CHECKING:
    from rlsys.config.schema import RunConfig

_PARSER = Path(rlsys.thinking.__file__).parent / "vllm_parser.py"


def serve(
    model: Model,
    overrides: Overrides = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """vLLM's OpenAI-compatible server with a reasoning parser and thinking limits.

    A request limits its thinking with the field `max_reasoning_tokens`, and keeps it open with
    `min_reasoning_tokens`.
    """
    from rlsys.engines.vllm_environment import set_environment
    from rlsys.evaluation.model import settle
    from rlsys.network import require_free

    require_free(host, port)
    console = Console()
    config = settle(model, None, overrides or [], lambda line: console.print(line, highlight=False))
    set_environment(config.rollout, config.weights.transport)
    command = server_command(config, host, port)
    console.print(" ".join(command), highlight=False, markup=False, soft_wrap=True)
    sys.stdout.flush()
    os.execv(command[0], command)


def server_command(config: "RunConfig", host: str, port: int) -> list[str]:
    """vLLM's server as a command, in the environment that `set_environment` made. By module: its
    console script looks for package metadata that the CPU build does not have."""
    from rlsys.engines.vllm_environment import thinking_processor
    from rlsys.thinking.http_fields import MIDDLEWARE

    rollout = config.rollout
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", config.model.path, "--host", host, "--port", str(port)),
        *("--max-model-len", str(config.model.max_context), "--dtype", rollout.dtype.value),
        *("--max-num-seqs", str(rollout.max_sequences)),
        *("--tensor-parallel-size", str(rollout.tensor_parallel)),
        # It reads <think> and </think>, whether the prompt or the model opens the block.
        *("--reasoning-parser", "rlsys", "--reasoning-parser-plugin", str(_PARSER)),
        *("--logits-processors", thinking_processor(), "--middleware", MIDDLEWARE),
    ]
    return command if rollout.gpus else [*command, "--enforce-eager"]
