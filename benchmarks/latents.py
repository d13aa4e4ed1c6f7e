"""What a policy makes of continuous thoughts, against its controls, by supervised tuning alone.

    python benchmarks/latents.py --latents 1,2,4,8 --seeds 0

Every way begins with the local policy and takes the same number of steps on the same problems. A
curriculum has five stages, which leave out 0, 2, 3, 4 and all steps of each chain:

    latent K   K/4 of the latents come with each of the last four stages (Coconut)
    pause K    as many tokens that say nothing in their places
    none       nothing in their places
    bare       from the first step on without a chain
    brief      from the first step on a chain of the values alone
    chain      the whole chain throughout

The learner's own forward pass is trained in one process, and completions are sampled at temperature
1 by transformers, so this measures what is learned, not how fast vLLM samples it.
"""

import argparse
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.data import arithmetic
from rlsys.data.arithmetic import Problem, Split, brief_solution, careful_solution, generate
from rlsys.data.demonstrations import Lesson
from rlsys.data.generated import generated_lessons
from rlsys.data.steps import without_first_steps
from rlsys.evaluation.estimators import mean_with_interval
from rlsys.learning import attention
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.local_policy.policy import prepare_local_policy
from rlsys.pretrained import load_tokenizer
from rlsys.thinking.latents import embeddings, latents_behind

DROPPED = (0, 2, 3, 4, 99)
ROWS, MOST_TOKENS = 64, 56
ANSWER = re.compile(r"<answer>(.*?)</answer>")


@dataclass(frozen=True)
class Way:
    """How a policy is taught to answer."""

    name: str
    latents: int = 0
    pauses: int = 0
    curriculum: bool = False
    solve: Callable[[Problem], str] = careful_solution

    def stage(self, number: int) -> tuple[int, int, int]:
        """Dropped steps, latents and pauses of a stage, from 0."""
        if not self.curriculum:
            return 0, self.latents, self.pauses
        share = number / (len(DROPPED) - 1)
        return (
            DROPPED[number],
            int(np.ceil(self.latents * share)),
            int(np.ceil(self.pauses * share)),
        )


def ways(counts: list[int]) -> Iterator[Way]:
    """All that are compared."""
    for count in counts:
        yield Way(f"latent {count}", latents=count, curriculum=True)
    for count in counts:
        yield Way(f"pause {count}", pauses=count, curriculum=True)
    yield Way("none", curriculum=True)
    yield Way("bare", solve=arithmetic.bare_solution)
    yield Way("brief", solve=brief_solution)
    yield Way("chain")


def rows_of(
    way: Way, stage: int, problems: list[Problem], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Prompts and completions of a stage, as token ids."""
    dropped, _, pauses = way.stage(stage)
    asked = generated_lessons(0)[0].prompt  # of no consequence: it names the row in errors
    told = [
        without_first_steps(Lesson(asked, way.solve(problem)), dropped).completion
        for problem in problems
    ]
    completions = [
        np.array([*ids, tokenizer.eos_token_id])
        for ids in tokenizer(told, add_special_tokens=False)["input_ids"]
    ]
    return prompts_of(problems, pauses, tokenizer), completions


def prompts_of(
    problems: list[Problem], pauses: int, tokenizer: PreTrainedTokenizerBase
) -> list[np.ndarray]:
    """Questions as the policy is asked them; a pause is the end-of-sequence token."""
    texts = [
        str(
            tokenizer.apply_chat_template(
                [{"role": "user", "content": problem.question}],
                tokenize=False,
                add_generation_prompt=True,
            )
        )
        for problem in problems
    ]
    behind = [tokenizer.eos_token_id] * pauses
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [np.array([*ids, *behind]) for ids in encoded]


def teach(way: Way, path: str, steps: int, seed: int) -> tuple[PreTrainedModel, float]:
    """A policy after all stages, and the seconds that they took."""
    tokenizer = load_tokenizer(path)
    model = load_causal_lm(path, torch.float32)
    problems = generate(4000, seed, Split.train)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    started = time.monotonic()
    for stage in range(len(DROPPED)):
        prompts, completions = rows_of(way, stage, problems, tokenizer)
        latents = way.stage(stage)[1]
        policy = PolicyModel(model, 1.0, 2048, latents=latents)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 3e-4 * min(1.0, (step + 1) / 5)
            chosen = rng.choice(len(problems), ROWS, replace=False)
            asked, said = [prompts[i] for i in chosen], [completions[i] for i in chosen]
            blocks = blocks_of(list(range(ROWS)), ROWS, False)
            logprobs, _ = policy(lay_out(blocks, asked, said, latents=latents))
            (-logprobs.mean()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return model, time.monotonic() - started


@torch.no_grad()
def measure(
    way: Way, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, samples: int
) -> tuple[np.ndarray, float, float]:
    """[problems, samples] of right answers, tokens of a completion and seconds of one."""
    model.set_attn_implementation("sdpa")
    generate_with: Any = model.generate
    _, latents, pauses = way.stage(len(DROPPED) - 1)
    problems = generate(128, 0, Split.held_out)
    prompts = prompts_of(problems, pauses, tokenizer)
    right = np.zeros((len(problems), samples), dtype=bool)
    tokens, started = 0, time.monotonic()
    for length in sorted({len(prompt) for prompt in prompts}):
        members = [i for i, prompt in enumerate(prompts) if len(prompt) == length]
        ids = [prompts[i].tolist() for i in members]
        row = embeddings(model.get_decoder(), torch.tensor(ids))
        if latents:
            row = torch.cat([row, latents_behind(model.get_decoder(), ids, latents)], 1)
        row = row.repeat_interleave(samples, 0)
        found = generate_with(
            inputs_embeds=row,
            attention_mask=torch.ones(row.shape[:2], dtype=torch.long),
            do_sample=True,
            top_k=0,
            max_new_tokens=MOST_TOKENS,
            pad_token_id=tokenizer.eos_token_id,
        )
        ends = (found == tokenizer.eos_token_id).int()
        tokens += int((ends.cumsum(1) == 0).sum()) + int(ends.any(1).sum())
        texts = tokenizer.batch_decode(found)
        for number, text in enumerate(texts):
            place, sample = members[number // samples], number % samples
            answers = ANSWER.findall(text)
            right[place, sample] = answers[:1] == [problems[place].answer]
    count = right.size
    model.set_attn_implementation(attention.NAME)
    return right, tokens / count, (time.monotonic() - started) / count


def main() -> None:
    """Prints a line for each way and seed, as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latents", default="1,2,4,8")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", type=int, default=40, help="of each of the five stages")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--only", default="", help="names of ways, separated by commas")
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = str(
        prepare_local_policy(LocalPolicyConfig(), Path("~/.cache/rlsys").expanduser(), 0, print)
    )
    print(f"| way | seed | pass@1 | pass@{options.samples} | tokens | ms per answer | taught in |")
    print("|---|---|---|---|---|---|---|", flush=True)
    asked = list(ways([int(count) for count in options.latents.split(",")]))
    for seed in (int(one) for one in options.seeds.split(",")):
        for way in asked:
            if options.only and way.name not in options.only.split(","):
                continue
            torch.manual_seed(seed)
            model, seconds = teach(way, path, options.steps, seed)
            right, tokens, each = measure(way, model, load_tokenizer(path), options.samples)
            one = mean_with_interval(right.mean(1))
            best = right.any(1).mean()
            print(
                f"| {way.name} | {seed} | {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}] | "
                f"{best:.3f} | {tokens:.1f} | {1000 * each:.1f} | {seconds:.0f} s |",
                flush=True,
            )


if __name__ == "__main__":
    main()
