"""SWE-bench (Jimenez et al., arXiv:2310.06770): a patch that resolves an issue of a repository.

Each instance needs its tree at base_commit below `swebench/checkouts` (docs/verifiers.md says in
which forms), and an interpreter with what the repository needs.
"""

from rlsys.config.data import RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="swebench",
    about="patches for issues of Python repositories, local checkouts needed",
    verifier="repository",
    votes=False,
    max_tokens=32_768,
    files=("swebench/test.jsonl", "swebench/swebench_sample.jsonl"),
    format=RowFormat.swebench,
    path_options={"checkouts": "swebench/checkouts"},
)
