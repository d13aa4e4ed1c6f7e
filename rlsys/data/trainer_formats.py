"""Rows as the ecosystem's trainers lay them out: verl, TRL, OpenRLHF, slime."""

from typing import Any

from rlsys.config.data import DataConfig
from rlsys.data.raw import RawRow, first_number, is_filled, shown
from rlsys.data.rows import ChatMessage, PromptKind, Row, build_row, conversation, question
from rlsys.data.sources import source_of
from rlsys.json_text import decode_object
from verifiers.extract import last_boxed

TRL_ANSWERS = ("answer", "ground_truth", "solution")


def read_verl(raw: RawRow, config: DataConfig) -> Row:
    """verl: prompt (messages), reward_model.ground_truth, data_source, extra_info.

    The ground truth is a text, a number, a struct, or a JSON text of a struct (decoded here).
    """
    reward_model = raw.mapping("reward_model")
    expected = reward_model.get("ground_truth")
    if expected is None:
        got = f"the fields {', '.join(reward_model) or '(none)'}"
        raise raw.error("reward_model.ground_truth", "an answer", got)
    info = raw.mapping("extra_info")
    decoded = decode_object(expected)
    if decoded is not expected:
        info = {"ground_truth": expected} | info  # verl's own functions decode the text themselves
    kind, messages = read_prompt(raw, "prompt")
    return build_row(
        raw,
        config,
        source=source_of(raw, "data_source"),
        kind=kind,
        messages=messages,
        expected=decoded,
        answer_column="reward_model.ground_truth",
        info=info,
        difficulty=first_number(info | raw.values, "difficulty", "level"),
    )


def read_trl(raw: RawRow, config: DataConfig) -> Row:
    """TRL: prompt (a text to be continued, or messages) and any other columns.

    The answer is `answer`, else `ground_truth`, else what is boxed in `solution`, else all of
    it; None when the rows have none of the three. All other columns go to info.
    """
    kind, messages = read_prompt(raw, "prompt")
    column = next((c for c in TRL_ANSWERS if raw.values.get(c) is not None), "")
    expected = decode_object(raw.values.get(column))
    info = raw.rest("prompt", column)
    test = raw.values.get("test")
    if expected is None and isinstance(test, str) and "Solution()" in test:
        raise raw.error(
            "test", "tests that define check(candidate), with an entry_point", shown(test)
        )
    if column == "solution" and isinstance(expected, str):
        info["solution"] = expected
        expected = last_boxed(expected) or expected
    return build_row(
        raw,
        config,
        source=source_of(raw, "data_source"),
        kind=kind,
        messages=messages,
        expected=expected,
        answer_column=column,
        info=info,
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def read_openrlhf(raw: RawRow, config: DataConfig) -> Row:
    """OpenRLHF and slime: a prompt (text or messages) and its label, the expected answer.

    The prompt is in data.input_key, else `prompt`, else `input`; the label in data.label_key, else
    `label`. Only rows whose data.input_key is named without a data.label_key may be without one.
    """
    label_key = config.label_key or "label"
    input_key = config.input_key or ("prompt" if "prompt" in raw.values else "input")
    kind, messages = read_prompt(raw, input_key)
    expected = None
    if label_key in raw.values or config.label_key or not config.input_key:
        expected = raw.value(label_key, "an answer")
    if not config.label_key and is_filled(raw.values.get("completion")):
        got = f"{shown(expected)} beside a column completion: a rating, as in KTO's rows"
        raise raw.error(label_key, "an answer (data.label_key names its column)", got)
    return build_row(
        raw,
        config,
        source=source_of(raw, "datasource"),
        kind=PromptKind.QUESTION if kind is PromptKind.TEXT else kind,
        messages=messages,
        expected=decode_object(expected),
        answer_column=label_key,
        info=raw.rest(input_key, label_key, "datasource"),
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def read_question_answer(raw: RawRow, config: DataConfig) -> Row:
    """Rows of a question and its answer, of any JSON type; other columns go to info."""
    return build_row(
        raw,
        config,
        source=source_of(raw, "source"),
        kind=PromptKind.QUESTION,
        messages=question(raw.text("question")),
        expected=decode_object(raw.value("answer", "an answer")),
        info=raw.rest("question", "answer"),
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def read_prompt(raw: RawRow, column: str) -> tuple[PromptKind, list[ChatMessage]]:
    """A prompt column that holds a text or messages."""
    value: Any = raw.value(column, "a text or a list of messages")
    if isinstance(value, list) or isinstance(decode_object(value), list):
        return PromptKind.CONVERSATION, conversation(raw, column)
    if not isinstance(value, str) or not value.strip():
        raise raw.error(column, "a text or a list of messages", shown(value))
    return PromptKind.TEXT, question(value)
