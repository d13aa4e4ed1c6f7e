"""A conversation with a model that says what a list says."""

import asyncio
import io
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
from rich.console import Console

from rlsys.commands.chat import Talk, _Budget, _stopped_at_once
from rlsys.config.run import SamplingConfig
from rlsys.errors import ConfigError
from rlsys.local_policy.policy import build_tokenizer
from rlsys.markup import Part
from rlsys.serving.conversation import Conversation, Delta
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags
from rlsys.thinking.usage import Price, Usage

TOKENIZER: Any = build_tokenizer()
TAGS = Tags.of(TOKENIZER)


class Reciter:
    """Streams a fixed answer, two tokens at a time."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.limits: list[Limits] = []

    async def stream(
        self,
        token_ids: list[int],
        sampling: SamplingConfig,
        max_tokens: int,
        limits: Limits,
        opened: bool,
    ) -> AsyncIterator[Delta]:
        self.prompts.append(TOKENIZER.decode(token_ids))
        self.limits.append(limits)
        ids = TOKENIZER.encode(self.answers.pop(0))
        for begin in range(0, len(ids), 2):
            chunk = ids[begin : begin + 2]
            yield Delta(TOKENIZER.decode(chunk), chunk)


def conversation(reciter: Reciter, budget: str = "none", context: int = 400) -> Conversation:
    return with_choice(reciter, _Budget(budget), context)


def with_choice(reciter: Reciter, choice: _Budget, context: int = 400) -> Conversation:
    return Conversation(reciter, TOKENIZER, TAGS, context, SamplingConfig(), choice.of)


def test_a_turn_is_thinking_and_answer_with_their_tokens() -> None:
    reciter = Reciter("<think>1+2=3</think><answer>3</answer>")
    shown: list[tuple[Part, str]] = []
    talk = conversation(reciter)
    turn = asyncio.run(talk.ask("1+2=?", lambda part, piece: shown.append((part, piece))))
    assert (turn.thinking, turn.answer) == ("1+2=3", "3")
    # <think> 1 + 2 = 3 </think> are seven tokens, <answer> 3 </answer> three; six for "1+2=?\n".
    assert turn.usage == Usage(6, 7, 3, 1)
    assert "".join(piece for part, piece in shown if part is Part.THINKING) == "1+2=3"


def test_earlier_thinking_is_left_out_of_the_next_prompt() -> None:
    reciter = Reciter("<think>long</think>3", "<think>x</think>4")
    talk = conversation(reciter)
    asyncio.run(talk.ask("1+2=?", _unseen))
    asyncio.run(talk.ask("and 2+2?", _unseen))
    assert "long" not in reciter.prompts[1]
    assert "1+2=?" in reciter.prompts[1]
    assert talk.usage.requests == 2
    talk.forget()
    assert talk.usage == Usage()


def test_a_full_context_is_an_error_and_a_budget_leaves_room_for_the_answer() -> None:
    reciter = Reciter("<think>a</think>b")
    talk = conversation(reciter, budget="5000", context=60)
    turn = asyncio.run(talk.ask("1+2=?", _unseen))
    assert turn.budget == 60 - 6 - 16
    with pytest.raises(ConfigError, match="no room for an answer"):
        asyncio.run(talk.ask("1+" * 30, _unseen))


@pytest.mark.parametrize(("end", "cut_off"), [("", True), (str(TOKENIZER.eos_token), False)])
def test_a_turn_that_fills_the_context_is_cut_off_unless_it_ends_there(
    end: str, cut_off: bool
) -> None:
    answer = "<think>" + "1+" * 9 + "1" + end
    room = len(TOKENIZER.encode(answer))
    turn = asyncio.run(conversation(Reciter(answer), context=6 + room).ask("1+2=?", _unseen))
    assert turn.cut_off is cut_off


def _unseen(part: Part, piece: str) -> None:
    """Nobody looks."""


class TwoLatents:
    """Of a model that makes two latents of each prompt."""

    latents = 2

    def nearest(self, count: int) -> list[list[tuple[str, float]]]:
        return [[("7", 0.75), ("+", 0.125)], [("3", 0.5), ("4", 0.25)]]


def spoken(reciter: Reciter, *lines: str, thinker: TwoLatents | None = None) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    choice = _Budget("none")
    talk = Talk(console, with_choice(reciter, choice), choice, Price(1.0, 10.0), thinker)
    given = iter([*lines, None])
    talk._read = lambda: next(given)  # type: ignore[method-assign]
    asyncio.run(talk.run())
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_the_terminal_folds_the_thinking_and_shows_it_when_asked() -> None:
    output = spoken(Reciter("<think>1+2=3</think>it is 3"), "1+2=?", "/show", "/usage", "/quit")
    folded, _, rest = output.partition("it is 3")
    assert "Thought for 0 s (/show)" in folded
    assert "1+2=3" not in folded
    assert "1+2=3" in rest
    # 6 prompt tokens at $1 and 14 output tokens at $10 per million.
    assert "6 prompt, 7 thinking, 7 answer tokens; thinking takes 1.8% of the context" in rest
    assert "$0.000146" in rest
    assert "1 turn: 6 prompt" in rest


def test_what_looks_like_the_consoles_markup_does_not_end_the_conversation() -> None:
    output = spoken(Reciter("it is 3"), "/[/b]", "/budget [/b]", "1+2=?", "/quit")
    assert "no command /[/b]" in output
    assert "--budget [/b]: a whole number of tokens" in output
    assert "it is 3" in output


def test_latents_are_said_and_shown_as_their_nearest_tokens_with_what_that_is_worth() -> None:
    output = spoken(Reciter("it is 3"), "/show", "1+2=?", "/show", thinker=TwoLatents())
    before, _, after = output.partition("it is 3")
    assert "projection" not in before
    assert "thought in 2 latent steps; 6 prompt" in after
    assert "a projection onto the nearest words, not what was thought" in after
    assert "1: '7' 0.75, '+' 0.12\n2: '3' 0.50, '4' 0.25\nthere was no thinking in words" in after


def test_commands_change_the_budget_and_unknown_ones_are_told() -> None:
    reciter = Reciter("<think>a</think>b", "<think>a</think>b")
    output = spoken(reciter, "/budget 12", "1+2=?", "/budget many", "/shwo", "/new", "/show")
    assert reciter.limits == [Limits(12)]
    assert "3 thinking (budget 12 and its tag), 1 answer tokens" in output
    assert "--budget many: a whole number of tokens, none or auto" in output
    assert "no command /shwo" in output
    assert "there was no thinking" in output


def test_ctrl_c_stops_the_answer_and_not_the_conversation() -> None:
    class Interrupted(Reciter):
        """Is interrupted in its first answer."""

        async def stream(self, *args: Any) -> AsyncIterator[Delta]:
            async for delta in super().stream(*args):
                yield delta
                if len(self.prompts) == 1:
                    os.kill(os.getpid(), signal.SIGINT)
                    await asyncio.sleep(60)

    reciter = Interrupted("<think>1+2=3</think>three", "<think>2+2=4</think>four")
    output = spoken(reciter, "1+2=?", "2+2=?", "/usage", "/quit")
    assert "stopped; the question is forgotten" in output
    assert "three" not in output
    assert "four" in output
    assert "1 turn:" in output
    assert "1+2=?" not in reciter.prompts[1]


def test_auto_gives_small_talk_no_thinking() -> None:
    budget = _Budget("auto")
    assert budget.of([], "hello") == 0
    assert (budget.of([], "What is 17 * 23?") or 0) >= 512


def test_ctrl_c_while_a_model_loads_ends_the_command_at_once_with_its_status() -> None:
    """vLLM loads without giving way to the event loop, which would hear of the signal."""

    async def load() -> None:
        with _stopped_at_once():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)

    began, before = time.monotonic(), signal.getsignal(signal.SIGINT)
    with pytest.raises(typer.Exit) as ended:
        asyncio.run(load())
    assert ended.value.exit_code == 130
    assert time.monotonic() - began < 4
    assert signal.getsignal(signal.SIGINT) is before
