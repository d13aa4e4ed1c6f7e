"""What the data tests share: a file writer, the benchmark files, and tokenizers made of chars."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.places import DATA

BENCHMARKS = DATA


class CharTokenizer:
    """One token per character, its code point; a chat template of role marks."""

    bos_token: str | None = None
    bos_token_id: int | None = None
    eos_token_id: int | None = 3

    def __init__(self, chat: bool = False, bos: bool = False, eos_after_text: bool = False) -> None:
        self.chat_template = "marks" if chat else None
        if bos:
            self.bos_token, self.bos_token_id = "\x02", 2
        self._eos_after_text = eos_after_text

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> dict[str, Any]:
        before = [2] if add_special_tokens and self.bos_token_id == 2 else []
        after = [3] if add_special_tokens and self._eos_after_text else []
        return {"input_ids": [[*before, *map(ord, t), *after] for t in text]}

    def apply_chat_template(
        self,
        conversation: list[dict[str, str]],
        *,
        tokenize: bool,
        add_generation_prompt: bool,
        continue_final_message: bool,
    ) -> str:
        assert not tokenize
        text = "".join(f"[{m['role']}]{m['content']}\n" for m in conversation)
        if continue_final_message:
            return text.removesuffix("\n")
        return text + "[assistant]" if add_generation_prompt else text


@pytest.fixture
def base_tokenizer() -> CharTokenizer:
    """As of a base model: no chat template, no special tokens around texts."""
    return CharTokenizer()


@pytest.fixture
def chat_tokenizer() -> CharTokenizer:
    """As of a chat model."""
    return CharTokenizer(chat=True)


@pytest.fixture
def make_tokenizer() -> type[CharTokenizer]:
    """The tokenizer class itself, for other combinations."""
    return CharTokenizer


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., str]:
    """Write rows as a JSONL file and return its path."""

    def write(*rows: Any, name: str = "rows.jsonl") -> str:
        path = tmp_path / name
        path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        return str(path)

    return write


@pytest.fixture
def benchmark() -> Callable[[str], str]:
    """The path of a file of the shared benchmark data; skips the test where it is absent."""

    def locate(name: str) -> str:
        if not BENCHMARKS.is_dir():
            pytest.skip(f"the benchmark data is not at {BENCHMARKS}")
        return str(BENCHMARKS / name)

    return locate
