"""How fast a sampler answers behind latents, against words, at equal answers.

    python benchmarks/latent_sampling.py --latents 4 --turns 6

Two engines of the local policy in bfloat16, one of them with latents, sample 8 answers of 24 tokens
to each of 16 problems, in four calls at the same time, as the local job does, in turns. Printed are
medians: tokens per second, their ratio to words turn by turn, and how long the slowest call waited
for its latents.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.run import ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.data.arithmetic import Problem, Split, generate
from rlsys.local_policy.policy import prepare_local_policy
from rlsys.sampling.sampler import Sampler

PROBLEMS, CALL, GROUP, ANSWER = 16, 4, 8, 24


def sampler_of(path: str, latents: int) -> Sampler:
    """One engine, not started."""
    config = RolloutConfig(max_sequences=256, dtype=Precision.bfloat16)
    model = ModelConfig(max_context=128)
    return Sampler(f"latents {latents}", path, model, config, WeightsConfig(), 0, latents=latents)


def asked(sampler: Sampler, turn: int) -> list[list[int]]:
    """A turn's prompts, as token ids."""
    problems = generate(PROBLEMS * (turn + 1), 0, Split.train)[-PROBLEMS:]
    return [sampler.tokenizer.encode(text(sampler, p), add_special_tokens=False) for p in problems]


def text(sampler: Sampler, problem: Problem) -> str:
    """As the policy is asked it."""
    question = [{"role": "user", "content": problem.question}]
    template = sampler.tokenizer.apply_chat_template
    return str(template(question, tokenize=False, add_generation_prompt=True))


async def called(sampler: Sampler, prompts: list[list[int]]) -> tuple[int, float]:
    """Tokens of one call's answers, and the seconds that it waited for latents."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    params = SamplingParams(
        n=GROUP,
        temperature=1.0,
        max_tokens=ANSWER,
        ignore_eos=True,
        detokenize=False,
        logprobs=0,
        flat_logprobs=True,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
    started = time.perf_counter()
    thoughts = await sampler.thoughts.of(prompts)
    waited = time.perf_counter() - started
    requests = [
        sampler.finish(sampler.prompt(prompt, thought), params)
        for prompt, thought in zip(prompts, thoughts, strict=True)
    ]
    outputs = [one for output in await asyncio.gather(*requests) for one in output.outputs]
    return sum(len(one.token_ids) for one in outputs), waited


async def turn_of(sampler: Sampler, prompts: list[list[int]]) -> tuple[float, float]:
    """Tokens per second, and the longest wait for latents."""
    started = time.perf_counter()
    calls = [called(sampler, prompts[i : i + CALL]) for i in range(0, len(prompts), CALL)]
    tokens, waits = zip(*await asyncio.gather(*calls), strict=True)
    return sum(tokens) / (time.perf_counter() - started), max(waits)


async def measure(path: str, latents: int, turns: int) -> None:
    """Prints a line for words and one for latents."""
    samplers = [sampler_of(path, 0), sampler_of(path, latents)]
    for sampler in samplers:
        await sampler.start(limits=False)
    found: dict[str, list[tuple[float, float]]] = {sampler.name: [] for sampler in samplers}
    for turn in range(turns + 1):
        for sampler in samplers:
            speed = await turn_of(sampler, asked(sampler, turn))
            if turn:  # the first one warms up
                found[sampler.name].append(speed)
    words = [speed for speed, _ in found[samplers[0].name]]
    for name, each in found.items():
        speeds, waits = zip(*each, strict=True)
        ratio = statistics.median(a / b for a, b in zip(speeds, words, strict=True))
        print(
            f"{name}: {statistics.median(speeds):.0f} tokens/s, {ratio:.2f} of words; waited "
            f"{1000 * statistics.median(waits):.0f} ms for latents",
            flush=True,
        )
    for sampler in samplers:
        sampler.shutdown()


def main() -> None:
    """Reads the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--latents", type=int, default=4)
    parser.add_argument("--turns", type=int, default=6)
    options = parser.parse_args()
    cache = Path("~/.cache/rlsys").expanduser()
    path = str(prepare_local_policy(LocalPolicyConfig(), cache, 0, print))
    asyncio.run(measure(path, options.latents, options.turns))


if __name__ == "__main__":
    main()
