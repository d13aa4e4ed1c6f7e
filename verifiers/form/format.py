"""Does a completion keep to the template `<think>...</think><answer>...</answer>`?"""

from dataclasses import dataclass, field

from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK, Part, opens_thinking, parse
from verifiers.base import Completion, Status, Verdict

_TAGS = (THINK, END_THINK, ANSWER, END_ANSWER)


@dataclass
class FormatVerifier:
    """Reward 1 when each tag stands exactly once, in order, around text, with nothing outside.

    A prompt that ends with an open `<think>` counts as the completion's own.
    """

    name: str = field(default="format", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the template; the answer itself does not matter."""
        reason = _fault(completion.text, opens_thinking(completion.prompt))
        if reason:
            return Verdict(0.0, Status.WRONG, reason)
        return Verdict(1.0, Status.CORRECT)

    def self_test(self) -> list[tuple[Completion, float]]:
        """The template, and the ways in which policies leave it."""
        cases = {
            "<think>a</think>\n<answer>1</answer>": 1.0,
            "<think>a</think><answer>1</answer> and more": 0.0,
            "<think>a</think><answer>1</answer><answer>2</answer>": 0.0,
            "<answer>1</answer><think>a</think>": 0.0,
            "<think></think><answer>1</answer>": 0.0,
            "<think>a<answer>1</answer>": 0.0,
            "": 0.0,
        }
        return [(Completion("", text, None), reward) for text, reward in cases.items()]


def _fault(text: str, opened: bool) -> str:
    for tag in _TAGS:
        count = text.count(tag) + (opened and tag == THINK)
        if count != 1:
            return f"{tag} stands {count} times"
    sections = parse(text, opened).sections
    blocks = [s for s in sections if s.part is not Part.TEXT or s.text.strip()]
    in_order = [block.part for block in blocks] == [Part.THINKING, Part.ANSWER]
    if not in_order or sections[-1].part is Part.ANSWER:
        return "the tags are out of order, or there is text outside them"
    empty = [block.part for block in blocks if not block.text.strip()]
    return f"no text in the {empty[0]}" if empty else ""
