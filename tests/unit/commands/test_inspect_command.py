"""`rlsys inspect`, from the command line to what it prints."""

import json

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.commands import inspect as command
from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.errors import ConfigError, DataError
from rlsys.local_policy import resolve

PUZZLE = {
    "data_source": "countdown",
    "prompt": [{"role": "user", "content": "Reach 98 with 44, 19 and 35."}],
    "reward_model": {"ground_truth": {"numbers": [44, 19, 35], "target": 98}},
}
PROGRAM = {"task_id": "T/0", "prompt": "def f():\n", "entry_point": "f", "test": "assert f"}


class CodePoints:
    """A tokenizer of single characters, without a chat template."""

    chat_template = None
    bos_token = None
    bos_token_id = None
    eos_token_id = 3

    def __call__(self, text, *, add_special_tokens):
        return {"input_ids": [[ord(c) for c in t] for t in text]}


@pytest.fixture
def run(monkeypatch):
    """Runs the command with the tokenizer above; rows fit on one line of the output."""
    monkeypatch.setattr(resolve, "tokenizer_of", lambda path: CodePoints())
    monkeypatch.setenv("COLUMNS", "300")

    def invoke(*arguments, status=0):
        result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output

    return invoke


@pytest.fixture
def write(tmp_path):
    def rows(*values):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(value) + "\n" for value in values))
        return path

    return rows


def test_three_rows_are_shown_and_their_gold_answers_graded(run, write):
    path = write(*({"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)))
    output = run(path)
    assert "What is 2 + 1?" in output
    assert "What is 3 + 1?" not in output
    assert output.count("correct, reward 1, math 1") == 3
    assert "verifier: math" in output


def test_the_whole_file_is_told_before_the_rows(run, write):
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(40)]
    output = run(write(*rows, {"question": "What is 0 + 1?", "answer": "7"}), "--rows", "0")
    assert "41 read, 0 unreadable" in output
    assert "41 of 41 accepted by math (every row)" in output
    assert 'row 1 expects "1", row 41 "7"' in output
    assert "dry verdict" not in output


def test_unreadable_rows_are_told_and_the_exit_status_says_that_a_run_would_stop(run, write):
    good, bad = {"question": "1 + 1?", "answer": "2"}, {"question": "1 + 2?", "answer": True}
    path = write(good, bad, good, bad)
    output = run(path, status=1)
    assert "2 read, 2 unreadable" in output
    assert "rows 2, 4: column answer: expected an answer that a completion can match" in output
    assert "2 of 2 accepted by math" in output
    assert "rows 2, 4" in run(path, "data.skip_unreadable_rows=true", status=0)


def test_no_readable_row_is_one_error(run, write):
    with pytest.raises(DataError, match=r"row 1, column images: .*no row can be read"):
        run(write({"prompt": "How many?", "answer": "3", "images": ["a.png"]}))


def test_rows_without_an_answer_have_no_verifier_and_are_shown(run, write):
    output = run(write({"prompt": "Write a poem."}))
    assert "none 1" in output
    assert "not graded: no verifier fits such rows" in output


def test_answers_that_the_named_verifier_cannot_read_are_told(run, write):
    output = run(write(PUZZLE), "verifiers.rewards=[{name: math}]")
    assert "0 of 1 accepted by math" in output
    assert "row 1: no verdict: math: expected answer" in output


UNSOLVABLE = PUZZLE | {
    "reward_model": PUZZLE["reward_model"] | {"ground_truth": {"numbers": [2, 2], "target": 3}}
}


def test_a_puzzle_that_no_expression_solves_is_told_as_such(run, write):
    output = run(write(UNSOLVABLE, PUZZLE))
    assert "no solution to 1 puzzle, which nothing can be paid for: row 1" in output
    assert "none known" not in output


def test_a_file_of_which_no_puzzle_has_a_solution_is_one_error_below_its_figures(run, write):
    path = write(UNSOLVABLE, UNSOLVABLE)
    with pytest.raises(DataError, match=r"rows\.jsonl: none of the 2 puzzles .* has a solution"):
        run(path)
    shown = CliRunner().invoke(app, ["inspect", str(path)]).output
    assert "no solution to 2 puzzles" in shown


def test_a_file_whose_prompts_are_all_too_long_is_one_error_that_says_how_long(run, write):
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in (1, 10)]
    said = r"all 2 prompts are over data\.max_prompt_tokens=5; nearest valid: .*=\d+ for the short"
    with pytest.raises(DataError, match=said):
        run(write(*rows), "data.max_prompt_tokens=5")
    assert "1 over data.max_prompt_tokens" in run(
        write(*rows), "data.max_prompt_tokens=439", "sampling.max_tokens=64"
    )


def test_slime_rows_are_asked_and_graded(run, write):
    output = run(write({"prompt": "1 + 1?", "label": "2"}))
    assert "openrlhf" in output
    assert "correct, reward 1, math 1" in output


def test_puzzles_get_the_countdown_verifier_without_a_config(run, write):
    assert "correct, reward 1, countdown 1" in run(write(PUZZLE))


@pytest.mark.parametrize(
    ("row", "verifier"),
    [
        (PROGRAM, "code_functions"),
        ({"problem": "Add.", "tests": {"inputs": ["1"], "outputs": ["1"]}}, "code_programs"),
    ],
)
def test_programs_get_the_verifier_that_runs_their_tests(write, row, verifier):
    rows = read_rows(write(row), DataConfig()).rows
    assert [reward.name for reward in command.fitting_rewards(rows)] == [verifier]


def test_a_config_brings_its_own_rewards_and_limits(run, write, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text(
        "data: {max_prompt_tokens: 100, template: plain}\n"
        "verifiers: {rewards: [{name: right, verifier: math, weight: 0.5}]}\n"
    )
    row = {"question": "1 + 1?", "answer": "2"}
    output = run(write(row, {"question": "x" * 99, "answer": "2"}), "--config", config)
    assert "reward 0.5, right 1" in output
    assert "1 over data.max_prompt_tokens=100, left out: row 2" in output


def test_without_a_config_no_prompt_is_too_long(run, write):
    output = run(write({"question": "x" * 9999, "answer": "2"}))
    assert "max_prompt_tokens" not in output
    assert "1 of 1 accepted" in output
    assert "pairs: --config configs/reward_model.yaml" in " ".join(output.split())


def test_what_the_command_line_names_is_kept_without_a_config(run, write):
    output = run(
        write({"question": "1 + 1?", "answer": "2"}),
        "data.template=plain",
        "data.max_prompt_tokens=200",
        "verifiers.rewards=[{name: format}]",
    )
    assert "none over data.max_prompt_tokens=200" in output
    assert "Question: 1 + 1?" in output
    assert "wrong, reward 0, format 0" in output


def test_mixed_rows_are_not_taken_for_puzzles(write):
    question = {**PUZZLE, "reward_model": {"ground_truth": "7"}}
    rows = read_rows(str(write(PUZZLE, question)), DataConfig()).rows
    assert [reward.name for reward in command.fitting_rewards(rows)] == ["math"]


def test_each_source_gets_the_verifier_that_its_rows_need(run, write):
    question = {**PUZZLE, "data_source": "sums", "reward_model": {"ground_truth": "7"}}
    path = write(PUZZLE, question)
    rewards = command.fitting_rewards(read_rows(str(path), DataConfig()).rows)
    assert {reward.name: reward.sources for reward in rewards} == {
        "countdown": ["countdown"],
        "math": ["sums"],
    }
    assert "2 of 2 accepted by countdown, math" in run(path)


def test_a_missing_file_a_missing_model_and_a_wrong_key_are_errors_of_ours(run, write, tmp_path):
    path = write(PUZZLE)
    with pytest.raises(DataError, match=r"row\.jsonl.*nearest existing: .*rows\.jsonl"):
        run(tmp_path / "row.jsonl")
    with pytest.raises(ConfigError, match="does not exist"):
        run(path, "--model", tmp_path / "model")
    with pytest.raises(ConfigError, match=r"data\.template"):
        run(path, "data.templat=plain")


def test_demonstrations_are_shown_with_what_is_learned_of_them(tmp_path):
    talk = [{"role": "user", "content": "1+2=?"}, {"role": "assistant", "content": "3"}]
    file = tmp_path / "chains.jsonl"
    file.write_text(json.dumps({"messages": talk}) + "\n")
    done = CliRunner().invoke(app, ["inspect", str(file), "--config", "configs/sft.yaml"])
    assert "1, of which 0 are left out" in done.output
    assert "0 x 6, 1 x 2" in done.output


def test_all_demonstrations_that_cannot_be_read_are_named_by_reason(tmp_path):
    talk = [{"role": "user", "content": "1+2=?"}, {"role": "assistant", "content": "3"}]
    rows = [{"messages": talk}, {"messages": None}, {"messages": talk[:1]}, {"messages": None}]
    file = tmp_path / "chains.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{")
    told = ["inspect", str(file), "--config", "configs/sft.yaml"]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 1
    said = " ".join(done.output.split())
    assert "4 unreadable" in said
    assert "2, rows 2, 4: column messages: expected a list of messages" in said
    assert "1, row 3: column messages: expected an assistant's turn behind another" in said
    assert "1, row 5: expected a JSON object" in said
    assert CliRunner().invoke(app, [*told, "data.skip_unreadable_rows=true"]).exit_code == 0


def test_pairs_are_shown_with_both_sides_and_their_faults_are_counted(tmp_path):
    rows = [
        {"prompt": "1+1=?", "chosen": "so 2", "rejected": "so 30"},
        {"prompt": "1+2=?", "chosen": "3", "rejected": None},
        {"prompt": "1+2=?", "chosen": "3", "rejected": "3"},
        {"prompt": "1+2=?", "chosen": "4", "rejected": None},
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = ["inspect", str(file), "--config", "configs/reward_model.yaml"]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 1
    said = " ".join(done.output.replace("│", " ").split())
    assert "pairs 4, of which 1 can be learned from" in said
    assert "2, rows 2, 4: column rejected: expected an answer, got None" in said
    assert "1, row 3: column rejected: expected another answer than the chosen one" in said
    assert "data.skip_unreadable_rows=true leaves them out" in said
    assert "shared 1+1=? so shared ids 18 12 18 30 32 200" in said
    assert "chosen 2<|endoftext|> chosen ids 19 0" in said
    assert "rejected 30<|endoftext|>" in said
    assert CliRunner().invoke(app, [*told, "data.skip_unreadable_rows=true"]).exit_code == 0
