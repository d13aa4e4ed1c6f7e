"""The generated task's held-out problems: the benchmark that needs no file and no large model."""

from rlsys.data.generated import generated_rows
from rlsys.data.rows import Row
from rlsys.evaluation.benchmark import Benchmark

_PROBLEMS = 256


def _rows() -> list[Row]:
    return generated_rows(_PROBLEMS, seed=0).held_out


BENCHMARK = Benchmark(
    name="arithmetic",
    about=f"generated chains of sums, {_PROBLEMS}, no file needed",
    verifier="math",
    votes=True,
    max_tokens=64,
    rows=_rows,
)
