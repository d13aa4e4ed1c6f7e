"""The grammar of thinking and answer, to the letter and as verifiers read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.markup import Parsed, Part, Reading, Section, StreamParser, opens_thinking, parse, read

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
OPEN = "User: 2+2?\nAssistant: <think>"
PIECES = st.lists(
    st.sampled_from(
        [
            *TAGS,
            *("<", "</", "think", "answer", ">", " a", "思", "\n", "7", "\\boxed{"),
        ]
    ),
    max_size=14,
).map("".join)
UNTAGGED = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), max_size=40)


def sections(text: str, opened: bool = False) -> list[tuple[str, str]]:
    """The sections that hold text."""
    return [(str(s.part), s.text) for s in parse(text, opened).sections if s.text]


def test_thinking_then_the_answer() -> None:
    assert sections("<think>2+2 is 4</think>So <answer>4</answer>.") == [
        ("thinking", "2+2 is 4"),
        ("text", "So "),
        ("answer", "4"),
        ("text", "."),
    ]


def test_a_prompt_may_have_opened_the_block() -> None:
    assert opens_thinking("User: 2+2?\nAssistant: <think>\n")
    assert not opens_thinking("Reason inside <think> </think>.")
    assert sections("2+2 is 4</think>4", opened=True) == [("thinking", "2+2 is 4"), ("text", "4")]


def test_a_model_that_opens_the_block_again_does_not_open_a_second_one() -> None:
    assert sections("a<think>b</think>c", opened=True) == [("thinking", "ab"), ("text", "c")]


def test_unclosed_thinking_has_no_answer() -> None:
    parsed = parse("<think>so <answer>4</answer>, or", opened=False)
    assert (parsed.thinking, parsed.visible) == ("so <answer>4</answer>, or", "")
    assert not parsed.closed


def test_blocks_may_repeat_and_a_stray_close_is_only_removed() -> None:
    parsed = parse("<think>a</think>3</think>4<think>d</think>5", opened=False)
    # 3, 4 and 5 stay three numbers.
    assert (parsed.thinking, parsed.visible) == ("ad", "3\n4\n5")


def test_thinking_ends_an_open_answer_and_a_new_answer_ends_the_one_before() -> None:
    assert sections("<answer>1<answer>2<think>no</think>3") == [
        *(("answer", "1"), ("answer", "2"), ("thinking", "no"), ("text", "3")),
    ]


def test_an_empty_block_is_a_section() -> None:
    parsed = parse("<think></think><answer></answer>", opened=False)
    assert parsed.sections == (
        Section(Part.TEXT, ""),
        Section(Part.THINKING, ""),
        Section(Part.TEXT, ""),
        Section(Part.ANSWER, ""),
        Section(Part.TEXT, ""),
    )


def test_text_without_tags_is_one_section() -> None:
    assert parse("4 < 5 </th", opened=False) == Parsed((Section(Part.TEXT, "4 < 5 </th"),))


@given(PIECES, st.booleans(), st.data())
def test_streaming_says_the_same_as_the_whole_text_for_any_chunks(
    text: str, opened: bool, data: st.DataObject
) -> None:
    parser = StreamParser(opened)
    found = [Section(parser.part, "")]
    rest = text
    pieces: list[Section] = []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        pieces += parser.feed(rest[:size])
        rest = rest[size:]
    for piece in (*pieces, *parser.end()):
        if piece.text:
            assert piece.part is found[-1].part
            found[-1] = Section(piece.part, found[-1].text + piece.text)
        else:
            found.append(piece)
    assert tuple(found) == parse(text, opened).sections


@given(PIECES, st.data())
def test_only_what_could_become_a_tag_is_held_back(text: str, data: st.DataObject) -> None:
    parser = StreamParser(opened=False)
    shown = "".join(piece.text for piece in parser.feed(text))
    held = "".join(piece.text for piece in parser.end())
    assert not held or any(tag.startswith(held) and tag != held for tag in TAGS)
    assert "".join(s.text for s in parse(text, opened=False).sections) == shown + held


@given(PIECES, st.booleans())
def test_no_tag_is_left_and_no_other_character_is_lost(text: str, opened: bool) -> None:
    pieces = list(StreamParser(opened).feed(text))
    for piece in pieces:
        known = TAGS[:2] if piece.part is Part.THINKING else TAGS
        assert not any(tag in piece.text for tag in known)
    kept = "".join(section.text for section in parse(text, opened).sections)
    characters = iter(text)
    assert all(character in characters for character in kept)  # a subsequence, in order
    assert len(text) - len(kept) <= sum(len(tag) * text.count(tag) for tag in TAGS)


@given(UNTAGGED, UNTAGGED)
def test_the_template_gives_back_what_was_put_in(thinking: str, answer: str) -> None:
    filled = read(f"<think>{thinking}</think> <answer>{answer}</answer>")
    assert (filled.thinking, filled.answer) == (thinking, answer)
    assert read(f"{thinking}</think> <answer>{answer}</answer>", OPEN) == filled


@given(PIECES, st.booleans())
def test_whoever_keeps_to_the_letter_is_read_to_the_letter(text: str, opened: bool) -> None:
    parsed = parse(text, opened)
    reading = read(text, OPEN if opened else "")
    first = min(
        (at, tag) for tag in ("<think>", "</think>", "\0") if (at := (text + "\0").find(tag)) >= 0
    )[1]
    if parsed.closed and (opened or first != "</think>"):
        assert (reading.thinking or "", reading.visible) == (parsed.thinking, parsed.visible)


@pytest.mark.parametrize(
    ("text", "prompt", "reading"),
    [
        ("<think>a</think><answer>4</answer>", "", Reading("a", "4", "4")),
        ("a</think> <answer>4</answer>", OPEN, Reading("a", " \n4", "4")),
        ("just 4", "", Reading(None, "just 4", None)),
        ("<think>a</think><answer>4", "", Reading("a", "4", "4")),
        ("<answer>3</answer><answer>4", "", Reading(None, "3\n4", "4")),
        # The two kindnesses: a block begun elsewhere, and an answer as the last words.
        ("a</think> 4", "", Reading("a", " 4", None)),
        ("a<answer>5</answer>\n", OPEN, Reading("a", "5\n\n", "5")),
        ("<think>a<answer>5</answer> or", "", Reading("a<answer>5</answer> or", "", None)),
    ],
)
def test_verifiers_read_kindly(text: str, prompt: str, reading: Reading) -> None:
    assert read(text, prompt) == reading


def test_an_open_answer_counts_unless_the_completion_was_cut_off() -> None:
    text = "<think>a</think><answer>12"
    assert read(text).answer == "12"
    assert read(text, truncated=True).answer is None
    assert read("<answer>1</answer> <answer>2", truncated=True).answer == "1"


def test_a_hundred_thousand_tags_cost_one_pass() -> None:
    assert read("<answer>" * 100_000 + "4").answer == "4"
    assert read("</think><think>" * 100_000).visible == ""
