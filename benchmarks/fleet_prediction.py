"""How well `rlsys fleet` foretells a step's time: runs of other fleets of the local job.

    python benchmarks/fleet_prediction.py [--steps 20] [--repeats 2]
    python benchmarks/fleet_prediction.py --from runs/A runs/B runs/C   # runs that are there

Runs configs/local.yaml as it comes, then fleets that differ from it; what the first was measured at
foretells the others. The fleets take turns, since a machine is not as quick at all times, and a
fleet's figure is the mean over its runs. The learning rate is 1e-12: fleets are compared, and a
policy that learns to write more with one than with the other would be part of it. Under a machine
that other programs use, too, the figures are of those programs.

Prints predicted and measured seconds of a step, and their ratio; ends with 1 where one is off by
more than 15 %. The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from local_runs import trained

from rlsys.config.load import load
from rlsys.config.model_names import FILE
from rlsys.run.folder import METRICS
from rlsys.simulate import measured
from rlsys.simulate.replay import replay

FLEETS = {
    "as it comes": [],
    "synchronous": ["loop.max_staleness=0"],
    "three verifiers": ["verifiers.workers=3", "verifiers.cpus_per_worker=0.1"],
    "groups of 16": ["loop.group_size=16"],
    "64 sequences at once": ["rollout.max_sequences=64"],
}
COMMON = [
    "learner.optimizer.learning_rate=1.0e-12",
    *("evaluation.prompts=0", "evaluation.final_prompts=0"),
]
WITHIN = 0.15


def step_s(folder: Path) -> list[float]:
    """Seconds of the run's steps behind the first, which fills the fleet."""
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["throughput/step_s"] for line in lines[1:]]


def foretold_s(source: Path, target: Path) -> float:
    """Seconds of a step of the target's settings, by what the source was measured at."""
    settings, wanted = load(source / FILE), load(target / FILE)
    laws = measured.calibrated(measured.read(source, settings), _cores())
    scenario = laws.scenario(wanted, measured.members_of(wanted, laws.costs), wanted.learner.ranks)
    steps = len(step_s(target)) + 1
    return replay(scenario, wanted.loop.max_staleness, steps, _cores()).step_s


def compare(fleets: dict[str, list[Path]]) -> dict[str, dict[str, float]]:
    """Predicted from the first fleet's runs, each by itself, against what each was measured at."""
    sources = next(iter(fleets.values()))
    found = {}
    print(f"{'':<22}predicted  measured    off   runs")
    for name, folders in fleets.items():
        predicted = statistics.mean(foretold_s(source, folders[0]) for source in sources)
        each = [statistics.mean(step_s(folder)) for folder in folders]
        ratio = predicted / statistics.mean(each)
        runs = ", ".join(f"{seconds:.3f}" for seconds in each)
        print(
            f"{name:<22}{predicted:>9.3f}{statistics.mean(each):>10.3f}{ratio - 1:>+7.0%}   {runs}"
        )
        found[name] = {
            "predicted_s": predicted,
            "measured_s": statistics.mean(each),
            "ratio": ratio,
        }
    return found


def _cores() -> float:
    return float(os.cpu_count() or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--from", dest="folders", type=Path, nargs="+", help="runs, the source first"
    )
    arguments = parser.parse_args()
    if arguments.folders:
        fleets = {folder.name: [folder] for folder in arguments.folders}
    else:
        directory = Path(tempfile.mkdtemp(prefix="rlsys-fleets-"))
        fleets = {name: [] for name in FLEETS}
        for repeat in range(arguments.repeats):
            for name, settings in FLEETS.items():
                folder = f"{name.replace(' ', '-')}-{repeat}"
                run = trained(folder, [*COMMON, *settings], arguments.steps, directory)
                fleets[name].append(run)
        print(f"runs are in {directory}", file=sys.stderr)
    found = compare(fleets)
    print(json.dumps(found))
    sys.exit(any(abs(one["ratio"] - 1) > WITHIN for one in found.values()))


if __name__ == "__main__":
    main()
