"""HumanEval (Chen et al., arXiv:2107.03374): complete a Python function from its head.

A model without a chat template continues the head itself, and stops at the texts of the paper's
appendix: whatever begins at the margin is no longer the function.
"""

from rlsys.config.data import PromptTemplate, RowFormat
from rlsys.evaluation.benchmark import Benchmark

BENCHMARK = Benchmark(
    name="humaneval",
    about="Python functions from their docstrings, 164",
    verifier="code_functions",
    votes=False,
    max_tokens=32_768,
    files=("humaneval/humaneval.jsonl",),
    format=RowFormat.humaneval,
    continued=PromptTemplate.verbatim,
    stop=("\nclass", "\ndef", "\n#", "\nif", "\nprint"),
)
