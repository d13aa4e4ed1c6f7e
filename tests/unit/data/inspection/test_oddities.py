"""What is odd about rows that can be read."""

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.inspection.oddities import find_oddities
from rlsys.data.read import read_rows

PLAIN = {"question": "How much is 2 + 2?", "answer": "4"}


def oddities(write_rows, *rows):
    found = find_oddities(read_rows(write_rows(*rows), DataConfig()).rows)
    return {odd.name: [row.number for row in odd.rows] for odd in found}


def test_plain_rows_are_not_odd(write_rows):
    named = {"question": "Put the answer in \\boxed{} after ####.", "answer": "\\frac{1}{2}"}
    assert oddities(write_rows, PLAIN, named) == {}


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (" 4", "answers with white space around them"),
        ("4\n", "answers with white space around them"),
        ("nan", "answers that read like a missing value"),
        ("N/A", "answers that read like a missing value"),
        ("He has four apples left", "answers that are a sentence"),
        ("\\sqrt{2}+" * 30, "answers of over 200 characters"),
    ],
)
def test_odd_answers(write_rows, answer, name):
    assert oddities(write_rows, PLAIN, {"question": "Q?", "answer": answer}) == {name: [2]}


@pytest.mark.parametrize("answer", ["2xy + 10x + 20y + 100", "New York City", "x \\in (1, 2)"])
def test_these_answers_are_no_sentences(write_rows, answer):
    assert oddities(write_rows, {"question": "Q?", "answer": answer}) == {}


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("2+2? #### 4", "prompts with the answer in them"),
        ("2+2? So it is \\boxed{ 4 }.", "prompts with the answer in them"),
        ("<|im_start|>user 2+2?<|im_end|>", "prompts with leftovers of a template"),
        ("[INST] 2+2? [/INST]", "prompts with leftovers of a template"),
        ("Solve: {question}", "prompts with leftovers of a template"),
        ("See ![](https://a.b/c.png). 2+2?", "prompts that refer to a picture"),
        ("What is \x0crac{4}{1}?", "prompts with garbled characters"),
        ("The baker\u00e2\u0080\u0099s bill?", "prompts with garbled characters"),
        ("2 加 2 等于多少？", "prompts in Chinese, Japanese or Korean letters, unlike the others"),
    ],
)
def test_odd_prompts(write_rows, prompt, name):
    found = oddities(write_rows, PLAIN, {"question": prompt, "answer": "4"}, PLAIN)
    assert found == {name: [2]}


def test_an_example_with_another_answer_gives_nothing_away(write_rows):
    row = {"question": "Write it as \\boxed{7} or #### 7. How much is 2 + 2?", "answer": "4"}
    assert oddities(write_rows, row) == {}


def test_a_solution_that_is_in_the_prompt_is_odd(write_rows):
    solution = "Two and two are four, as anybody can count on fingers."
    row = {"problem": f"2+2? {solution}", "solution": solution, "answer": "4"}
    assert oddities(write_rows, row) == {"prompts with the answer in them": [1]}


def test_a_prompt_that_is_meant_to_be_continued_has_no_leftovers(write_rows):
    prompt = "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    assert oddities(write_rows, {"prompt": prompt, "answer": "4"}) == {}


def test_programs_may_hold_what_would_be_odd_elsewhere(write_rows):
    row = {"text": "Fill {input} into ![](x.png).", "code": "x", "test_list": ["assert f()"]}
    assert oddities(write_rows, row) == {}


def test_letters_of_the_majority_are_not_odd(write_rows):
    rows = [{"question": f"{n} 加 2 等于多少？", "answer": str(n + 2)} for n in range(3)]
    (name,) = oddities(write_rows, *rows, PLAIN)
    assert name == "prompts in Latin letters, unlike the others"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("choices", ["red", "blue"]),
        ("options", {"A": "red", "B": "blue"}),
        ("context", "The sky is blue."),
        ("system_prompt", "Be brief."),
    ],
)
def test_a_column_that_the_question_needs_and_the_prompt_lacks_is_odd(write_rows, column, value):
    name = "columns that the question may need and the prompt lacks"
    row = {"question": "Which colour?", "answer": "B", column: value}
    assert oddities(write_rows, row) == {name: [1]}
    texts = value.values() if isinstance(value, dict) else value
    whole = value if isinstance(value, str) else " ".join(texts)
    assert oddities(write_rows, row | {"question": f"Which colour? {whole}"}) == {}
