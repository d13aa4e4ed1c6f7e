"""`rlsys chat`: talk to a model in the terminal."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rlsys.commands.options import PRICE_OF, PRICES
from rlsys.commands.turn_view import TurnView
from rlsys.imports import imports
from rlsys.logs import errors_to, new_file

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig, SamplingConfig
    from rlsys.serving.conversation import Conversation, Turn
    from rlsys.thinking.latents import Thinker
    from rlsys.thinking.usage import Price

Model = Annotated[
    str,
    typer.Argument(
        help="A Hugging Face directory or hub id, a run of rlsys or one of its checkpoints, or "
        "`local`: the small policy that is prepared here."
    ),
]
TOP_K = typer.Option(min=0, help="Only the k likeliest tokens; 0: all.")
TOP_P = typer.Option(help="Only the likeliest tokens of this much probability together; 1: all.")
MIN_P = typer.Option(help="Only tokens at least this times as likely as the likeliest; 0: all.")
Overrides = Annotated[
    list[str] | None, typer.Argument(help="section.key=value, as in rollout.gpus=1")
]
_NEAREST = 3
"""Tokens that are shown of a latent."""
_PROJECTED = (
    "what the output head makes of each latent: a projection onto the nearest words, not what was "
    "thought, which was in no words"
)
_HELP = "/show the last thinking, /budget N (or none, or auto), /usage, /new conversation, /quit"


def chat(
    model: Model,
    overrides: Overrides = None,
    budget: Annotated[
        str, typer.Option(help="Thinking tokens at most; none: no limit; auto: by the question.")
    ] = "none",
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.6,
    top_k: Annotated[int, TOP_K] = 0,
    top_p: Annotated[float, TOP_P] = 1.0,
    min_p: Annotated[float, MIN_P] = 0.0,
    prices: Annotated[Path | None, PRICES] = None,
    price_of: Annotated[str, PRICE_OF] = "local",
) -> None:
    """A conversation: the thinking is folded away, /show unfolds it."""
    from rlsys.config.load import CONFIGS
    from rlsys.config.ranges import Range
    from rlsys.config.run import SamplingConfig
    from rlsys.errors import ConfigError
    from rlsys.evaluation.cut import Cut
    from rlsys.local_policy.resolve import fit_machine, settings_for
    from rlsys.sampling.vllm_environment import quiet, require_gpus
    from rlsys.thinking.usage import read_price
    from rlsys.watch.signals import unwinding

    quiet()  # what is warned of would stand between the lines of the conversation
    console = Console(soft_wrap=not sys.stdout.isatty())
    refusal = Range(least=0).refusal(temperature, default=0.6)
    if refusal:
        raise ConfigError(f"--temperature {temperature}: {refusal}")
    cut = Cut(top_k, top_p, min_p).check()
    price = read_price(prices or CONFIGS / "eval" / "prices.yaml", price_of)
    choice = _Budget(budget)

    def notice(line: str) -> None:
        beside = console if console.is_terminal else Console(stderr=True)
        beside.print(line, highlight=False, markup=False, soft_wrap=True)

    with _loading(console, "the libraries (torch, transformers, vllm)"):
        config = fit_machine(settings_for(model, None, overrides or [], notice), notice)
        require_gpus(config.rollout)
        with imports():
            import rlsys.serving.chat_sampler  # noqa: F401
    sampling = SamplingConfig(temperature=temperature, **asdict(cut))
    # SIGTERM ends the sampler's process, too; Ctrl-C while it waits for a question is as /quit.
    with unwinding(), suppress(KeyboardInterrupt):
        asyncio.run(_talk(config, sampling, choice, price, console))


async def _talk(
    config: "RunConfig",
    sampling: "SamplingConfig",
    choice: "_Budget",
    price: "Price",
    console: Console,
) -> None:
    """From the model's loading to /quit."""
    from rlsys.serving.chat_sampler import ChatSampler
    from rlsys.serving.conversation import Conversation

    log = new_file("chat")
    latents = config.thinking.fed_back
    sampler = ChatSampler(config.model.path, config.model, config.rollout, latents)
    with _loading(console, config.model.path), errors_to(log), _stopped_at_once():
        await sampler.start()
    try:
        conversation = Conversation(
            sampler,
            sampler.tokenizer,
            sampler.tags,
            config.model.max_context - latents,
            sampling,
            choice.of,
        )
        console.print(_HELP, style="dim", highlight=False)
        await Talk(console, conversation, choice, price, sampler).run()
    finally:
        await sampler.shutdown()
    log.unlink()  # of a conversation that came to its end


class _Budget:
    """The budget that the user has chosen, for the next question."""

    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> None:
        """A number, none or auto.

        Raises:
            ConfigError: it is none of these.
        """
        from rlsys.errors import ConfigError

        if text not in ("none", "auto") and not text.isdecimal():
            raise ConfigError(f"--budget {text}: a whole number of tokens, none or auto")
        self.text = text

    def of(self, turns: "list[Turn]", question: str) -> int | None:
        """Thinking tokens for a question."""
        if self.text == "auto":
            from rlsys.serving.depth import Depth

            return Depth().budget([turn.question for turn in turns], question)
        return None if self.text == "none" else int(self.text)


class Talk:
    """Reads questions, shows answers, and obeys commands."""

    def __init__(
        self,
        console: Console,
        conversation: "Conversation",
        budget: _Budget,
        price: "Price",
        thinker: "Thinker | None" = None,
    ) -> None:
        """thinker: what made the latents, where there may be any."""
        self.console, self.conversation, self.thinker = console, conversation, thinker
        self.budget, self.price = budget, price
        self.commands: dict[str, Callable[[str], None]] = {
            "/show": self._show,
            "/budget": self._set_budget,
            "/usage": self._usage,
            "/new": self._new,
        }

    async def run(self) -> None:
        """Until /quit, or the end of the input."""
        while True:
            line = await _typed(self._read)
            if line is None or line == "/quit":
                return
            name, _, rest = line.partition(" ")
            if name in self.commands:
                self.commands[name](rest.strip())
            elif line.startswith("/"):
                self._refuse(f"no command {name}; {_HELP}")
            elif line:
                await self._ask(line)

    def _read(self) -> str | None:
        try:
            return self.console.input("[bold]> [/bold]").strip()
        except EOFError:
            return None

    async def _ask(self, question: str) -> None:
        from rlsys.errors import RlsysError

        view = TurnView(self.console)
        try:
            with view:
                turn = await _interruptible(self.conversation.ask(question, view.show))
        except RlsysError as error:
            self._refuse(str(error))
            return
        self.console.print()
        line = self._line(turn) if turn else "stopped; the question is forgotten"
        self.console.print(line, style="dim", highlight=False)

    def _line(self, turn: "Turn") -> str:
        used = turn.usage
        context = self.conversation.context
        budget = "" if turn.budget is None else f" (budget {turn.budget:,} and its tag)"
        latents = self.thinker.latents if self.thinker else 0
        thought = f"thought in {latents} latent steps; " if latents else ""
        return (
            f"{thought}{used.prompt_tokens:,} prompt, {used.thinking_tokens:,} thinking{budget}, "
            f"{used.answer_tokens:,} answer tokens; thinking takes "
            f"{used.thinking_share(context):.1%} of the context; ${self.price.cost(used):.6f}"
            + ("; cut off: the context is full" if turn.cut_off else "")
        )

    def _show(self, _: str) -> None:
        turns = self.conversation.turns
        nothing = "there was no thinking"
        if turns and self.thinker and (nearest := self.thinker.nearest(_NEAREST)):
            nothing = "there was no thinking in words"
            self.console.print(_PROJECTED, style="dim", highlight=False)
            for number, tokens in enumerate(nearest, 1):
                told = ", ".join(f"{text!r} {p:.2f}" for text, p in tokens)
                self.console.print(
                    f"{number}: {told}", style="dim italic", highlight=False, markup=False
                )
        thinking = turns[-1].thinking.strip() if turns else ""
        self.console.print(escape(thinking) or nothing, style="dim italic")

    def _set_budget(self, text: str) -> None:
        from rlsys.errors import ConfigError

        try:
            self.budget.set(text)
        except ConfigError as error:
            self._refuse(str(error))

    def _refuse(self, why: str) -> None:
        self.console.print(why, style="red", highlight=False, markup=False)

    def _usage(self, _: str) -> None:
        used = self.conversation.usage
        self.console.print(
            f"{used.requests} turn{'' if used.requests == 1 else 's'}: "
            f"{used.prompt_tokens:,} prompt, {used.thinking_tokens:,} thinking, "
            f"{used.answer_tokens:,} answer tokens; ${self.price.cost(used):.6f}",
            highlight=False,
        )

    def _new(self, _: str) -> None:
        self.conversation.forget()
        self.console.print("a new conversation", style="dim")


async def _typed(read: Callable[[], str | None]) -> str | None:
    """A line from the terminal, read in a thread that nobody waits for: asyncio would wait for
    Enter after Ctrl-C."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str | None] = loop.create_future()

    def work() -> None:
        try:
            deliver = partial(typed.set_result, read())
        except Exception as error:  # whatever it is, who asked for the line gets it
            deliver = partial(typed.set_exception, error)
        loop.call_soon_threadsafe(deliver)

    threading.Thread(target=work, daemon=True, name="terminal").start()
    return await typed


@contextmanager
def _loading(console: Console, what: str) -> Iterator[None]:
    """Says what is loaded: to a terminal while it lasts; where the conversation goes to a file or a
    pipe, beside it."""
    if console.is_terminal:
        with console.status(f"loading {what}"):
            yield
    else:
        print(f"loading {what}", file=sys.stderr, flush=True)
        yield


@contextmanager
def _stopped_at_once() -> Iterator[None]:
    """Ctrl-C ends the command in this block, with its exit status. asyncio's own handler waits for
    the task to give way, which it does not while vLLM loads a model."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None
    finally:
        signal.signal(signal.SIGINT, before)


async def _interruptible(asking: Coroutine[None, None, "Turn"]) -> "Turn | None":
    """A turn; None when Ctrl-C stopped it, which stops the answer and not the conversation."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(asking)
    before = signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
