"""The completion that must be paid in full, and the countdown solver behind some of them."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.countdown import read_puzzle, solve
from rlsys.data.gold import gold_completion
from rlsys.data.read import read_rows
from rlsys.data.templates import render
from verifiers.extract import final_answer


def gold(path, template, tokenizer):
    row = read_rows(path, DataConfig()).rows[0]
    prompt = render(row, DataConfig(template=PromptTemplate[template]), tokenizer)
    return prompt, gold_completion(row, prompt)


def test_gold_closes_the_thinking_that_the_prompt_opened(write_rows, base_tokenizer):
    path = write_rows({"question": "Q", "answer": "Two twos.\n#### 1,004"})
    _, completion = gold(path, "r1_zero", base_tokenizer)
    assert completion == "Two twos.</think> <answer>1004</answer>"


def test_gold_opens_and_closes_the_thinking_where_the_prompt_did_not(write_rows, chat_tokenizer):
    path = write_rows({"question": "Q", "answer": "Two twos.\n#### 4"})
    _, completion = gold(path, "chat", chat_tokenizer)
    assert completion == "<think>Two twos.</think> <answer>4</answer>"


def test_gold_is_boxed_where_the_prompt_names_a_box_or_nothing(write_rows, base_tokenizer):
    path = write_rows({"problem": "P", "solution": "S.", "answer": "\\frac{1}{2}"})
    for template in ("plain", "verbatim"):
        assert gold(path, template, base_tokenizer)[1] == "S.\n\\boxed{\\frac{1}{2}}"


def test_gold_follows_hashes_where_the_rows_own_prompt_asks_for_them(write_rows, chat_tokenizer):
    messages = [{"role": "user", "content": '2+2? Output the answer after "####".'}]
    path = write_rows({"prompt": messages, "reward_model": {"ground_truth": "4"}})
    assert gold(path, "chat", chat_tokenizer)[1].endswith("\n#### 4")


def test_gold_program_is_a_block_for_questions_and_the_rest_of_a_head(write_rows, chat_tokenizer):
    head, body = "def f(x):\n", "    return x\n"
    row = {"task_id": "T/0", "prompt": head, "entry_point": "f", "test": "def check(candidate): 0"}
    path = write_rows(row | {"canonical_solution": body})
    block = "```python\ndef f(x):\n    return x\n```"
    assert gold(path, "verbatim", chat_tokenizer)[1] == body
    assert gold(path, "plain", chat_tokenizer)[1].endswith(f"here.\n{block}")
    assert gold(path, "r1_zero", chat_tokenizer)[1].endswith(f"</think> <answer>{block}</answer>")


def test_gold_is_the_first_of_several_right_answers(write_rows, base_tokenizer):
    path = write_rows({"question": "Half?", "answer": ["1/2", "0.5"]})
    assert gold(path, "verbatim", base_tokenizer)[1].endswith("\\boxed{1/2}")


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Write a poem."},
        {"prompt": "P", "answer": {"any": "struct"}},
        {"prompt": "P", "answer": {"numbers": [1, 1], "target": 7}},
        {"problem": "P", "tests": {"inputs": ["1"], "outputs": ["1"]}},
    ],
)
def test_gold_is_none_where_no_right_answer_is_known(write_rows, base_tokenizer, row):
    assert gold(write_rows(row), "verbatim", base_tokenizer)[1] is None


@pytest.mark.parametrize(
    "name", ["gsm8k/test.jsonl", "math500/test.jsonl", "aime/aime24.jsonl", "aime/aime25.jsonl"]
)
@pytest.mark.parametrize("template", ["r1_zero", "chat", "plain"])
def test_the_answer_can_be_read_back_from_each_gold_completion(
    benchmark, chat_tokenizer, name, template
):
    config = DataConfig(template=PromptTemplate[template])
    for row in read_rows(benchmark(name), config).rows:
        prompt = render(row, config, chat_tokenizer)
        completion = gold_completion(row, prompt)
        assert completion is not None
        found = final_answer(completion, prompt)
        assert found is not None
        assert found.text == str(row.expected)


def test_countdown_gold_reaches_the_target_with_each_number_once(benchmark, chat_tokenizer):
    for row in read_rows(benchmark("countdown/countdown_test.parquet"), DataConfig()).rows[:100]:
        prompt = render(row, DataConfig(), chat_tokenizer)
        completion = gold_completion(row, prompt)
        assert completion is not None
        expression = completion.partition("<answer>")[2].partition("</answer>")[0]
        assert value_of(expression) == row.expected["target"]
        assert numbers_in(expression) == sorted(row.expected["numbers"])


def value_of(expression):
    """Exact value: every number becomes a Fraction before Python evaluates the expression."""
    exact = " ".join(
        f"Fraction({word})" if word.isdecimal() else word for word in spaced(expression).split()
    )
    return eval(exact, {"Fraction": Fraction})


def numbers_in(expression):
    return sorted(int(word) for word in spaced(expression).split() if word.isdecimal())


def spaced(expression):
    return expression.replace("(", " ( ").replace(")", " ) ")


@pytest.mark.parametrize(
    ("numbers", "target", "expression"),
    [
        ([7], 7, "7"),
        ([7], 8, None),
        ([2, 3], 6, "(2 * 3)"),
        ([6, 3], 2, "(6 / 3)"),
        ([3, 6], 2, "(6 / 3)"),
        ([0, 5], 0, "(0 * 5)"),
        ([1, 1], 3, None),
        ([], 0, None),
        ([1, 2, 3, 4, 5, 6], 21, None),  # too many to search
    ],
)
def test_solve_finds_an_expression_or_says_that_there_is_none(numbers, target, expression):
    assert solve(numbers, target) == expression


def test_solve_goes_through_fractions():
    # 8 / (3 - 8 / 3) = 24 has no solution over the integers alone.
    expression = solve([3, 3, 8, 8], 24)
    assert expression is not None
    assert value_of(expression) == 24


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(-50, 200))
def test_every_solution_is_exact_and_uses_each_number_once(numbers, target):
    expression = solve(numbers, target)
    if expression is not None:
        assert value_of(expression) == target
        assert numbers_in(expression) == sorted(numbers)


@pytest.mark.parametrize(
    "answer", [None, "72", {}, {"numbers": "12", "target": 3}, {"numbers": [1, "2"], "target": 3}]
)
def test_read_puzzle_refuses_what_is_none(answer):
    assert read_puzzle(answer) is None
