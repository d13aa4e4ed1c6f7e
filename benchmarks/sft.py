"""How fast `rlsys sft` learns against TRL's SFTTrainer with packing, in tokens per second.

    python benchmarks/sft.py --trl PYTHON [--steps N] [--repeats N]

Both train the same policy (the local one's shape, random weights, float32) on the same rows
(problems of the generated task, solved step by step, 39 tokens on average), with the same number of
threads, AdamW and some 2,000 tokens an update. TRL packs rows to the model's 512 positions, four to
a batch; rlsys lays them end to end in one row. Both mask prompts. Runs alternate: rlsys, TRL,
rlsys, TRL. The first steps of a run are left out; medians over steps, then over runs. rlsys is
timed as a user gets it, with Ray and the driver's part of a step; TRL from the end of a step to the
end of the next.

TRL is not among the packages of this project: `--trl` names a Python that has it beside them.

    python -m venv --system-site-packages trl && trl/bin/pip install trl

The last line of stdout is one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

WARM_UP = 3
THREADS = 2
PACKED, BATCH = 512, 4
ROWS_PER_STEP = 56


def main() -> None:
    """Alternate both, and print each run and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trl", metavar="PYTHON", help="one that has trl")
    parser.add_argument("--trl-run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trl_run:
        print(json.dumps(_trl(arguments.trl_run, arguments.steps)))
        return
    if not arguments.trl:
        parser.error("--trl PYTHON is missing: a Python that has trl beside rlsys' packages")
    found: dict[str, list[float]] = {"rlsys": [], "trl": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        mean_tokens = _prepare(folder)
        for repeat in range(arguments.repeats):
            for side in found:
                step = _rlsys if side == "rlsys" else _in_trl
                rate = step(folder, arguments, mean_tokens, repeat)
                found[side].append(rate)
                print(f"{side} {repeat + 1}: {rate:,.0f} tokens/s", flush=True)
    medians = {side: statistics.median(rates) for side, rates in found.items()}
    ratio = medians["rlsys"] / medians["trl"]
    print(
        json.dumps(
            {
                **{f"{k}_tokens_per_s": round(v) for k, v in medians.items()},
                "ratio": round(ratio, 3),
            }
        )
    )


def _prepare(folder: Path) -> float:
    """The policy and the rows; their mean length in tokens."""
    import torch

    from rlsys.config.local_policy import LocalPolicyConfig
    from rlsys.data.generated import generated_lessons
    from rlsys.local_policy.shapes import build_model
    from rlsys.local_policy.tokenizer import build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    for part in (build_model(LocalPolicyConfig(), tokenizer), tokenizer):
        part.save_pretrained(folder / "policy")
    lengths = []
    with (folder / "rows.jsonl").open("w") as file:
        for lesson in generated_lessons(0):
            said = {"role": "assistant", "content": lesson.completion}
            asked = list(lesson.prompt.messages)
            file.write(json.dumps({"prompt": asked, "completion": [said]}) + "\n")
            text = f"{asked[0]['content']}\n{lesson.completion}"
            lengths.append(len(tokenizer.encode(text)) + 1)
    return statistics.fmean(lengths)


def _rlsys(folder: Path, arguments: Any, mean_tokens: float, repeat: int) -> float:
    """Tokens per second of a run, by its own metrics."""
    settings = [
        f"model.path={folder}/policy",
        "model.max_context=512",
        f"sft.train={folder}/rows.jsonl",
        f"sft.rows_per_step={ROWS_PER_STEP}",
        "sft.holdout=0",
        f"loop.steps={arguments.steps}",
        "loop.evaluate_every=0",
        f"learner.threads={THREADS}",
        "learner.cpus=1",
        "learner.microbatch_tokens=4096",
        "learner.optimizer.schedule=constant",
        f"run.directory={folder}/runs",
        f"run.name=run-{repeat}",
    ]
    command = [sys.executable, "-m", "rlsys", "sft", "--config", "configs/sft.yaml", *settings]
    root = Path(__file__).parents[1]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    lines = (folder / "runs" / f"run-{repeat}" / "metrics.jsonl").read_text().splitlines()
    seconds = [json.loads(line)["throughput/step_s"] for line in lines[WARM_UP:]]
    return ROWS_PER_STEP * mean_tokens / statistics.median(seconds)


def _in_trl(folder: Path, arguments: Any, mean_tokens: float, repeat: int) -> float:
    """The same of TRL, in a process of its own."""
    command = [arguments.trl, __file__, "--trl-run", str(folder), "--steps", str(arguments.steps)]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _trl(folder: Path, steps: int) -> float:
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer
    from trl_side import Ends, settings

    torch.set_num_threads(THREADS)
    config = SFTConfig(
        **settings(str(folder / "trl"), steps),
        per_device_train_batch_size=BATCH,
        max_length=PACKED,
        packing=True,
        learning_rate=3e-4,
    )
    ends = Ends()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "policy", dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(folder / "policy"),
        args=config,
        train_dataset=load_dataset("json", data_files=str(folder / "rows.jsonl"), split="train"),
        callbacks=[ends],
    )
    trainer.train()
    first = WARM_UP - 1
    seconds = [b - a for a, b in zip(ends.times[first:], ends.times[first + 1 :], strict=False)]
    return PACKED * BATCH / statistics.median(seconds)


if __name__ == "__main__":
    main()
