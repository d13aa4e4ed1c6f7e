"""A tokenizer whose files are missing or damaged is one error that names it."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from rlsys.config.run import ModelConfig
from rlsys.errors import ConfigError
from rlsys.local_policy.resolve import tokenizer_of
from rlsys.pretrained import load_tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the local policy's tokenizer, and a config.json by which transformers knows its type."""
    tokenizer_of(ModelConfig()).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    return tmp_path


def test_a_whole_tokenizer_is_loaded(folder: Path) -> None:
    assert (
        load_tokenizer(str(folder)).get_vocab() == AutoTokenizer.from_pretrained(folder).get_vocab()
    )


def test_a_tokenizer_without_its_file_reads_nothing_and_says_so(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"^the model: .* is its tokenizer\.json missing\?$"):
        load_tokenizer(str(folder), "the model")


def test_a_damaged_tokenizer_is_told_in_a_line(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(
        ConfigError, match=r"^the model: no tokenizer .* has no 'added_tokens'; copy"
    ):
        load_tokenizer(str(folder), "the model")
