"""A policy's folder, a data file, and a cache of digests that is the test's own."""

from pathlib import Path

import pytest

from rlsys.lineage import digests


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where digests are kept."""
    file = tmp_path / "cache" / "digests.json"
    monkeypatch.setattr(digests, "CACHE", file)
    return file


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Config, weights and a tokenizer, as far as a digest knows them."""
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A data file."""
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "1 + 1 =", "answer": "2"}\n')
    return file
