"""The tokenizer of the local policy; in a file of its own, as it needs no torch to be made."""

from tokenizers.pre_tokenizers import ByteLevel
from transformers import AddedToken, Qwen2Tokenizer

from rlsys.config.local_policy import Corpus
from rlsys.data import arithmetic
from rlsys.data.templates import BARE_TEMPLATE
from rlsys.data.world.words import pieces as world_pieces

EOS = "<|endoftext|>"
PAD = "<|pad|>"


def build_tokenizer(corpus: Corpus = Corpus.arithmetic) -> Qwen2Tokenizer:
    """A tokenizer of bytes, two-digit numbers and the corpus' words; it decodes what it encodes.

    transformers loads the tokenizer of any Qwen2 model as this class, which keeps vocabulary and
    added tokens but puts its own pre-tokenizer in; so words are added tokens, which it leaves be.
    Text is brought into Unicode's composed form (NFC) first.
    """
    symbols = [EOS, PAD, *sorted(ByteLevel.alphabet())]
    tokenizer = Qwen2Tokenizer(
        vocab={symbol: index for index, symbol in enumerate(symbols)},
        merges=[],
        eos_token=EOS,
        unk_token=EOS,
        pad_token=PAD,
        chat_template=BARE_TEMPLATE,
    )
    words = world_pieces() if corpus is Corpus.world else arithmetic.WORDS
    pieces = [*words, *(str(number) for number in range(10, 100))]
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in pieces])
    return tokenizer
