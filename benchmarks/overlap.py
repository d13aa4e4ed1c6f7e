"""How much of a synchronous loop's waiting the asynchronous loop avoids: E.

    python benchmarks/overlap.py --simulated | --held-out | --sampler-bound | --real
        [--steps N] [--repeats N]

E = (t_sync - t_async) / (t_sync - t_ideal), in seconds per consumed token; t_ideal is the largest
busy time of a stage, as if that stage never waited and every sampler decoded full batches.

Simulated: the real training loop on fleets of latency laws under a virtual clock. The laws are
round numbers of a 7 B policy: a sampler on one GPU that decodes 256 sequences in 32 ms a step,
1,024 answers of about 2,000 tokens a step. Scenarios differ in what is slow and in the lengths'
law; those of --held-out were made once the rule of the default was, and in those of --sampler-bound
the learner waits for samples, whatever the bound. Each is run with max_staleness=2, with auto, the
default (rlsys/loop/bound.py), once it has settled, and with the bound at which that has settled as
a fixed one, for the age of the data; those of --sampler-bound with 4 and 8, too.
Under a virtual clock a block has the same figures whenever it runs, so that of the synchronous loop
is run once per seed.

Real: `rlsys train` on the local policy, in cases of benchmarks/throughput.py, three modes in turn:
async (max_staleness=2); split_sync (max_staleness=0, sampler and learner on a core each);
one_after_another (max_staleness=0, each with both cores while the other waits). E is against
split_sync. A stage's busy time is the smaller one of sync and async: side by side on two cores,
stages slow each other down.

The last line of stdout is one JSON object. Its `E` is the smallest over all scenarios at the
default, or over the cases.
"""

import argparse
import json
import statistics
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from local_runs import CASES, alternate

from rlsys.config.run import RunConfig
from rlsys.simulate.clock import run
from rlsys.simulate.fleet import Costs, Members
from rlsys.simulate.laws import Bursts, Constant, LogNormal, Pareto
from rlsys.simulate.overlap import Block, Scenario, overlap, simulate
from rlsys.simulate.sampler import SamplerLaw

# 4 samplers at full speed make 31,500 tokens/s: 64 s for a step's 2.0 M tokens. At balance, 12 of
# them are the learner's fixed costs and 52 its arithmetic.
BALANCED = Scenario(
    SamplerLaw(step_s=0.012, sequence_s=8e-5, max_sequences=256),
    LogNormal(mean=2000, sigma=0.5, limit=6000),
    costs=Costs(
        grade_s=0.05,
        reference_token_s=3.5e-5,
        learn_token_s=2.6e-5,
        learn_step_s=10.0,
        pack_s=1.0,
        pull_s=2.0,
    ),
    members=Members(rollout=4, verifier=8, reference=2),
    groups_per_step=128,
    group_size=8,
)
SCENARIOS = {
    "balanced": BALANCED,
    "sampler_bound": replace(BALANCED, costs=replace(BALANCED.costs, learn_token_s=1.3e-5)),
    "learner_bound": replace(BALANCED, costs=replace(BALANCED.costs, learn_token_s=5.2e-5)),
    "grader_bound": replace(BALANCED, costs=replace(BALANCED.costs, grade_s=0.8)),
    "long_tail": replace(BALANCED, lengths=LogNormal(mean=2000, sigma=1.0, limit=16000)),
    "power_law": replace(BALANCED, lengths=Pareto(mean=2000, shape=1.5, limit=32000)),
}
HELD_OUT = {
    # Four times the fleet: a step's fixed costs and its groups stay, and it is over in 16 s.
    "many_samplers": replace(
        BALANCED,
        costs=replace(
            BALANCED.costs, learn_token_s=6.5e-6, learn_step_s=2.5, pack_s=0.5, pull_s=1.0
        ),
        members=Members(rollout=16, verifier=32, reference=8),
    ),
    # Four times the groups: 8 M tokens and 256 s a step.
    "long_steps": replace(
        BALANCED, groups_per_step=512, costs=replace(BALANCED.costs, learn_step_s=40.0)
    ),
    # Two steps' answers of 600 tokens, then two steps' of 3,400.
    "bursts": replace(
        BALANCED,
        lengths=Bursts(LogNormal(600, 0.5, 6000), LogNormal(3400, 0.5, 16000), turn=2048),
    ),
    # A verdict on a group takes 160 s, two and a half steps, and nobody waits for a verifier.
    "slow_verifiers": replace(
        BALANCED,
        costs=replace(BALANCED.costs, grade_s=20.0),
        members=Members(rollout=4, verifier=480, reference=2),
    ),
    # Two generations of GPUs: the same speed in all, the fastest 3.5 times the slowest.
    "unequal_samplers": replace(BALANCED, speeds=(1.75, 1.0, 0.75, 0.5)),
    # The longest answers take 1,500 s, which is near the most that the bound may be.
    "very_long_tail": replace(BALANCED, lengths=Pareto(mean=2000, shape=1.3, limit=48000)),
}
"""Made after the rule's thresholds, which were not touched for them."""
# One sampler, which takes 256 s for a step of 2.0 M tokens and 512 s for one of 4.1 M: nearly all
# completions are done within two steps. It takes 10 % or 50 % longer than the learner.
ONE_SAMPLER = replace(
    BALANCED,
    members=Members(rollout=1, verifier=2, reference=1),
    costs=replace(BALANCED.costs, learn_step_s=40.0),
)
QUICK = {
    percent: replace(ONE_SAMPLER.costs, learn_token_s=token_s)
    for percent, token_s in ((10, 9.5e-5), (50, 6.5e-5))
}
EQUAL = replace(ONE_SAMPLER, lengths=Constant(2000))
TAILED = replace(
    ONE_SAMPLER, lengths=LogNormal(mean=2000, sigma=1.0, limit=16000), groups_per_step=256
)
SAMPLER_BOUND = {
    f"{name}_{percent}": replace(scenario, costs=costs)
    for name, scenario in (("equal", EQUAL), ("tailed", TAILED))
    for percent, costs in QUICK.items()
}
"""In which older data would make nothing faster."""
MODES = {
    "split_sync": ["loop.max_staleness=0"],
    "async": ["loop.max_staleness=2"],
    "one_after_another": [
        *("loop.max_staleness=0", "rollout.threads=2", "learner.threads=2", "reference.threads=2")
    ],
}
DEFAULT = RunConfig().loop.max_staleness


@cache
def block(scenario: Scenario, bound: int | str, steps: int, seed: int) -> Block:
    """One run."""
    return run(simulate(scenario, bound, steps, seed))


def compare(scenario: Scenario, bound: int | str, steps: int, repeats: int) -> dict[str, Any]:
    """Sync and async, of the same seeds; medians over the repeats."""
    blocks = [
        (block(scenario, 0, steps, seed), block(scenario, bound, steps, seed))
        for seed in range(repeats)
    ]
    sync_s = statistics.median(sync.token_s for sync, _ in blocks)
    async_s = statistics.median(fast.token_s for _, fast in blocks)
    busy = {
        role: statistics.median(fast.busy_token_s[role] for _, fast in blocks)
        for role in blocks[0][1].busy_token_s
    }
    ideal_s = max(busy.values())
    return {
        "max_staleness": bound,
        "bound": max(fast.bound for _, fast in blocks),
        "mean_staleness": round(statistics.median(fast.mean_staleness for _, fast in blocks), 2),
        "E": round(overlap(sync_s, async_s, ideal_s), 4),
        "sync_tokens_per_s": round(1 / sync_s),
        "async_tokens_per_s": round(1 / async_s),
        "ideal_tokens_per_s": round(1 / ideal_s),
        "bottleneck": max(busy, key=lambda role: busy[role]),
        "ledger": blocks[-1][1].ledger,
    }


def simulated(
    which: dict[str, Scenario], steps: int, repeats: int, others: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Every scenario at a small bound, at the default, at what that came to, and at others."""
    scenarios: dict[str, list[dict[str, Any]]] = {}
    for name, scenario in which.items():
        rows = scenarios[name] = []
        for bound in (2, DEFAULT, None, *others):
            wanted = rows[-1]["bound"] if bound is None else bound
            rows.append(compare(scenario, wanted, steps, repeats))
            print(f"{name:<15}" + "  ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    return {"E": min(rows[1]["E"] for rows in scenarios.values()), "scenarios": scenarios}


def real(cases: list[str], steps: int, repeats: int) -> dict[str, Any]:
    """The local job."""
    directory = Path(tempfile.mkdtemp(prefix="rlsys-overlap-"))
    results: dict[str, Any] = {}
    for case in cases:
        medians = alternate(case, MODES, steps, repeats, directory)
        sync, fast = medians["split_sync"], medians["async"]
        busy = {
            name: min(mode[name] / mode["tokens_per_s"] for mode in (sync, fast))
            for name in sync
            if name.endswith("_busy")
        }
        bottleneck = max(busy, key=lambda name: busy[name])
        results[case] = {
            "E": overlap(1 / sync["tokens_per_s"], 1 / fast["tokens_per_s"], busy[bottleneck]),
            "ideal_tokens_per_s": 1 / busy[bottleneck],
            "bottleneck": bottleneck.removesuffix("_busy"),
            "modes": medians,
        }
        for mode, figures in medians.items():
            print(f"{case:<12}{mode:<19}" + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()))
    return {"E": min(result["E"] for result in results.values()), "cases": results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--simulated", action="store_true")
    what.add_argument("--held-out", action="store_true", help="scenarios that no rule was made by")
    what.add_argument("--sampler-bound", action="store_true", help="scenarios that 2 is enough for")
    what.add_argument("--real", action="store_true")
    parser.add_argument("--steps", type=int, default=40, help="measured steps of each block")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=["short"], help="real")
    arguments = parser.parse_args()
    if arguments.simulated or arguments.held_out:
        which = SCENARIOS if arguments.simulated else HELD_OUT
        result = simulated(which, arguments.steps, arguments.repeats)
    elif arguments.sampler_bound:
        result = simulated(SAMPLER_BOUND, arguments.steps, arguments.repeats, (4, 8))
    else:
        result = real(arguments.cases, arguments.steps, arguments.repeats)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
