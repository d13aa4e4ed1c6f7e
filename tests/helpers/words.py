"""A tokenizer of a few words, whose tags are one token or several."""

from collections.abc import Sequence

from rlsys.thinking.track import Tags

WORDS = ["<eos>", "<think>", "</think>", "a", "b", "<", "</", "think", ">", ".</", "think>4"]


class WordTokenizer:
    """Ids are positions in a list of words."""

    eos_token_id = 0

    def __init__(self, words: Sequence[str], close: Sequence[str]) -> None:
        self.words, self.close = list(words), close

    def __len__(self) -> int:
        return len(self.words)

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str | None]:
        return [self.words[i] for i in ids]

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert text == "</think>"
        return [self.words.index(word) for word in self.close]


ONE = Tags.of(WordTokenizer(WORDS, ["</think>"]))
SEVERAL = Tags.of(WordTokenizer(WORDS, ["</", "think", ">"]))


def ids(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]
