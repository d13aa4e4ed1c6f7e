"""What a policy makes of continuous thoughts, against its controls, taught and then reinforced.

    python benchmarks/latents.py --latents 1,2,4,8 --seeds 0,1,2 [--layers 1] [--steps 50]
        [--last 1350] [--reinforced 80]

Every way begins with the local policy, of so many layers, and takes the same number of steps on
the same problems. A curriculum has five stages, which leave out 0, 2, 3, 4 and all steps of each
chain; the last one is the longest, and its learning rate falls to a tenth:

    latent K   K/4 of the latents come with each of the last four stages (Coconut)
    pause K    as many tokens that say nothing in their places
    none       nothing in their places
    bare       from the first step on without a chain
    brief      from the first step on a chain of the values alone
    chain      the whole chain throughout

The learner's own forward pass is trained in one process, with products in bfloat16, and completions
are sampled at temperature 1 by transformers, so this measures what is learned, not how fast vLLM
samples it. Reinforced is by GRPO on policy: a step has eight completions of each of sixteen
problems, and one update. Times are the process's own, of its one thread, whatever runs beside it.
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
GROUPS, GROUP_SIZE = 16, 8
REINFORCED_RATE, WARM_UP = 3e-5, 10
"""Learning rate, and steps until it is reached. AdamW's first steps move each weight by the rate,
and 1e-4 at once threw taught policies out of the place that they had come to."""
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

    @property
    def at_the_end(self) -> tuple[int, int]:
        """Latents and pauses after the last stage."""
        return self.stage(len(DROPPED) - 1)[1:]


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


def teach(
    way: Way, path: str, steps: int, last: int, rate: float, seed: int
) -> tuple[PreTrainedModel, float]:
    """A policy after all stages, and the CPU seconds that they took.

    Args:
        steps: of each stage but the last one.
    """
    tokenizer = load_tokenizer(path)
    model = load_causal_lm(path, torch.float32)
    problems = generate(4000, seed, Split.train)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    started = time.process_time()
    for stage in range(len(DROPPED)):
        prompts, completions = rows_of(way, stage, problems, tokenizer)
        latents = way.stage(stage)[1]
        policy = PolicyModel(model, 1.0, 2048, latents=latents)
        is_last = stage == len(DROPPED) - 1
        taken = last if is_last else steps
        for step in range(taken):
            share = min(1.0, (step + 1) / 5)
            if is_last:
                share = min(share, 1 - 0.9 * step / taken)
            optimizer.param_groups[0]["lr"] = rate * share
            chosen = rng.choice(len(problems), ROWS, replace=False)
            asked, said = [prompts[i] for i in chosen], [completions[i] for i in chosen]
            layout = lay_out(
                blocks_of(list(range(ROWS)), ROWS, False), asked, said, latents=latents
            )
            with torch.autocast("cpu", torch.bfloat16):
                logprobs, _ = policy(layout)
            (-logprobs.mean()).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return model, time.process_time() - started


def reinforce(
    way: Way, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, steps: int, seed: int
) -> float:
    """CPU seconds that it took."""
    problems = generate(4000, seed, Split.train)
    optimizer = torch.optim.AdamW(model.parameters(), lr=REINFORCED_RATE, weight_decay=0.0)
    rng = np.random.default_rng(seed)
    latents, pauses = way.at_the_end
    policy = PolicyModel(model, 1.0, 2048, latents=latents)
    started = time.process_time()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = REINFORCED_RATE * min(1.0, (step + 1) / WARM_UP)
        chosen = [problems[i] for i in rng.choice(len(problems), GROUPS, replace=False)]
        answers = sample(way, model, tokenizer, chosen, GROUP_SIZE)
        rewards = [[answer.is_right for answer in own] for own in answers]
        advantages = group_advantages(np.array(rewards, dtype=float)).reshape(-1)
        prompts = [p for p in prompts_of(chosen, pauses, tokenizer) for _ in range(GROUP_SIZE)]
        said = [answer.token_ids for own in answers for answer in own]
        groups = [i // GROUP_SIZE for i in range(len(said))]
        layout = lay_out(blocks_of(groups, len(said), True), prompts, said, latents=latents)
        weights = np.repeat(advantages, [len(ids) for ids in said]).astype(np.float32)
        # On policy the ratio is 1, and its gradient the logprobs'.
        (-(torch.from_numpy(weights) * policy(layout)[0]).mean()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - started


def group_advantages(rewards: np.ndarray) -> np.ndarray:
    """[groups, size], GRPO's: none where all of a group are alike."""
    spread = rewards.std(1, keepdims=True)
    return (rewards - rewards.mean(1, keepdims=True)) / (spread + 1e-6)


@dataclass(frozen=True)
class Answer:
    """A completion, its end included."""

    token_ids: np.ndarray
    is_right: bool


@torch.no_grad()
def sample(
    way: Way,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    problems: list[Problem],
    samples: int,
) -> list[list[Answer]]:
    """So many answers to each problem."""
    model.set_attn_implementation("sdpa")
    generate_with: Any = model.generate
    latents, pauses = way.at_the_end
    prompts = prompts_of(problems, pauses, tokenizer)
    answers: list[list[Answer]] = [[] for _ in problems]
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
        # An end that is sampled and what pads behind it are the same token.
        sizes = ((found == tokenizer.eos_token_id).int().cumsum(1) == 0).sum(1) + 1
        texts = tokenizer.batch_decode(found)
        for number, (ids_of_it, size, text) in enumerate(zip(found, sizes, texts, strict=True)):
            place = members[number // samples]
            is_right = ANSWER.findall(text)[:1] == [problems[place].answer]
            answers[place].append(Answer(ids_of_it[:size].numpy(), is_right))
    model.set_attn_implementation(attention.NAME)
    return answers


def measure(
    way: Way, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, samples: int
) -> str:
    """Held-out figures, as cells of a row."""
    problems, started = generate(128, 0, Split.held_out), time.process_time()
    answers = sample(way, model, tokenizer, problems, samples)
    each = (time.process_time() - started) / (len(problems) * samples)
    right = np.array([[answer.is_right for answer in own] for own in answers])
    tokens = np.mean([len(answer.token_ids) for own in answers for answer in own])
    one = mean_with_interval(right.mean(1))
    return (
        f"{one.mean:.3f} [{one.low:.3f}, {one.high:.3f}] | {right.any(1).mean():.3f} | "
        f"{tokens:.1f} | {1000 * each:.1f}"
    )


def main() -> None:
    """Prints a line for each way and seed, as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", type=int, default=1, help="of the local policy")
    parser.add_argument("--latents", default="1,2,4,8")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", type=int, default=50, help="of each of the first four stages")
    parser.add_argument("--last", type=int, default=1350, help="steps of the last stage")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate in teaching")
    parser.add_argument("--reinforced", type=int, default=80, help="steps; 0: taught alone")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--only", default="", help="names of ways, separated by commas")
    options = parser.parse_args()
    torch.set_num_threads(1)
    local = LocalPolicyConfig(layers=options.layers)
    path = str(prepare_local_policy(local, Path("~/.cache/rlsys").expanduser(), 0, print))
    print(f"| way | seed | | pass@1 | pass@{options.samples} | tokens | ms per answer | made in |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    asked = list(ways([int(count) for count in options.latents.split(",")]))
    for seed in (int(one) for one in options.seeds.split(",")):
        for way in asked:
            if options.only and way.name not in options.only.split(","):
                continue
            torch.manual_seed(seed)
            tokenizer = load_tokenizer(path)
            model, seconds = teach(way, path, options.steps, options.last, options.rate, seed)
            tell(way, seed, "taught", measure(way, model, tokenizer, options.samples), seconds)
            if options.reinforced:
                seconds = reinforce(way, model, tokenizer, options.reinforced, seed)
                found = measure(way, model, tokenizer, options.samples)
                tell(way, seed, "reinforced", found, seconds)


def tell(way: Way, seed: int, how: str, found: str, seconds: float) -> None:
    """A row of the table."""
    print(f"| {way.name} | {seed} | {how} | {found} | {seconds:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
