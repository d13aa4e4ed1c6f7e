"""vLLM's reasoning parser for `rlsys serve`: its DeepSeek-R1 parser, with a count that is right.

vLLM's own count looks for `<think>` among the tokens that were written. Where the prompt opens the
block, as R1's template does, it finds none, and reports 0 reasoning tokens for any thinking.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from vllm.reasoning import ReasoningParserManager
from vllm.reasoning.deepseek_r1_reasoning_parser import DeepSeekR1ReasoningParser

from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags, tally

NAME = "rlsys"


@lru_cache(maxsize=1)
def _tags(tokenizer: Any) -> Tags:
    """Read off once: vLLM makes a parser for each request."""
    return Tags.of(tokenizer)


class CountingParser(DeepSeekR1ReasoningParser):
    """Counts by the rules of rlsys.thinking.track; the tags' tokens are thinking."""

    def count_reasoning_tokens(self, token_ids: Sequence[int]) -> int:
        """As the base class reads texts: an answer that does not open a block began inside one."""
        written = [i for i in token_ids if i in (self.start_token_id, self.end_token_id)]
        opened = not written or written[0] == self.end_token_id
        return tally(_tags(self.model_tokenizer), Limits(), opened, token_ids).thinking_tokens


ReasoningParserManager.register_module(NAME, module=CountingParser)
