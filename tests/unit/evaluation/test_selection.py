"""From parts on the disk to both files: the same bytes however the sampling went."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.data import DataConfig
from rlsys.config.sample import SampleConfig
from rlsys.data.demonstrations import read_lessons
from rlsys.data.rates import read_rates
from rlsys.errors import DataError
from rlsys.evaluation.demonstrations import Asked
from rlsys.evaluation.rejection import Candidate, Rules
from rlsys.evaluation.selection import Selection, select
from tests.helpers.candidates import TASK, asked, candidate, samples_in, write_part

FILES = ("demonstrations.jsonl", "rates.jsonl")


def group(number: int, right: int, n: int = 4, **more: Any) -> list[Candidate]:
    """Completions of prompt `number`, the first `right` of them right."""
    return [
        candidate(
            i,
            prompt_id=f"p{number}",
            status="correct" if i < right else "wrong",
            reward=1.0 if i < right else 0.0,
            tokens=10 + i,
            **more,
        )
        for i in range(n)
    ]


def chosen(folder: Path, prompts: list[Asked], **rules: Any) -> Selection:
    asking = Rules(SampleConfig(**rules), {})
    return select(samples_in(folder), TASK, prompts, asking, 7, folder)


def lines(folder: Path, file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / file).read_text().splitlines()]


def test_the_bytes_do_not_depend_on_the_parts_nor_on_their_order(tmp_path: Path) -> None:
    groups = [group(i, right) for i, right in enumerate([1, 0, 3, 4, 2])]
    parts = {
        "one by one": [(i, rows) for i, rows in enumerate(groups)],
        "all at once": [(0, [one for rows in groups for one in rows])],
        # Of a resumed run: another size, and what was missing between.
        "resumed": [(1, groups[1] + groups[4]), (0, groups[0][::-1]), (2, groups[2] + groups[3])],
    }
    bytes_of, figures = {}, {}
    for name, written in parts.items():
        for first, rows in written:
            write_part(samples_in(tmp_path / name), first, rows)
        figures[name] = chosen(tmp_path / name, [asked(i) for i in range(5)], per_prompt=2)
        bytes_of[name] = [(tmp_path / name / file).read_bytes() for file in FILES]
    assert bytes_of["one by one"] == bytes_of["all at once"] == bytes_of["resumed"]
    assert figures["one by one"] == figures["all at once"] == figures["resumed"]
    found = figures["resumed"]
    assert (found.completions, found.kept, found.kept_prompts) == (20, 7, 4)
    assert found.completions == found.kept + sum(found.thrown.values())
    assert found.pass_at[1].mean == pytest.approx((1 + 0 + 3 + 4 + 2) / 20)
    assert found.pass_at[4].mean == pytest.approx(4 / 5)
    assert (found.never_right, found.always_right) == (1, 1)


def test_a_demonstration_says_what_was_said_and_where_it_comes_from(tmp_path: Path) -> None:
    marks = {"accuracy": 1.0, "language": 0.8999999761581421}
    write_part(samples_in(tmp_path), 0, group(0, 1, text="two", components=marks))
    chosen(tmp_path, [asked(0)])
    assert lines(tmp_path, FILES[0]) == [
        {
            "messages": [
                {"role": "user", "content": "0+1=?"},
                {"role": "assistant", "content": "two"},
            ],
            "source": "sums",
            "prompt_id": "p0",
            "sample_index": 0,
            "reward": 1.0,
            "components": {"accuracy": 1.0, "language": 0.9},
            "tokens": 10,
            "seed": 7,
        }
    ]
    (lesson,) = read_lessons(str(tmp_path / FILES[0]), DataConfig()).rows
    assert (lesson.prompt.messages[0]["content"], lesson.completion) == ("0+1=?", "two")
    assert lesson.prompt.source == "sums"


def test_what_the_prompt_opened_is_the_beginning_of_what_was_said(tmp_path: Path) -> None:
    write_part(samples_in(tmp_path), 0, group(0, 1, text="\nhm</think>2"))
    chosen(tmp_path, [asked(0, text="<|user|>0+1=?<|assistant|><think>\n")])
    (row,) = lines(tmp_path, FILES[0])
    assert row["messages"][-1]["content"] == "<think>\nhm</think>2"


def test_where_a_prompt_is_no_conversation_all_are_texts_as_they_stand(tmp_path: Path) -> None:
    prompts = [asked(0), asked(1, text="Q: 1+1=?\nA:", messages=False)]
    for i in range(2):
        write_part(samples_in(tmp_path), i, group(i, 1, text=" two"))
    chosen(tmp_path, prompts)
    told = [(row["prompt_text"], row["text"]) for row in lines(tmp_path, FILES[0])]
    assert told == [("0+1=?\n", " two"), ("Q: 1+1=?\nA:", " two")]
    lessons = read_lessons(str(tmp_path / FILES[0]), DataConfig()).rows
    assert [(one.prompt.text, one.completion) for one in lessons] == told


def test_a_rate_is_of_the_completions_that_have_a_verdict(tmp_path: Path) -> None:
    silent = {"status": "infrastructure", "reward": None}
    rows = [*group(0, 1), candidate(4, **silent)]
    write_part(samples_in(tmp_path), 0, rows)
    write_part(samples_in(tmp_path), 1, [candidate(0, prompt_id="p1", **silent)])
    found = chosen(tmp_path, [asked(0), asked(1)])
    first, second = lines(tmp_path, FILES[1])
    assert (first["n"], first["right"], first["pass_rate"]) == (4, 1, 0.25)
    assert (second["n"], second["right"], second["pass_rate"]) == (0, 0, None)
    assert first["mean_tokens"] == 11.2
    assert first["row"]["messages"] == [{"role": "user", "content": "0+1=?"}]
    assert (first["row"]["expected"], first["row"]["number"]) == ("1", 1)
    assert read_rates(str(tmp_path / FILES[1])) == {"p0": 0.25}
    assert found.thrown["no verdict"] == 2
    assert (found.never_right, found.always_right, found.ungraded) == (0, 0, 1)
    assert found.pass_at[1].problems == 1


def test_rules_that_leave_nothing_are_one_error_with_a_count_for_each(tmp_path: Path) -> None:
    write_part(samples_in(tmp_path), 0, group(0, 2) + group(1, 0))
    prompts = [asked(0), asked(1)]
    chosen(tmp_path, prompts)
    assert (tmp_path / FILES[0]).exists()
    with pytest.raises(DataError) as caught:
        chosen(tmp_path, prompts, tokens=[99, 100])
    said = str(caught.value)
    assert "leave none of 8 completions to 2 prompts" in said
    assert "6 by sample.right, 2 by sample.tokens" in said
    assert "--resume" in said
    assert not (tmp_path / FILES[0]).exists()
    assert len(lines(tmp_path, FILES[1])) == 2


def test_without_any_verdict_there_is_no_pass_rate(tmp_path: Path) -> None:
    silent = {"status": "infrastructure", "reward": None}
    write_part(samples_in(tmp_path), 0, [candidate(0, **silent)])
    with pytest.raises(DataError, match="thrown away 1 by no verdict"):
        chosen(tmp_path, [asked(0)])
