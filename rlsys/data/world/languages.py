"""What the tiny world's chains of thought say, in English and in Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """Sentences of one language, with their white space; `{}` is a number or an equation."""

    name: str
    """As the verifier `language` calls it."""
    plan: str
    first: str
    then: str
    conclusion: str
    guess: str
    """What a hasty solution says instead of its steps."""
    paddings: tuple[str, ...]
    """Restatements and connectives that bring a chain no further; `{}` is the value so far."""


ENGLISH = Language(
    name="en",
    plan="we need {} steps. ",
    first="first {}. ",
    then="then {}. ",
    conclusion="so the answer is {}. ",
    guess="this looks easy. ",
    paddings=("so far it is {}. ", "wait, let us look again. ", "now let us go on. "),
)
CHINESE = Language(
    name="zh",
    plan="需要{}步。",
    first="首先{}。",
    then="然后{}。",
    conclusion="所以答案是{}。",
    guess="这很简单。",
    paddings=("目前结果是{}。", "等一下，再看一遍。", "现在继续计算。"),
)
LANGUAGES = (ENGLISH, CHINESE)
