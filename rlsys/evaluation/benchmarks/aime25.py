"""AIME 2025: two papers of 15 problems; answers are integers from 0 to 999."""

from rlsys.config.data import RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="aime25",
    about="AIME 2025, integers from 0 to 999, 30",
    verifier="math",
    votes=True,
    max_tokens=32_768,
    files=("aime/aime25.jsonl",),
    format=RowFormat.aime,
)
