"""One completion of a run without a signal, as a person is shown it."""

from typing import Any

import pyarrow as pa

from rlsys import schema
from rlsys.observe.example import example


def batch(contract: pa.Schema, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=contract)


def rollouts(text: str, finish_reason: str) -> pa.RecordBatch:
    other = {"text": "another", "prompt_text": "Another?", "token_ids": [1]}
    row = {
        "text": text,
        "prompt_text": "x" * 500 + "Make 24 from 3 and 8.",
        "token_ids": [1, 2, 3],
        "finish_reason": finish_reason,
    }
    return batch(schema.ROLLOUTS, [other, row])


def grades(reward: float | None, status: str, reason: str) -> pa.RecordBatch:
    components = [("format", 0.0), ("accuracy", 0.0)]
    row = {"reward": reward, "status": status, "reason": reason, "components": components}
    return batch(schema.GRADES, [{"components": []}, row])


def test_an_answer_stands_with_its_question_and_its_verdict() -> None:
    verdict = grades(0.0, "unparsable", "no <answer>")
    asked, answer, said = example(rollouts("3*8\n\x1b[31m", "stop"), verdict, 1)
    assert asked.endswith("xxMake 24 from 3 and 8.'")
    assert len(asked) < 200
    # A terminal must not obey it.
    assert answer == r"a completion to it:  '3*8\n\x1b[31m' (3 tokens, ended by itself)"
    assert said == ("its verdict:      unparsable: no <answer> (reward 0: format 0, accuracy 0)")


def test_a_long_answer_shows_its_begin_and_its_end() -> None:
    text = "I begin" + " and so on" * 100 + " to the end"
    _, answer, said = example(rollouts(text, "length"), grades(None, "infrastructure", ""), 1)
    assert "'I begin and so on" in answer
    assert answer.endswith("to the end' (3 tokens, cut off at the limit)")
    assert len(answer) < 400
    assert "the verifier gives no reason (no reward" in said
