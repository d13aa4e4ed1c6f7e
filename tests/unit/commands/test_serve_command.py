"""`rlsys serve`: what vLLM's server is told, and what a person is told once it is there."""

import asyncio
import json
import os
import runpy
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands.serve import server_command, split
from rlsys.config.run import RolloutConfig, RunConfig
from rlsys.errors import ConfigError
from rlsys.network import free_port
from rlsys.sampling.vllm_environment import require_gpus
from rlsys.serving import server
from rlsys.serving.ready import VARIABLE, Ready, Served
from tests.unit.test_logs import VLLM


def test_what_follows_the_overrides_from_the_first_dash_on_goes_to_vllm() -> None:
    words = ["rollout.gpus=1", "--seed", "3", "--lora-modules", "a=b"]
    assert split(words) == (["rollout.gpus=1"], ["--seed", "3", "--lora-modules", "a=b"])
    assert split(["rollout.gpus=1"]) == (["rollout.gpus=1"], [])
    assert split([]) == ([], [])


@pytest.mark.parametrize(
    ("option", "ours"),
    [("--port", "--port"), ("--served_model_name=x", "--name"), ("--api-key", "--api-key")],
)
def test_an_option_that_rlsys_has_itself_is_refused_behind_the_dashes(
    option: str, ours: str
) -> None:
    with pytest.raises(ConfigError, match=f"rlsys serve sets it; give {ours}, in front of"):
        split(["rollout.gpus=1", option, "1"])


def test_an_option_of_vllm_without_the_dashes_is_no_option_of_ours() -> None:
    done = CliRunner().invoke(app, ["serve", "local", "--enable-prefix-caching"])
    assert done.exit_code == 2


def test_the_users_options_come_last_where_vllm_takes_them_before_ours() -> None:
    served = Served("127.0.0.1", 8000, "adder", needs_key=False)
    command = server_command(RunConfig(), served, ["--max-model-len", "64"])
    assert command[-2:] == ["--max-model-len", "64"]
    assert command[command.index("--served-model-name") + 1] == "adder"
    assert command[command.index("--reasoning-parser") + 1] == "rlsys"


def test_tool_calls_are_left_to_their_own_parser() -> None:
    served = Served("127.0.0.1", 8000, "adder", needs_key=False)
    options = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    command = server_command(RunConfig(), served, options)
    assert command[command.index("--reasoning-parser") + 1] == "rlsys_tools"


def test_the_announcement_is_a_request_that_can_be_sent_as_it_stands() -> None:
    served = Served("0.0.0.0", 8123, "it's", needs_key=True)
    first, second = served.announcement().splitlines()
    assert first == "ready: http://127.0.0.1:8123/v1  model: it's"
    words = shlex.split(second)
    assert words[:2] == ["curl", "http://127.0.0.1:8123/v1/chat/completions"]
    assert "authorization: Bearer KEY" in words
    assert json.loads(words[-1])["model"] == "it's"
    assert Served("::", 1, "a", False).url == "http://[::1]:1/v1"


def test_the_server_is_announced_when_its_port_is_open_and_not_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def app_itself(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    async def scenario() -> str:
        taken = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        taken.close()
        await taken.wait_closed()
        served = Served("127.0.0.1", port, "adder", needs_key=False)
        monkeypatch.setenv(VARIABLE, served.to_json())
        middleware = Ready(app_itself)

        async def nothing(*_: Any) -> None:
            return None

        await middleware({"type": "lifespan"}, nothing, nothing)
        await asyncio.sleep(0.15)
        before = capsys.readouterr().out
        async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", port):
            assert middleware.announcing is not None
            await asyncio.wait_for(middleware.announcing, 10)
        return before

    assert asyncio.run(scenario()) == ""
    assert "/v1  model: adder\n" in capsys.readouterr().out


@pytest.fixture
def handlers_of_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # What a shell starts in the background has it ignored, and so has all that is started there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Of the server that this process plays."""
    file = tmp_path / "serve.log"
    file.touch()
    monkeypatch.setenv(VARIABLE, Served("127.0.0.1", 1, "m", False, str(file)).to_json())
    return file


@pytest.mark.parametrize(
    ("error", "printed", "cause"),
    [
        (ValueError("no such dtype"), "", "ValueError: no such dtype"),
        (
            RuntimeError("Engine core initialization failed. See root cause above. (1: -9)"),
            VLLM,
            "ValueError: No available memory for the cache blocks.",
        ),
        (SystemExit(2), "usage: ...\nserver.py: error: bad --x\n\n", "server.py: error: bad --x"),
    ],
)
def test_a_server_that_fails_says_why_in_a_line_and_where_the_rest_is(
    error: BaseException,
    printed: str,
    cause: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    handlers_of_before: None,
    log: Path,
) -> None:
    def load(module: str, run_name: str) -> None:
        # As vLLM's engine does, in a process of its own.
        subprocess.run(["sh", "-c", 'printf "%s" "$0" >&2', printed], check=True)
        raise error

    monkeypatch.setattr(runpy, "run_module", load)
    with pytest.raises(SystemExit) as ended:
        server.main()
    assert ended.value.code == 2
    said = capfd.readouterr()
    assert said.err == f"SamplerError: vLLM's server has ended: {cause}\nits log: {log}\n"
    assert log.read_text() == printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_while_it_loads_ends_with_the_signals_status(
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    handlers_of_before: None,
    log: Path,
) -> None:
    def load(module: str, run_name: str) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    monkeypatch.setattr(runpy, "run_module", load)
    with pytest.raises(SystemExit) as ended:
        server.main()
    assert ended.value.code == 128 + number
    assert capsys.readouterr() == (f"stopped by {number.name}\n", "")


def test_gpus_that_are_not_there_are_an_error_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = iter((0, 2, 4))
    monkeypatch.setattr("torch.cuda.device_count", lambda: next(counts))
    with pytest.raises(ConfigError, match=r"rollout.gpus=1: torch sees 0 GPUs .*rollout.gpus=0$"):
        require_gpus(RolloutConfig(gpus=1))
    four = RolloutConfig(gpus=4, tensor_parallel=4)
    with pytest.raises(ConfigError, match=r"nearest valid: rollout.gpus=2 rollout.tensor_para"):
        require_gpus(four)
    require_gpus(four)
    require_gpus(RolloutConfig(gpus=0))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What `rlsys serve` hands to the system for a random model, in the environment it made."""
    from tests.helpers.tiny_models import ARCHITECTURES, build

    handed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, command: handed.append(command))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # its log lies there
    folder, port = tmp_path / "model", str(free_port("127.0.0.1"))
    build(next(one for one in ARCHITECTURES if one.kind == "qwen2"), folder)
    with mock.patch.dict(os.environ):
        arguments = ["serve", str(folder), "--port", port, "--name", "adder", "--", "--seed", "3"]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        yield handed[0]


def test_a_policy_that_thinks_in_latents_is_refused(tmp_path: Path) -> None:
    from tests.helpers.tiny_policy import write_policy

    folder = write_policy(tmp_path / "policy", 0)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"thinking_latents": 2}))
    port = str(free_port("127.0.0.1"))
    with pytest.raises(ConfigError, match=r"thinks in 2 latents.*rlsys chat"):
        CliRunner().invoke(app, ["serve", str(folder), "--port", port], catch_exceptions=False)


@pytest.mark.slow
def test_vllm_takes_the_whole_command_and_finds_all_that_it_is_told_to_load(
    command: list[str],
) -> None:
    """All of a server's start by vLLM's own functions but for the engine."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.reasoning import ReasoningParserManager
    from vllm.utils.argparse_utils import FlexibleArgumentParser
    from vllm.v1.sample.logits_processor import build_logitsprocs

    module = command.index("-m") + 1
    assert command[module] == server.__name__
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(command[module + 1 :])
    validate_parsed_serve_args(args)
    assert (args.served_model_name, args.seed) == (["adder"], 3)
    ReasoningParserManager.import_reasoning_parser(args.reasoning_parser_plugin)
    ReasoningParserManager.get_reasoning_parser(args.reasoning_parser)
    engine = AsyncEngineArgs.from_cli_args(args).create_engine_config()
    found = build_logitsprocs(engine, torch.device("cpu"), False, False, args.logits_processors)
    assert "ThinkingProcessor" in [type(one).__name__ for one in found.all]
    served = build_app(args, ("generate",), engine.model_config)
    assert Ready in [middleware.cls for middleware in served.user_middleware]
