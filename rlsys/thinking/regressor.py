"""A small learned predictor of difficulty: ridge regression on the policy's own embeddings.

A question's features are the mean of its tokens' input embeddings and its log length; the target
is the measured share of wrong completions. It costs one matrix product for each question, and no
forward pass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rlsys.disk import parquet_errors
from rlsys.errors import DataError
from rlsys.pretrained import load_tokenizer
from verifiers.base import Status

_RIDGE = 1.0
"""Penalty on the weights, in units of one question."""
_LEAST = 50
"""Questions: a fifth of them is held out, and of two alone the correlation is always 1 or -1."""


@dataclass(frozen=True)
class Fit:
    """The regression, and how well it predicts questions that it was not fitted to."""

    weights: np.ndarray
    """[F + 1], the intercept last."""
    mean: np.ndarray
    """[F] of the features."""
    scale: np.ndarray
    """[F] standard deviations of the features."""
    correlation: float
    """Pearson's, of predicted and measured shares of wrong completions on a fifth of the questions
    that was held out: 1 where hard questions are foreseen, 0 where nothing is."""
    questions: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """[N, F] features to [N] difficulties in [0, 1]."""
        return np.clip(_with_one((features - self.mean) / self.scale) @ self.weights, 0.0, 1.0)

    def save(self, path: Path) -> None:
        """As an .npz file."""
        np.savez(path, **vars(self))


def fit(features: np.ndarray, wrong: np.ndarray, seed: int = 0) -> Fit:
    """Ridge regression of measured shares of wrong completions.

    Args:
        features: [N, F].
        wrong: [N] in [0, 1].
    Raises:
        DataError: there are too few questions to hold some out.
    """
    count = len(wrong)
    if count < _LEAST:
        raise DataError(f"{count} questions with graded completions: at least {_LEAST} are needed")
    order = np.random.default_rng(seed).permutation(count)
    held, rest = order[: count // 5], order[count // 5 :]
    trial = _solve(features[rest], wrong[rest], 0.0)
    predicted = trial.predict(features[held])
    varies = np.ptp(predicted) > 0 and np.ptp(wrong[held]) > 0
    correlation = float(np.corrcoef(predicted, wrong[held])[0, 1]) if varies else 0.0
    return _solve(features, wrong, correlation)


def _solve(features: np.ndarray, wrong: np.ndarray, correlation: float) -> Fit:
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    design = _with_one((features - mean) / scale)
    penalty = _RIDGE * np.eye(design.shape[1])
    penalty[-1, -1] = 0.0  # the intercept is free
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ wrong)
    return Fit(weights, mean, scale, correlation, len(wrong))


def _with_one(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1))])


class EmbeddingRegressor:
    """A Predictor (rlsys.thinking.difficulty) from a saved fit."""

    def __init__(self, difficulties: dict[str, float]) -> None:
        self._difficulties = difficulties

    @classmethod
    def load(cls, path: str, model_path: str, questions: Sequence[str]) -> EmbeddingRegressor:
        """Predict the questions of a run, all at once.

        Raises:
            DataError: the fit is of a model with embeddings of another size.
        """
        with np.load(path) as saved:
            fitted = Fit(**{name: saved[name] for name in saved.files})
        features = embed(model_path, questions)
        if features.shape[1] != len(fitted.mean):
            raise DataError(
                f"thinking.regressor={path}: fitted to {len(fitted.mean)} features, and "
                f"{model_path} has {features.shape[1]}; fit it to this model"
            )
        return cls(dict(zip(questions, fitted.predict(features).tolist(), strict=True)))

    def predict(self, prompt_id: str, question: str) -> float:
        """See Predictor."""
        return self._difficulties[question]


def embed(model_path: str, questions: Sequence[str]) -> np.ndarray:
    """[N, F] features of questions: mean input embedding and log length."""
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    tokenizer = load_tokenizer(model_path)
    model = AutoModelForCausalLM.from_pretrained(model_path)
    table = model.get_input_embeddings().get_parameter("weight").detach().float().numpy()
    ids = [tokenizer.encode(q, add_special_tokens=False) or [0] for q in questions]
    return np.stack([np.append(table[i].mean(axis=0), np.log(len(i))) for i in ids])


def measured(samples: Path) -> tuple[list[str], np.ndarray]:
    """Questions of a run's samples, and the share of wrong completions of each.

    Raises:
        DataError: the folder holds no samples with verdicts, or a file of them is not whole.
    """
    graded: dict[str, list[bool]] = {}
    for file in sorted(samples.glob("*.parquet")):
        with parquet_errors(file):
            rows = pq.read_table(file, columns=["info", "status"]).to_pylist()
        for row in rows:
            if row["status"] != Status.INFRASTRUCTURE:
                question = str(json.loads(row["info"])["question"])
                graded.setdefault(question, []).append(row["status"] != Status.CORRECT)
    if not graded:
        raise DataError(f"{samples}: no samples with verdicts")
    return list(graded), np.array([np.mean(wrong) for wrong in graded.values()])
