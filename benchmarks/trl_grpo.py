"""TRL's side of `throughput.py --trl`: its GRPOTrainer on the same policy, rows and reward.

    PYTHON trl_grpo.py POLICY ROWS PRECISION STEPS

PYTHON has trl beside this project's packages. It samples with transformers' own generate, in the
trainer's process. The last line of stdout is one JSON object.
"""

import json
import statistics
import sys
import tempfile
from typing import Any

import torch
from answered import paid
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer
from trl_side import Ends, settings

GROUPS, SIZE, MOST_TOKENS = 16, 8, 22
WARM_UP, THREADS = 3, 2


class Sampled(Ends):
    """When each step ended, and how many completion tokens it trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[int] = []

    def reward(self, completions: list[str], answer: list[str], **more: Any) -> list[float]:
        """Called once a step, with all of its completions."""
        self.tokens.append(sum(len(ids) for ids in more["completion_ids"]))
        return [paid(text, one) for text, one in zip(completions, answer, strict=True)]


def main() -> None:
    policy, rows, precision, steps = sys.argv[1:]
    torch.set_num_threads(THREADS)
    with open(rows, encoding="utf-8") as file:
        asked = [json.loads(line) for line in file]
    # A chat template would be another prompt: this policy's is the question and a line's end.
    prompts = [{"prompt": f"{row['question']}\n", "answer": row["answer"]} for row in asked]
    ends = Sampled()
    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            **settings(folder, int(steps)),
            per_device_train_batch_size=GROUPS * SIZE,
            num_generations=SIZE,
            max_completion_length=MOST_TOKENS,
            temperature=1.0,
            beta=0.0,
            learning_rate=1e-4,
        )
        model = AutoModelForCausalLM.from_pretrained(policy, dtype=getattr(torch, precision))
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=[ends.reward],
            args=config,
            train_dataset=Dataset.from_list(prompts),
            processing_class=AutoTokenizer.from_pretrained(policy, padding_side="left"),
            callbacks=[ends],
        )
        trainer.train()
    seconds = ends.times[-1] - ends.times[WARM_UP - 1]
    tokens = ends.tokens[WARM_UP : len(ends.times)]
    found = {
        "tokens_per_s": sum(tokens) / seconds,
        "step_s": seconds / len(tokens),
        "tokens_per_completion": statistics.mean(tokens) / (GROUPS * SIZE),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
