"""Are the data's own answers accepted? As many as time allows, evenly spread."""

from rlsys.config.data import DataConfig
from rlsys.data.inspection.gold_check import check_gold
from rlsys.data.read import read_rows
from rlsys.data.templates import tokenize
from verifiers.base import Status, Verdict


class Grader:
    """Accepts what ends in its expected answer; a batch takes as long as it is told."""

    def __init__(self, seconds_per_row=0.0):
        self.now = 0.0
        self.batches = []
        self._seconds = seconds_per_row

    def grade(self, completions):
        self.batches.append(len(completions))
        self.now += self._seconds * len(completions)
        return [self._verdict(one) for one in completions]

    def clock(self):
        return self.now

    @staticmethod
    def _verdict(completion):
        if completion.answer == "broken":
            return Verdict(None, Status.INFRASTRUCTURE, "cannot be read")
        right = f"{{{completion.answer}}}" in completion.text and completion.answer != "hard"
        return Verdict(float(right), Status.CORRECT if right else Status.WRONG, "compared")


def check(path, tokenizer, grader, limit_s=10.0):
    config = DataConfig(max_prompt_tokens=1000)
    tokenized = tokenize(read_rows(path, config).rows, config, tokenizer)
    looked = []
    found = check_gold(
        tokenized.rows, tokenized.prompts, grader.grade, limit_s, looked.append, grader.clock
    )
    assert looked[-1] == found.looked_at
    return found


def answers(*values):
    return [{"prompt": f"Q{n}", "answer": value} for n, value in enumerate(values)]


def test_what_is_not_accepted_is_told_in_the_order_of_the_file(write_rows, base_tokenizer):
    rows = [*answers("1", "hard", "2", "broken", "hard"), {"prompt": "A poem."}]
    found = check(write_rows(*rows), base_tokenizer, Grader())
    assert (found.num_rows, found.looked_at, found.accepted) == (6, 6, 2)
    assert [(row.number, str(v.status)) for row, v in found.refused] == [
        (2, "wrong"),
        (4, "infrastructure"),
        (5, "wrong"),
    ]
    assert [row.number for row in found.unknown] == [6]


def test_quick_rows_are_all_looked_at_in_growing_batches(write_rows, base_tokenizer):
    grader = Grader()
    found = check(write_rows(*answers(*["1"] * 100)), base_tokenizer, grader)
    assert (found.looked_at, found.accepted) == (100, 100)
    assert grader.batches == [1, 2, 4, 8, 16, 32, 37]


def test_slow_rows_are_looked_at_until_the_time_is_up_evenly_spread(write_rows, base_tokenizer):
    grader = Grader(seconds_per_row=0.25)
    found = check(write_rows(*answers(*["hard"] * 400)), base_tokenizer, grader)
    assert found.num_rows == 400
    assert 40 <= found.looked_at <= 48
    numbers = [row.number for row, _ in found.refused]
    gaps = [b - a for a, b in zip([0, *numbers], [*numbers, 401], strict=True)]
    assert max(gaps) < 25
