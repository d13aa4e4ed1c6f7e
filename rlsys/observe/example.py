"""What the policy writes, and what a verifier says of it, and why: for a warning."""

import pyarrow as pa

_QUESTION, _BEGIN, _END = 160, 240, 80
"""Characters of the question's end, and of the completion's begin and end."""


def example(rollouts: pa.RecordBatch, grades: pa.RecordBatch, row: int) -> list[str]:
    """A completion with its question and its verdict, as lines.

    Texts stand as Python writes them, since what a policy writes may be anything: also line breaks
    and what a terminal obeys.

    Args:
        rollouts, grades: batches of their contracts, with the same rows.
    """
    asked, verdict = rollouts.slice(row, 1).to_pylist()[0], grades.slice(row, 1).to_pylist()[0]
    reward = "no reward" if verdict["reward"] is None else f"reward {verdict['reward']:g}"
    parts = ", ".join(f"{name} {value:g}" for name, value in verdict["components"])
    paid = f"{reward}: {parts}" if parts else reward
    tokens = len(asked["token_ids"])
    end = "cut off at the limit" if asked["finish_reason"] == "length" else "ended by itself"
    reason = verdict["reason"] or "the verifier gives no reason"
    return [
        f"a question ends:  {asked['prompt_text'][-_QUESTION:]!r}",
        f"a completion to it:  {_shortened(asked['text'])} ({tokens} tokens, {end})",
        f"its verdict:      {verdict['status']}: {reason} ({paid})",
    ]


def _shortened(text: str) -> str:
    if len(text) <= _BEGIN + _END:
        return repr(text)
    return f"{text[:_BEGIN]!r} ... {text[-_END:]!r}"
