from pathlib import Path

import pytest

from rlsys.data.digests import check_unchanged, digests
from rlsys.errors import DataError


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    folder = tmp_path / "train"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_text(f'{{"question": "{name}", "answer": "1"}}\n')
    (tmp_path / "held_out.jsonl").write_text("{}\n")
    return [str(folder), str(tmp_path / "held_out.jsonl")]


def test_every_file_that_is_read_is_known_by_its_content(data: list[str]) -> None:
    prints = digests(data)
    assert [Path(path).name for path in prints] == ["a.jsonl", "b.jsonl", "held_out.jsonl"]
    # blake2b of b"{}\n".
    assert prints[data[1]] == "3 bytes with hash 035bda269db519c0bb15018359b4baf7"
    check_unchanged(prints, digests(data))


def test_the_generated_task_reads_no_file() -> None:
    assert digests(["", ""]) == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            b'{"question": "changed"}\n',
            r"a\.jsonl is not what the run began with: 39 b",
        ),
        ("c.jsonl", b"{}\n", r"c\.jsonl is not what the run began with: it was not there then"),
        ("b.jsonl", None, r"b\.jsonl is not what the run began with: it is not read any more"),
    ],
)
def test_a_changed_file_is_named(
    data: list[str], name: str, content: bytes | None, message: str
) -> None:
    then = digests(data)
    path = Path(data[0]) / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        check_unchanged(then, digests(data))
