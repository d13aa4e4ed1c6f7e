"""Consumed answer tokens per second of the local job, asynchronous against synchronous.

    python benchmarks/throughput.py [--steps 40] [--repeats 2]

Cases: `short`, 16 prompts x 8 answers of at most 22 tokens, the setting in which synchronous GRPO
in TRL (its own generation, no reference) was seen at 2,750 consumed tokens/s on two such cores;
and `long_tail`, where a few answers are ten times as long as most (sampled at temperature 1.5
with a limit of 256 tokens).

Every run is `rlsys train` on the cached local policy. The two modes alternate (ABAB); a mode's
figure is the median over its runs of tokens per second after the first steps. Progress goes to
stderr; the last line of stdout is one JSON object.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from local_runs import CASES, alternate

TRL_TOKENS_PER_S = 2750.0
MODES = {"sync": ["loop.max_staleness=0"], "async": ["loop.max_staleness=2"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="rlsys-throughput-"))
    results: dict[str, dict[str, Any]] = {}
    for case in arguments.cases:
        medians = alternate(case, MODES, arguments.steps, arguments.repeats, directory)
        rate = medians["async"]["tokens_per_s"]
        results[case] = medians | {"async_over_sync": rate / medians["sync"]["tokens_per_s"]}
        if case == "short":
            results[case]["async_over_trl_as_reported"] = rate / TRL_TOKENS_PER_S
        for mode, figures in medians.items():
            print(f"{case:<22}{mode:<7}" + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()))
        print(f"{case:<22}async/sync {results[case]['async_over_sync']:.2f}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
