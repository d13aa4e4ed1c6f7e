"""`rlsys serve`: let programs talk to a model."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsys.commands.chat import Model
from rlsys.errors import ConfigError
from rlsys.logs import new_file
from rlsys.serving import ready

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig

_PARSER = Path(ready.__file__).parent / "vllm_parser.py"
_TOOLS = "--enable-auto-tool-choice"
_OURS = {
    "--model": "MODEL",
    "--host": "--host",
    "--port": "--port",
    "--served-model-name": "--name",
    "--api-key": "--api-key",
}
"""Options of vLLM's that rlsys serve has itself."""

Words = Annotated[
    list[str] | None,
    typer.Argument(
        help="section.key=value, as in rollout.gpus=1; what follows `--` goes to vLLM's server as "
        "it stands, as in `-- --enable-prefix-caching`.",
        metavar="[OVERRIDES]... [-- VLLM OPTIONS]",
    ),
]


def serve(
    model: Model,
    words: Words = None,
    name: Annotated[
        str, typer.Option(help="What requests call the model; without it, MODEL as it is typed.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    api_key: Annotated[
        str,
        typer.Option(
            envvar="VLLM_API_KEY",
            help="Key that requests must bring; the variable keeps it out of the process list.",
        ),
    ] = "",
) -> None:
    """vLLM's OpenAI-compatible server with a reasoning parser and thinking limits.

    A request limits its thinking with the field `max_reasoning_tokens`, and keeps it open with
    `min_reasoning_tokens`.
    """
    overrides, options = split(words or [])
    from rlsys.local_policy.resolve import fit_machine, settings_for
    from rlsys.network import require_free
    from rlsys.sampling.vllm_environment import custom_ops, quiet, require_gpus, set_environment

    require_free(host, port)
    quiet()
    console = Console()

    def notice(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    config = fit_machine(settings_for(model, None, overrides, notice), notice)
    if latents := config.thinking.fed_back:
        raise ConfigError(
            f"MODEL {model} thinks in {latents} latents, which vLLM's server cannot make: it would "
            "answer as another policy than the one that was trained; nearest valid: rlsys chat "
            f"{model}"
        )
    require_gpus(config.rollout)
    log = new_file("serve")
    served = ready.Served(host, port, name or model, bool(api_key), str(log))
    set_environment(config.rollout, config.weights.transport)
    if ops := custom_ops(config.model.path, config.rollout):
        options = ["--compilation-config", json.dumps({"custom_ops": ops}), *options]
    command = server_command(config, served, options)
    notice(
        f"loading {config.model.path} into vLLM's server (its log: {log}): {shlex.join(command)}"
    )
    os.environ[ready.VARIABLE] = served.to_json()
    if api_key:
        os.environ["VLLM_API_KEY"] = api_key
    sys.stdout.flush()
    os.execv(command[0], command)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Overrides, and vLLM's options behind `--`, which the command line has taken away: no override
    begins with a dash.

    Raises:
        ConfigError: one of the options is set by rlsys serve itself.
    """
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    overrides, options = list(words[:first]), list(words[first:])
    for option in options:
        given = option.partition("=")[0].replace("_", "-")
        if given in _OURS:
            raise ConfigError(
                f"-- {option}: rlsys serve sets it; give {_OURS[given]}, in front of the `--`"
            )
    return overrides, options


def server_command(
    config: "RunConfig", served: ready.Served, options: Sequence[str] = ()
) -> list[str]:
    """vLLM's server as a command, in the environment that `set_environment` made. Of an option that
    stands twice, vLLM takes the last."""
    from rlsys.sampling.vllm_environment import thinking_processor

    rollout = config.rollout
    # They are named in a file that imports vLLM.
    parser = "rlsys_tools" if _TOOLS in options else "rlsys"
    command = [
        # Left out are warnings for vLLM's own developers: its module is deprecated for the script,
        # torch's names for others.
        *(sys.executable, "-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning"),
        *("-m", "rlsys.serving.server"),
        *("--model", config.model.path, "--served-model-name", served.name),
        *("--host", served.host, "--port", str(served.port)),
        *("--max-model-len", str(config.model.max_context), "--dtype", rollout.dtype.value),
        *("--tensor-parallel-size", str(rollout.tensor_parallel)),
        *("--reasoning-parser", parser, "--reasoning-parser-plugin", str(_PARSER)),
        *("--logits-processors", thinking_processor(config.rollout)),
        *("--middleware", ready.MIDDLEWARE),
        *("--uvicorn-log-level", "warning"),
    ]
    if rollout.max_sequences or not rollout.gpus:  # else vLLM chooses by the device
        command += ["--max-num-seqs", str(rollout.sequences_at_once)]
    return [*command, *([] if rollout.gpus else ["--enforce-eager"]), *options]
