"""The texts that the tiny world's solutions, requests and replies share.

A tokenizer may hold each as one token. Texts are cut into words, each alone and behind a space, and
runs of Chinese characters; punctuation and digits are tokens anyway.
"""

import random
import re
from collections.abc import Iterator

from rlsys.data.world.languages import LANGUAGES, Language
from rlsys.data.world.requests import READ, all_requests, flawed_reply, good_reply
from rlsys.markup import ANSWER, END_ANSWER, END_THINK, THINK

_WORD = re.compile(r"[a-z]+|[\u4e00-\u9fff]+|[，。]")


def pieces() -> list[str]:
    """All of them, the longest sentences' parts first; the same in every process."""
    tags = [THINK, END_THINK, ANSWER, END_ANSWER]
    parts = [part for language in LANGUAGES for part in _steps(language)]
    words = sorted({word for text in _texts() for word in _WORD.findall(text)})
    spaced = [f" {word}" for word in words if word.isascii()]
    return list(dict.fromkeys([*tags, *parts, *words, *spaced]))


def _steps(language: Language) -> Iterator[str]:
    """What stands around the numbers of a chain's own sentences."""
    for sentence in (language.plan, language.first, language.then, language.conclusion):
        yield from filter(None, sentence.split("{}"))


def _texts() -> Iterator[str]:
    for language in LANGUAGES:
        yield from (language.guess, *language.paddings)
    rng = random.Random(0)
    for request in all_requests():
        yield request.text
        yield good_reply(request, rng)
        for flaw in READ:
            yield flawed_reply(request, flaw, rng)
