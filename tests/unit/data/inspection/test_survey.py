"""A whole file in figures, and how they are told."""

import io
import math
import re
from dataclasses import replace

from rich.console import Console

from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.inspection.gold_check import GoldCheck
from rlsys.data.inspection.show import render_survey, rows_said
from rlsys.data.inspection.survey import survey
from rlsys.data.read import read_rows
from verifiers.base import Status, Verdict

LENGTHS = DataConfig(
    template=PromptTemplate.verbatim, max_prompt_tokens=90, skip_unreadable_rows=True
)


def look(path, tokenizer, config=LENGTHS):
    return survey(read_rows(path, config), config, tokenizer)


def told(found, gold=None, verifiers="math", every_row=False):
    stream = io.StringIO()
    Console(file=stream, width=200).print(render_survey(found, gold, verifiers, every_row))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def test_lengths_are_those_of_all_rows_and_the_long_ones_are_named(write_rows, base_tokenizer):
    path = write_rows(*({"question": "x" * n, "answer": str(n)} for n in range(1, 102)))
    found = look(path, base_tokenizer)
    assert found.prompt_tokens == (1, 51, 91, 100, 101)
    assert [row.number for row in found.too_long] == list(range(91, 102))
    assert len(found.rows) == len(found.prompts) == 90
    text = told(found)
    assert "shortest 1, median 51, 90 % up to 91, 99 % up to 100, longest 101" in text
    assert "11 over data.max_prompt_tokens=90, left out: rows 91-101" in text


def test_a_system_message_that_the_chat_template_leaves_out_is_told(
    write_rows, chat_tokenizer, monkeypatch
):
    said = [{"role": "system", "content": "You add."}, {"role": "user", "content": "1+1=?"}]
    asked = [{"role": "user", "content": "1+2=?"}]
    path = write_rows(*({"messages": turns, "answer": "2"} for turns in (asked, said)))
    config = DataConfig()
    assert look(path, chat_tokenizer, config).oddities == []

    whole = chat_tokenizer.apply_chat_template
    monkeypatch.setattr(
        chat_tokenizer,
        "apply_chat_template",
        lambda turns, **how: whole([t for t in turns if t["role"] == "user"], **how),
    )
    text = told(look(path, chat_tokenizer, config))
    assert "system messages that the model's chat template leaves out: 1, row 2: 'You add.'" in text
    replaced = replace(config, system_prompt="Add.")
    text = told(look(path, chat_tokenizer, replaced))
    assert "that the model's chat template leaves out: 2, rows 1-2: 'Add.'" in text


def test_a_file_of_which_no_prompt_fits_is_told_too(write_rows, base_tokenizer):
    found = look(write_rows({"question": "x" * 99, "answer": "1"}), base_tokenizer)
    assert found.rows == []
    assert "1 over data.max_prompt_tokens=90, left out: row 1" in told(found)


def test_unreadable_rows_are_told_by_reason_with_their_numbers(write_rows, base_tokenizer):
    good, bad = {"question": "Q?", "answer": "1"}, {"question": "Q?", "answer": ""}
    found = look(write_rows(good, bad, 7, bad, bad, bad, good), base_tokenizer)
    text = told(found)
    assert "2 read, 5 unreadable" in text
    assert "4, rows 2, 4-6: column answer: expected an answer that a completion" in text
    assert "got '' (str): blank" in text
    assert "row 3: expected a JSON object, got 7 (int)" in text
    assert "data.skip_unreadable_rows=true leaves them out" in text


def test_sources_kinds_repeats_and_oddities_are_counted(write_rows, base_tokenizer):
    rows = [
        {"question": "1+1?", "answer": "2", "source": "sums"},
        {"question": "1+1?", "answer": "3", "source": "sums"},
        {"question": "Capital?", "answer": "Paris ", "source": "towns"},
    ]
    text = told(look(write_rows(*rows), base_tokenizer))
    assert "sources        sums 2, towns 1" in text
    assert "answers        whole number 2, word 1" in text
    assert 'row 1 expects "2", row 2 "3"' in text
    assert "answers with white space around them: 1, row 3: 'Paris '" in text
    plain = told(look(write_rows(rows[0]), base_tokenizer))
    assert "repeats        none" in plain
    assert "odd            nothing" in plain


def test_gold_answers_are_told_with_what_was_looked_at(write_rows, base_tokenizer):
    path = write_rows(*({"question": f"Q{n}?", "answer": "1"} for n in range(20)))
    found = look(path, base_tokenizer)
    assert "20 of 20 accepted by math (every row)" in told(found, GoldCheck(20, 20, 20))
    part = told(found, GoldCheck(20, 5, 5))
    assert "5 of 5 accepted by math (of 20 rows, evenly spread; --all grades every one)" in part
    wrong = Verdict(0.0, Status.WRONG, "'2' is not it")
    refused = told(found, GoldCheck(20, 20, 12, [(row, wrong) for row in found.rows[:8]]))
    assert "12 of 20 accepted" in refused
    assert "8 not accepted, rows 1-8: wrong: '2' is not it" in refused
    without_reason = [(row, Verdict(0.0, Status.WRONG)) for row in found.rows[:8]]
    refused = told(found, GoldCheck(20, 20, 12, without_reason))
    assert refused.count("8 not accepted, rows 1-8: wrong\n") == 1
    unknown = told(found, GoldCheck(20, 20, 0, [], found.rows))
    assert "none known of 20 rows, which math can grade: rows 1-20" in unknown
    assert "0 of 0" not in unknown
    puzzles = told(found, GoldCheck(20, 20, 17, unsolvable=found.rows[:3]))
    assert "17 of 17 accepted" in puzzles
    assert "no solution to 3 puzzles, which nothing can be paid for: rows 1-3" in puzzles
    assert "none known" not in puzzles
    assert "not graded: no verifier fits" in told(found, None, "no verifier fits")


def test_different_flaws_of_one_column_are_told_apart_and_many_are_cut(write_rows, base_tokenizer):
    good = {"question": "Q?", "answer": "1"}
    bad = [True, False, math.nan, "", [], {}, [""], ["", ""], math.inf, {"a": None}]
    path = write_rows(good, *({"question": "Q?", "answer": value} for value in bad))
    text = told(look(path, base_tokenizer))
    assert "2, rows 2-3: column answer: " in text
    assert "1, row 4: column answer: " in text
    assert "got nan (float): a missing value" in text
    numbers = re.findall(r"\d, rows? ([\d, -]+): column answer", text)
    assert {n for one in numbers for n in re.findall(r"\d+", one)} == set(map(str, range(2, 12)))


def test_rows_far_apart_are_all_named_up_to_a_bound(write_rows, base_tokenizer):
    good, bad = {"question": "Q?", "answer": "1"}, {"question": "Q?", "answer": ""}
    found = look(write_rows(*[bad, good] * 15), base_tokenizer)
    assert "15, rows 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and 3 more: column" in told(found)
    assert "21, 23, 25, 27, 29: column answer" in told(found, every_row=True)


def test_gold_answers_that_are_not_accepted_are_told_by_reason(write_rows, base_tokenizer):
    path = write_rows(*({"question": f"Q{n}?", "answer": "1"} for n in range(9)))
    found = look(path, base_tokenizer)
    verdicts = [Verdict(0.0, Status.WRONG, f"'{n}' is not it") for n in range(6)]
    verdicts += [Verdict(None, Status.INFRASTRUCTURE, "no answer")] * 3
    text = told(found, GoldCheck(9, 9, 0, list(zip(found.rows, verdicts, strict=True))))
    assert "6 not accepted, rows 1-6: wrong: '0' is not it" in text
    assert "3 not accepted, rows 7-9: no verdict: no answer" in text


def test_rows_of_several_files_are_told_with_their_file(write_rows, base_tokenizer, tmp_path):
    good, bad = {"question": "Q?", "answer": "1"}, {"question": "P?", "answer": ""}
    write_rows(good, name="a.jsonl")
    write_rows(good, bad, name="b.jsonl")
    found = look(str(tmp_path), base_tokenizer)
    text = told(found)
    assert "row 2 of b.jsonl: column answer" in text
    assert "(row 1 of a.jsonl in row 1 of b.jsonl)" in text
    assert rows_said(found.rows, several=True) == "rows 1 of a.jsonl, 1 of b.jsonl"
