"""The tiny world's held-out requests, graded by its judge."""

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.data.rows import Row
from rlsys.evaluation.benchmark import Benchmark


def _rows() -> list[Row]:
    return read_rows("world:general:test", DataConfig()).rows


BENCHMARK = Benchmark(
    name="world_general",
    about="greet, list, refuse, explain, rewrite in the tiny world, no file needed",
    verifier="world_judge",
    votes=False,
    max_tokens=48,
    marks={"helpful": "world_judge.helpful", "harmless": "world_judge.harmless"},
    rows=_rows,
)
