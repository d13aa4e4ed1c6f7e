"""A digest is of the bytes, whatever a file is called around them."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from rlsys.errors import LineageError
from rlsys.lineage import digests
from rlsys.lineage.digests import digest_of


def test_a_files_digest_is_sha256_of_its_bytes(rows: Path) -> None:
    assert digest_of(rows) == f"sha256:{hashlib.sha256(rows.read_bytes()).hexdigest()}"


def test_a_folders_digest_is_over_sorted_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("B")
    (tmp_path / "a.json").write_text("A")
    lines = "".join(
        f"{name}.json\0{hashlib.sha256(text.encode()).hexdigest()}\n"
        for name, text in (("a", "A"), ("b", "B"))
    )
    assert digest_of(tmp_path) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "name", ["README.md", "manifest.json", "rows.jsonl.manifest.json", "optimizer.pt", ".gitignore"]
)
def test_what_describes_a_policy_or_goes_on_from_it_is_not_part_of_it(
    policy: Path, name: str
) -> None:
    before = digest_of(policy)
    (policy / name).write_text("anything")
    assert digest_of(policy) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_one_byte_of_a_policy_makes_it_another(policy: Path, name: str) -> None:
    before = digest_of(policy)
    content = bytearray((policy / name).read_bytes())
    content[-1] ^= 1
    (policy / name).write_bytes(content)
    assert digest_of(policy) != before


def test_a_file_under_another_name_makes_another_policy(policy: Path) -> None:
    before = digest_of(policy)
    (policy / "tokenizer.json").rename(policy / "vocabulary.json")
    assert digest_of(policy) != before


def large(folder: Path) -> Path:
    """A file that is old enough and large enough to be kept in the cache."""
    file = folder / "model.safetensors"
    file.write_bytes(b"w" * (2**20 + 7))
    return file


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on until what was written is no longer new."""
    now = time.time_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: now() + 10 * 10**9)


def test_a_large_file_is_read_once(
    policy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = large(policy)
    settled(monkeypatch)
    first = digest_of(file)
    assert cache.is_file()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert digest_of(file) == first


def test_a_changed_byte_is_seen_though_length_and_time_are_as_before(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = large(policy)
    settled(monkeypatch)
    before, times = digest_of(file), file.stat()
    with file.open("r+b") as opened:
        opened.write(b"W")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert digest_of(file) != before


def test_what_was_written_a_moment_ago_is_not_kept(policy: Path, cache: Path) -> None:
    digest_of(large(policy))
    assert not cache.exists()


def test_a_damaged_cache_is_no_cache(
    policy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = large(policy)
    cache.parent.mkdir()
    cache.write_text("{half")
    settled(monkeypatch)
    assert digest_of(file) == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_a_cache_that_cannot_be_written_costs_time_alone(
    policy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = large(policy)
    cache.parent.write_text("a file where the folder would be")
    settled(monkeypatch)
    assert digest_of(file) == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_a_missing_path_names_the_nearest(rows: Path) -> None:
    with pytest.raises(LineageError, match=r"did you mean 'rows\.jsonl'"):
        digest_of(rows.with_name("row.jsonl"))


def test_a_folder_without_files_has_no_digest(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "README.md").write_text("nothing here")
    with pytest.raises(LineageError, match="no file in it"):
        digest_of(empty)


def test_a_hub_id_is_the_commit_in_the_hubs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ref = tmp_path / "models--Qwen--Qwen2.5-0.5B" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    ref.write_text("060db6499f32faf8b98477b0a26969ef7d8b9987")
    assert digest_of("Qwen/Qwen2.5-0.5B") == "commit:060db6499f32faf8b98477b0a26969ef7d8b9987"


def test_a_hub_id_that_was_never_downloaded_has_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(LineageError, match=r"Qwen/Qwen2\.5"):
        digest_of("Qwen/Qwen2.5-0.5B")
