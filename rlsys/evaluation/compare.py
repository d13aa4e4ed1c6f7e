"""Two evaluations side by side, with a paired test on the problems that both have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlsys.errors import DataError
from rlsys.evaluation.cut import Cut
from rlsys.evaluation.estimators import Difference, paired_difference


@dataclass(frozen=True)
class Pair:
    """One benchmark and setting of both results."""

    benchmark: str
    setting: str
    a: float
    b: float
    difference: Difference
    unpaired: int
    """Problems that only one of the results has; they take no part."""
    max_tokens: tuple[int, int]
    """At which completions of A and of B ended."""


def read_result(folder: Path) -> dict[str, Any]:
    """results.json of an evaluation.

    Raises:
        DataError: the folder holds none, or a damaged one.
    """
    path = folder / "results.json"
    if not path.is_file():
        below = sorted(str(one.parent) for one in folder.glob(f"*/{path.name}"))
        hint = "is it the folder of a finished `rlsys eval`?"
        if below:
            hint = f"there is one for each policy: {', '.join(below)}"
        raise DataError(f"{folder}: no {path.name}; {hint}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is damaged ({error}); the same `rlsys eval` writes it anew"
        ) from error
    if not isinstance(content, dict) or "results" not in content:
        raise DataError(f"{path}: not what `rlsys eval` writes; name the folder of an evaluation")
    _require_results(content["results"], path)
    return content


def _require_results(results: Any, path: Path) -> None:
    """Raise DataError unless each names its benchmark and setting once, and has rates of 0 to 1."""
    anew = "the same `rlsys eval` writes it anew"
    try:
        settings = [_name(one) for one in results]
        rates = [(one["benchmark"], p, rate) for one in results for p, rate in one["rates"].items()]
        wrong = next((one for one in rates if not 0 <= one[2] <= 1), None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: results are not as `rlsys eval` writes them ({error!r}); {anew}"
        ) from error
    if wrong:
        benchmark, problem, rate = wrong
        raise DataError(f"{path}: {benchmark}: the rate of {problem} is {rate}; {anew}")
    if twice := next((one for one in settings if settings.count(one) > 1), None):
        raise DataError(f"{path}: {twice} stands there twice; {anew}")


def compare(a: dict[str, Any], b: dict[str, Any]) -> list[Pair]:
    """Pass@1 of B minus A, problem by problem, wherever both have a benchmark with one
    temperature, cut and budget.

    Raises:
        DataError: they have nothing in common.
    """
    of_a = {_key(r): r for r in a["results"]}
    pairs = []
    for r in b["results"]:
        other = of_a.get(_key(r))
        common = sorted(set(r["rates"]) & set(other["rates"])) if other else []
        if other is None or not common:
            continue
        rates_a = np.array([other["rates"][p] for p in common])
        rates_b = np.array([r["rates"][p] for p in common])
        pairs.append(
            Pair(
                benchmark=r["benchmark"],
                setting=_setting(r),
                a=float(rates_a.mean()),
                b=float(rates_b.mean()),
                difference=paired_difference(rates_a, rates_b),
                unpaired=len(set(r["rates"]) ^ set(other["rates"])),
                max_tokens=(other["max_tokens"], r["max_tokens"]),
            )
        )
    if not pairs:
        raise DataError(
            f"nothing to compare: A has {', '.join(map(_name, a['results'])) or 'nothing'}; "
            f"B has {', '.join(map(_name, b['results'])) or 'nothing'}"
        )
    return pairs


def _key(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["benchmark"], result["temperature"], Cut.of_result(result), result["budget"]


def _setting(result: dict[str, Any]) -> str:
    budget = "" if result["budget"] is None else f"-b{result['budget']}"
    return f"t{result['temperature']:g}{Cut.of_result(result).name}{budget}"


def _name(result: dict[str, Any]) -> str:
    return f"{result['benchmark']}/{_setting(result)}"
