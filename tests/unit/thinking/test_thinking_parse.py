from hypothesis import given
from hypothesis import strategies as st

from rlsys.thinking.parse import Part, StreamParser, opens_thinking, parse

PIECES = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<", "</", "think", ">", "<answer>4</answer>", " a", "思"]
    ),
    max_size=12,
)


def test_one_block_then_the_answer() -> None:
    parsed = parse("<think>2+2 is 4</think><answer>4</answer>", opened=False)
    assert (parsed.thinking, parsed.answer) == ("2+2 is 4", "<answer>4</answer>")
    assert (parsed.closed, parsed.blocks) == (True, 1)


def test_a_prompt_may_have_opened_the_block() -> None:
    assert opens_thinking("User: 2+2?\nAssistant: <think>\n")
    parsed = parse("2+2 is 4</think>4", opened=True)
    assert (parsed.thinking, parsed.answer, parsed.blocks) == ("2+2 is 4", "4", 1)


def test_a_model_that_opens_the_block_again_does_not_open_a_second_one() -> None:
    parsed = parse("<think>a</think>b", opened=True)
    assert (parsed.thinking, parsed.answer, parsed.blocks) == ("a", "b", 1)


def test_unclosed_thinking_has_no_answer() -> None:
    parsed = parse("<think>and so on", opened=False)
    assert (parsed.thinking, parsed.answer, parsed.closed) == ("and so on", "", False)


def test_blocks_may_repeat_and_a_stray_close_is_only_removed() -> None:
    parsed = parse("<think>a</think>b</think>c<think>d</think>e", opened=False)
    assert (parsed.thinking, parsed.answer, parsed.blocks) == ("ad", "bce", 2)


def test_text_without_tags_is_all_answer() -> None:
    parsed = parse("4 < 5 </th", opened=False)
    assert (parsed.thinking, parsed.answer, parsed.blocks) == ("", "4 < 5 </th", 0)


@given(PIECES, st.booleans(), st.data())
def test_streaming_says_the_same_as_the_whole_text_for_any_chunks(
    pieces: list[str], opened: bool, data: st.DataObject
) -> None:
    text = "".join(pieces)
    parser = StreamParser(opened)
    parts = {Part.THINKING: "", Part.ANSWER: ""}
    rest = text
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        for part, piece in parser.feed(rest[:size]):
            parts[part] += piece
        rest = rest[size:]
    for part, piece in parser.end():
        parts[part] += piece
    whole = parse(text, opened)
    assert (parts[Part.THINKING], parts[Part.ANSWER]) == (whole.thinking, whole.answer)
    assert parser.thinking is not whole.closed


@given(PIECES, st.booleans())
def test_no_tag_is_left_and_no_other_character_is_lost(pieces: list[str], opened: bool) -> None:
    text = "".join(pieces)
    parsed = parse(text, opened)
    without = text.replace("</think>", "\0").replace("<think>", "\0").replace("\0", "")
    assert sorted(parsed.thinking + parsed.answer) == sorted(without)
