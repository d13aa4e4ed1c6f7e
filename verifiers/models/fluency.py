"""R_Fluency: the target language's share, and how likely a small language model finds the text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rlsys.config.graders import FLUENCY
from rlsys.config.ranges import ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Expectation, InBatches, Status, Verdict
from verifiers.form.language import LanguageVerifier
from verifiers.models.hf_models import batches, load, padded

_GRAM = 4


@dataclass
class FluencyVerifier(InBatches):
    """Share of the target language and fluency under an evaluator model, from 0 to 1.

        reward = language_weight * share + (1 - language_weight) * likelihood * variety
        likelihood = (mean logprob - low_logprob) / (high_logprob - low_logprob), within [0, 1]
        variety = different runs of four tokens / all runs of four tokens

    Mean logprob is over the text's tokens but the first, in nats, without its prompt. Variety is
    there because a repeated sentence is the likeliest text of all.
    """

    model: str = ""
    """Directory or hub id of the evaluator, a causal language model; small ones do."""
    target: str = "en"
    """en, zh, ja, ko or ru."""
    language_weight: float = ranged(0.5, least=0, most=1)
    """Weight of the target language's share; the rest is the evaluator's."""
    low_logprob: float = ranged(-6.0, below=0)
    """Mean logprob that earns nothing, nats per token. Depends on the evaluator's vocabulary:
    measure shuffled and good texts, and put both limits between them."""
    high_logprob: float = ranged(-3.0, most=0)
    """Mean logprob that earns all, nats per token. What is likelier earns no more."""
    min_reward: float = ranged(0.7, least=0, most=1)
    """From which reward on the status is correct."""
    max_tokens: int = ranged(FLUENCY.max_tokens, least=2)
    """Only the first tokens of a text are scored."""
    batch_tokens: int = ranged(FLUENCY.batch_tokens, least=1)
    """Tokens of a batch, padding included; bounds the memory of [tokens, vocabulary] logits."""
    device: str = "cpu"
    """Where the evaluator runs, as torch names it."""
    name: str = field(default="fluency", init=False)

    def __post_init__(self) -> None:
        if self.low_logprob >= self.high_logprob:
            raise VerifierError(
                f"fluency: low_logprob={self.low_logprob} must be below high_logprob="
                f"{self.high_logprob}"
            )
        self._language = LanguageVerifier(self.target)
        self._tokenizer, self._model = load(self.name, self.model, self.device, classifier=False)

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """Grade whole completions, reasoning included, in batches of similar length."""
        texts = [completion.text.strip() for completion in completions]
        rows = [
            self._tokenizer(text, add_special_tokens=False)["input_ids"][: self.max_tokens]
            for text in texts
        ]
        scored = [i for i, row in enumerate(rows) if len(row) > 1]
        logprobs = dict(zip(scored, self.mean_logprobs([rows[i] for i in scored]), strict=True))
        return [
            self._verdict(completion, rows[i], logprobs.get(i))
            for i, completion in enumerate(completions)
        ]

    def mean_logprobs(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """Mean logprob of the tokens after the first, nats, for rows of two tokens or more."""
        import torch

        means = [0.0] * len(rows)
        for batch in batches([len(row) for row in rows], self.batch_tokens):
            inputs = padded(self._tokenizer, [rows[i] for i in batch], self._model.device)
            with torch.inference_mode():
                logits = self._model(**inputs).logits[:, :-1].float()
                targets, mask = inputs["input_ids"][:, 1:], inputs["attention_mask"][:, 1:]
                picked = logits.gather(2, targets[..., None])[..., 0] - logits.logsumexp(2)
                sums = (picked * mask).sum(1) / mask.sum(1)
            for i, mean in zip(batch, sums.tolist(), strict=True):
                means[i] = mean
        return means

    def _verdict(
        self, completion: Completion, row: Sequence[int], logprob: float | None
    ) -> Verdict:
        language = self._language.verify(completion)
        if logprob is None or language.reward is None or language.status is Status.UNPARSABLE:
            return Verdict(0.0, Status.UNPARSABLE, language.reason or "no text")
        if logprob != logprob:
            return Verdict(None, Status.INFRASTRUCTURE, f"{self.model}: the logprob is NaN")
        span = self.high_logprob - self.low_logprob
        likelihood = min(1.0, max(0.0, (logprob - self.low_logprob) / span))
        parts = {"language": language.reward, "likelihood": likelihood, "variety": variety(row)}
        fluent = likelihood * parts["variety"]
        reward = self.language_weight * language.reward + (1 - self.language_weight) * fluent
        status = Status.CORRECT if reward >= self.min_reward else Status.WRONG
        reason = f"mean logprob {logprob:.2f}" if status is Status.WRONG else ""
        return Verdict(reward, status, reason, parts)

    def self_test(self) -> list[tuple[Completion, Expectation]]:
        """The language's own sentence, one of another language, one repeated, and no text.

        Says nothing about how good the evaluator is; its limits are to be measured.
        """
        sentences = {c.text: paid for c, paid in self._language.self_test()[:5]}
        own = next(text for text, paid in sentences.items() if paid == 1.0)
        other = next(text for text, paid in sentences.items() if paid == 0.0)
        rest = 1 - self.language_weight
        cases: list[tuple[str, Expectation]] = [
            (own, (self.language_weight, 1.0)),
            (other, (0.0, rest)),
            (own * 50, (0.0, self.language_weight + 0.1 * rest)),
            ("", 0.0),
        ]
        return [(Completion("", text, None), expected) for text, expected in cases]


def variety(row: Sequence[int]) -> float:
    """Different runs of four tokens per run of four tokens; 1 for shorter texts."""
    grams = list(zip(*(row[i:] for i in range(_GRAM)), strict=False))
    return len(set(grams)) / len(grams) if grams else 1.0
