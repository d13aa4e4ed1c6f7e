"""A reward model: a Hugging Face sequence classifier as a verifier, in batches.

For helpfulness and harmlessness, which no rule can check. DeepSeek-R1 (arXiv:2501.12948, section
2.3.4) shows the first only the final answer, the second all of the completion: `part` does that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rlsys.config.graders import REWARD_MODEL, label_problem
from rlsys.config.ranges import among, needed, ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Expectation, InBatches, Status, Verdict
from verifiers.models.dialogue import DialogueEncoder
from verifiers.models.hf_models import batches, load, padded
from verifiers.models.parts import Part, asked_question, graded_text, read_part


@dataclass
class RewardModelVerifier(InBatches):
    """What a sequence classifier thinks of question and answer, from 0 to 1.

    One output x, as of a model of preferences: sigmoid((x - center) / scale). Several: the
    probability of `label`. The pair is written in the tokenizer's chat template where it has one.
    """

    model: str = needed("the directory or hub id of a classifier, or a run")
    """Directory or hub id of the classifier, or a run of `rlsys reward-model`, as `runs/NAME`."""
    part: str = among("answer", Part)
    """answer: what follows the reasoning. whole: the reasoning, too, as for harmlessness."""
    label: str = ""
    """Which class is paid for, where the classifier has several."""
    center: float = ranged(0.0)
    """Output that earns 0.5: the mean over answers of the policy before training serves."""
    scale: float = ranged(1.0, above=0)
    """Output above the center that earns 0.73: their standard deviation serves."""
    min_reward: float = ranged(0.5, least=0, most=1)
    """From which reward on the status is correct."""
    max_tokens: int = ranged(REWARD_MODEL.max_tokens, least=1)
    """Longer pairs are rejected: what a model is not shown, it cannot grade."""
    batch_tokens: int = ranged(REWARD_MODEL.batch_tokens, least=1)
    """Tokens of a batch, padding included."""
    device: str = "cpu"
    """Where the classifier runs, as torch names it."""
    name: str = field(default="reward_model", init=False)

    def __post_init__(self) -> None:
        self._part = read_part(self.name, self.part)
        self._tokenizer, self._model = load(self.name, self.model, self.device, classifier=True)
        self._dialogue = DialogueEncoder(self._tokenizer)
        self._label = self._label_index()

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """Grade completions in batches of similar length."""
        verdicts: dict[int, Verdict] = {}
        rows: dict[int, list[int]] = {}
        for i, completion in enumerate(completions):
            text = graded_text(completion, self._part)
            if not text:
                verdicts[i] = Verdict(0.0, Status.UNPARSABLE, f"no text in the {self._part}")
                continue
            row = self._encode(asked_question(completion), text)
            if len(row) > self.max_tokens:
                reason = f"{len(row)} tokens, more than {self.max_tokens}"
                verdicts[i] = Verdict(0.0, Status.REJECTED, reason)
                continue
            rows[i] = row
        for i, reward in zip(rows, self.score(list(rows.values())), strict=True):
            verdicts[i] = self._verdict(reward)
        return [verdicts[i] for i in range(len(completions))]

    def score(self, rows: Sequence[Sequence[int]]) -> list[float]:
        """Rewards of rows of token ids, in order."""
        import torch

        rewards = [0.0] * len(rows)
        for batch in batches([len(row) for row in rows], self.batch_tokens):
            inputs = padded(self._tokenizer, [rows[i] for i in batch], self._model.device)
            with torch.inference_mode():
                logits = self._model(**inputs).logits.float()
                if self._label is None:
                    values = ((logits[:, 0] - self.center) / self.scale).sigmoid()
                else:
                    values = logits.softmax(1)[:, self._label]
            for i, value in zip(batch, values.tolist(), strict=True):
                rewards[i] = value
        return rewards

    def self_test(self) -> list[tuple[Completion, Expectation]]:
        """A good answer and a bad one get a reward at all, and no answer gets none.

        Which one the model prefers is its own affair.
        """
        question = {"question": "How do I boil an egg?"}
        texts: list[tuple[str, Expectation]] = [
            ("Put it into boiling water for eight minutes.", (0.0, 1.0)),
            ("Find out yourself, you fool.", (0.0, 1.0)),
            ("", 0.0),
            (
                "<think>boiling water</think><answer></answer>" if self.part == "answer" else " ",
                0.0,
            ),
        ]
        return [(Completion("", text, None, question), expected) for text, expected in texts]

    def _verdict(self, reward: float) -> Verdict:
        if not math.isfinite(reward):
            reason = f"{self.model}: the output is {reward}"
            return Verdict(None, Status.INFRASTRUCTURE, reason)
        status = Status.CORRECT if reward >= self.min_reward else Status.WRONG
        return Verdict(reward, status)

    def _encode(self, question: str, text: str) -> list[int]:
        """Question and answer as token ids."""
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
        return self._dialogue.encode(turns)

    def _label_index(self) -> int | None:
        labels = self._model.config.id2label or {}
        names = {str(name): int(index) for index, name in labels.items()}
        if problem := label_problem(names, self.label):
            raise VerifierError(f"reward_model: {problem} (model={self.model!r})")
        return names[self.label] if len(names) > 1 else None
