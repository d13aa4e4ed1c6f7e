"""Benchmarks by name: the modules of rlsys.evaluation.benchmarks, and files of your own."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from rlsys.errors import ConfigError, instead
from rlsys.evaluation import benchmarks
from rlsys.evaluation.benchmark import Benchmark
from rlsys.plugins import imports_beside


def names() -> list[str]:
    """Names of the benchmarks that come with rlsys, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))


def find(chosen: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names, or of these files (`./my_benchmark.py`).

    Raises:
        ConfigError: no benchmark has that name (says the nearest), a file holds none, or two are
            called the same.
    """
    found = [_from_file(Path(one)) if one.endswith(".py") else _built_in(one) for one in chosen]
    for i, benchmark in enumerate(found):
        if any(benchmark.name == other.name for other in found[:i]):
            raise ConfigError(f"--benchmarks: {benchmark.name!r} is named twice")
    return found


def _built_in(name: str) -> Benchmark:
    if name not in names():
        if Path(name).exists():
            raise ConfigError(
                f"--benchmarks: {name!r} holds rows, and a benchmark says how they are asked and "
                "graded, too: write a file of eight lines, FILE.py, that names them "
                "(docs/evaluation.md, Benchmarks)"
            )
        raise ConfigError(f"--benchmarks: no benchmark {name!r}{instead(name, names())}")
    return _benchmark_of(importlib.import_module(f"{benchmarks.__name__}.{name}"), name)


def _from_file(path: Path) -> Benchmark:
    if not path.is_file():
        raise ConfigError(f"--benchmarks: no file {path}")
    spec = importlib.util.spec_from_file_location(f"rlsys_benchmark_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--benchmarks: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        with imports_beside(path):
            spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file raises becomes one error that names it
        raise ConfigError(f"--benchmarks: {path}: {type(error).__name__}: {error}") from error
    return _benchmark_of(module, str(path))


def _benchmark_of(module: ModuleType, where: str) -> Benchmark:
    benchmark = vars(module).get("BENCHMARK")
    if not isinstance(benchmark, Benchmark):
        raise ConfigError(f"--benchmarks: {where} does not assign BENCHMARK = Benchmark(...)")
    return benchmark
