"""Peak memory and time of logprobs with gradient: all logits at once against chunks.

Each case runs in a process of its own, so that its peak is its own:

    python benchmarks/logprobs_memory.py [--tokens 2048 8192] [--vocabulary 32768] [--chunk 512]

On CPU the peak is the process's resident memory above what it held before; on a GPU, which is
used where there is one, what torch allocated above that. The last line is one JSON object.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import torch
from torch import Tensor, nn

from rlsys.algorithms.logprobs import chunked_logprobs

HIDDEN = 256


def all_at_once(head: nn.Module, hidden: Tensor, targets: Tensor) -> Tensor:
    """What chunked_logprobs replaces: the whole [N, V] log-softmax, and its entropy."""
    logprobs = head(hidden).float().log_softmax(-1)
    with torch.no_grad():
        (logprobs.exp() * logprobs).sum(-1)
    return logprobs.gather(1, targets[:, None]).squeeze(1)


def measure(tokens: int, vocabulary: int, chunk: int) -> dict[str, float]:
    """Peak MiB above the start, and seconds, of one forward and backward; chunk 0: all at once."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    head = nn.Linear(HIDDEN, vocabulary, bias=False).to(device)
    hidden = torch.randn(tokens, HIDDEN, device=device, requires_grad=True)
    targets = torch.randint(vocabulary, (tokens,), device=device)

    def step(states: Tensor, ids: Tensor) -> None:
        if chunk:
            logprobs, _ = chunked_logprobs(head, states, ids, 1.0, chunk)
        else:
            logprobs = all_at_once(head, states, ids)
        logprobs.sum().backward()

    step(hidden[:1], targets[:1])  # gradients and libraries are allocated before the start
    before = _peak_mib(device)
    start = time.perf_counter()
    step(hidden, targets)
    peak = _peak_mib(device)
    return {"peak_mib": peak - before, "seconds": time.perf_counter() - start}


def _peak_mib(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def in_own_process(tokens: int, vocabulary: int, chunk: int) -> dict[str, float]:
    """`measure` in a fresh interpreter on one thread."""
    case = [str(tokens), str(vocabulary), str(chunk)]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, __file__, "--case", *case],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 8192])
    parser.add_argument("--vocabulary", type=int, default=32768)
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--case", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*options.case)))
        return
    cases = []
    for tokens in options.tokens:
        for chunk in (0, options.chunk):
            result = in_own_process(tokens, options.vocabulary, chunk)
            cases.append({"tokens": tokens, "chunk": chunk, **result})
            name = f"chunks of {chunk}" if chunk else "all at once"
            print(
                f"{tokens:>7} tokens, {name:<16} {result['peak_mib']:9.0f} MiB "
                f"{result['seconds']:7.2f} s",
                flush=True,
            )
    whole, chunked = cases[-2], cases[-1]
    summary = {
        "vocabulary": options.vocabulary,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "memory_ratio": whole["peak_mib"] / max(chunked["peak_mib"], 1e-9),
        "time_ratio": chunked["seconds"] / whole["seconds"],
        "cases": cases,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
