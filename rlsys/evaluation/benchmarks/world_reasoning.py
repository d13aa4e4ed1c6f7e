"""The tiny world's held-out problems."""

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.data.rows import Row
from rlsys.evaluation.benchmark import Benchmark


def _rows() -> list[Row]:
    return read_rows("world:reasoning:test", DataConfig()).rows


BENCHMARK = Benchmark(
    name="world_reasoning",
    about="chains of sums for a policy of the tiny world, 512, no file needed",
    verifier="math",
    votes=True,
    max_tokens=96,
    marks={"english": "language", "one_language": "readable.one_language", "form": "reasoning"},
    rows=_rows,
)
