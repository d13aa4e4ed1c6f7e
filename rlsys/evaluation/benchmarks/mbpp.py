"""MBPP (Austin et al., arXiv:2108.07732): Python functions from one sentence and three asserts.

The published test split is the rows with task_id 11 to 510.
"""

from rlsys.config.data import RowFormat
from rlsys.data.rows import Row
from rlsys.evaluation.benchmark import Benchmark

_TEST_SPLIT = range(11, 511)


def _is_test(row: Row) -> bool:
    return row.info.get("task_id") in _TEST_SPLIT


BENCHMARK = Benchmark(
    name="mbpp",
    about="Python functions from a sentence and three asserts, 500",
    verifier="code_functions",
    votes=False,
    max_tokens=32_768,
    files=("mbpp/mbpp.jsonl",),
    format=RowFormat.mbpp,
    belongs=_is_test,
)
