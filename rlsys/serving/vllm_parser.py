"""vLLM's reasoning parser for `rlsys serve`: the tags of rlsys.markup, as `rlsys chat` reads them.

vLLM's own parsers know `<think>` as one token of the vocabulary, take a completion without tags for
thinking, leave `<answer>` in the text, and count no thinking where the prompt opened the block.
This one reads text, so that it serves any model, also one that does not think.

vLLM asks a parser where the thinking ends, and hands everything behind that on as it stands, or to
a parser of tool calls. The completion's tags have to go from there, too, so this parser says that
there is no end; only `ToolsParser` does, whose text is for the next parser to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from vllm.entrypoints.generate.base.protocol import DeltaMessage
from vllm.reasoning import ReasoningParser, ReasoningParserManager

from rlsys.markup import END_THINK, THINK, Part, Section, StreamParser, opens_thinking, parse
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags, tally

NAME, TOOLS_NAME = "rlsys", "rlsys_tools"
_TAIL = 16
"""Tokens that surely hold a whole tag."""


@lru_cache(maxsize=1)
def _tags(tokenizer: Any) -> Tags:
    """Read off once: vLLM makes a parser for each request."""
    return Tags.of(tokenizer)


class MarkupParser(ReasoningParser):
    """One for each completion."""

    hands_over = False
    """Whether another parser reads what follows the thinking."""
    reasoning_start_str, reasoning_end_str = THINK, END_THINK

    def __init__(self, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(tokenizer, *args, **kwargs)
        self._template = kwargs.get("chat_template_kwargs") or {}
        self._opened: bool | None = None
        """Whether the prompt has opened a block; None: nobody has shown it."""
        self._stream: StreamParser | None = None
        self._has_text = self._new_section = False

    # --- whole completions -----------------------------------------------------------------------

    def extract_reasoning(self, model_output: str, request: Any) -> tuple[str | None, str | None]:
        """Thinking and the rest, without tags."""
        parsed = parse(model_output, self._is_opened(model_output))
        return parsed.thinking or None, parsed.visible or None

    def count_reasoning_tokens(self, token_ids: Sequence[int]) -> int:
        """By the rules of rlsys.thinking.track; the tags' tokens are thinking."""
        opened = self._is_opened(self.model_tokenizer.decode(list(token_ids)))
        return tally(_tags(self.model_tokenizer), Limits(), opened, token_ids).thinking_tokens

    def _is_opened(self, completion: str = "") -> bool:
        """Whether a completion began inside a block: by its prompt, else by its first tag, else by
        the model's template."""
        if self._opened is not None:
            return self._opened
        begin, end = completion.find(THINK), completion.find(END_THINK)
        if begin != end:  # one of them is there
            return begin < 0 or 0 <= end < begin
        if not getattr(self.model_tokenizer, "chat_template", None):
            return False
        # The request's own settings may say add_generation_prompt, too.
        settings = {"add_generation_prompt": True, **self._template, "tokenize": False}
        prompt: Any = self.model_tokenizer.apply_chat_template(
            [{"role": "user", "content": "?"}], **settings
        )
        return opens_thinking(str(prompt))

    # --- streams -------------------------------------------------------------------------------

    def adjust_initial_state_from_prompt(self, prompt_token_ids: Sequence[int]) -> None:
        """The prompt of the completion that is about to be streamed."""
        self._opened = opens_thinking(self.model_tokenizer.decode(list(prompt_token_ids[-_TAIL:])))

    def extract_reasoning_streaming(
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Sequence[int],
    ) -> DeltaMessage | None:
        """What is certain of the next piece; what could become a tag is held back."""
        if self._stream is None:
            self._stream = StreamParser(self._is_opened())
        return self._message(self._stream.feed(delta_text))

    def get_streaming_fallback_content(self, text: str, request: Any) -> str | None:
        """What was held back of the completion, at its end."""
        message = self._message(self._stream.end()) if self._stream else None
        return message.content if message else None

    def _message(self, pieces: Iterable[Section]) -> DeltaMessage | None:
        """Sections of the completion stand on lines of their own, as in a whole one."""
        thinking = visible = ""
        for piece in pieces:
            if piece.part is Part.THINKING:
                thinking += piece.text
            elif not piece.text:
                self._new_section = self._has_text
            else:
                visible += ("\n" if self._new_section else "") + piece.text
                self._has_text, self._new_section = True, False
        if not thinking and not visible:
            return None
        return DeltaMessage(reasoning=thinking or None, content=visible or None)

    # --- where the thinking ends ---------------------------------------------------------------

    def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
        """Of a prompt: whether it has closed a block itself, so that there is no thinking to come,
        and a grammar holds from the first token on."""
        text = self.model_tokenizer.decode(list(input_ids))
        return text.rfind(END_THINK) > text.rfind(THINK)

    def is_reasoning_end_streaming(
        self, input_ids: Sequence[int], delta_ids: Iterable[int]
    ) -> bool:
        """In the sampler, which streams no text: whether a grammar holds from now on. In the
        server: whether another parser takes over."""
        if self._stream is None:
            return self.is_reasoning_end(list(input_ids)[-_TAIL:])
        return self.hands_over and self._has_text

    def extract_content_ids(self, input_ids: list[int]) -> list[int]:
        """Of the piece with which another parser takes over."""
        return input_ids


class ToolsParser(MarkupParser):
    """Before a parser of tool calls."""

    hands_over = True


ReasoningParserManager.register_module(NAME, module=MarkupParser)
ReasoningParserManager.register_module(TOOLS_NAME, module=ToolsParser)
