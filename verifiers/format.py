"""Does a completion keep to the template `<think>...</think><answer>...</answer>`?"""

import re
from dataclasses import dataclass, field

from verifiers.base import Completion, Status, Verdict
from verifiers.extract import ANSWER, END_ANSWER, END_THINK, THINK

_TEMPLATE = re.compile(
    rf"\s*{THINK}(?P<reasoning>.*?){END_THINK}\s*{ANSWER}(?P<answer>.*?){END_ANSWER}\s*", re.DOTALL
)
_TAGS = (THINK, END_THINK, ANSWER, END_ANSWER)


@dataclass
class FormatVerifier:
    """Reward 1 when each tag stands exactly once, in order, around text, with nothing outside.

    A prompt that ends with an open `<think>` counts as the completion's own.
    """

    name: str = field(default="format", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the template; the answer itself does not matter."""
        opened = completion.prompt.rstrip().endswith(THINK)
        text = THINK + completion.text if opened else completion.text
        reason = _fault(text)
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


def _fault(text: str) -> str:
    for tag in _TAGS:
        count = text.count(tag)
        if count != 1:
            return f"{tag} stands {count} times"
    found = _TEMPLATE.fullmatch(text)
    if found is None:
        return "the tags are out of order, or there is text outside them"
    empty = [section for section, content in found.groupdict().items() if not content.strip()]
    return f"no text in the {empty[0]}" if empty else ""
