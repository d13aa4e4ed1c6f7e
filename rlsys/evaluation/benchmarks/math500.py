"""MATH-500 (Hendrycks et al., arXiv:2103.03874; the 500 of Lightman et al., arXiv:2305.20050)."""

from rlsys.config.data import RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="math500",
    about="competition problems with LaTeX answers, 500",
    verifier="math",
    votes=True,
    max_tokens=32_768,
    files=("math500/test.jsonl",),
    format=RowFormat.math,
)
