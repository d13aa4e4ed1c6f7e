"""GSM8K (Cobbe et al., arXiv:2110.14168): grade school word problems, the answer after `####`."""

from rlsys.config.data import RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="gsm8k",
    about="grade school word problems, 1,319",
    verifier="math",
    votes=True,
    max_tokens=2048,
    files=("gsm8k/test.jsonl",),
    format=RowFormat.gsm8k,
)
