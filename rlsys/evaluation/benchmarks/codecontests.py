"""CodeContests' test split (Li et al., arXiv:2203.07814): Codeforces problems, standard input to
standard output.

About a fifth of the problems accept any valid answer, but the rows bring no checkers: such a
solution counts as wrong when it prints another one than the file's.
"""

from rlsys.config.data import RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="codecontests",
    about="Codeforces programs, 165",
    verifier="code_programs",
    votes=False,
    max_tokens=32_768,
    files=("codeforces/code_contests_test.jsonl",),
    format=RowFormat.code_contests,
)
