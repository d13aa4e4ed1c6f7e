"""A user's file adds a loss that needs another column: the file, a preset, and one step of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from actors.roles import needs
from rlsys import schema
from rlsys.algorithms.registry import Registry
from rlsys.algorithms.settings import check_algorithm
from rlsys.config.load import load
from rlsys.config.run import LearnerConfig, RunConfig
from rlsys.errors import AlgorithmError, ConfigError
from rlsys.learning import attention
from rlsys.learning.columns import columns_of
from rlsys.learning.tasks import ReinforcementTask, task_of
from rlsys.plugins import read_plugins
from tests.helpers.learners import one_rank, same, saved, weights

LOSS = '''
"""Policy gradient where the teacher is sure."""


def surer(ratio, advantages, teacher_logprobs, *, strength: float = 1.0):
    """Weighs a token by how likely the teacher finds it.

    l = -r A pi_T^strength
    """
    return -ratio * advantages * (strength * teacher_logprobs).exp()


LOSSES = {"surer": surer}
'''
PRESET = """
algorithm:
  plugins: [{plugin}]
  loss: {{name: surer, options: {{strength: 0.5}}}}
  kl: {{coefficient: 0.0}}
"""


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    """Of the user's own, beside the file that it names."""
    plugin = tmp_path / "surer.py"
    plugin.write_text(LOSS)
    path = tmp_path / "surer.yaml"
    path.write_text(PRESET.format(plugin=plugin))
    return path


def settings(tmp_path: Path, preset: Path, *overrides: str) -> RunConfig:
    path = tmp_path / "run.yaml"
    path.write_text(f"algorithm: {{preset: {preset}}}\n")
    return load(path, list(overrides), check_algorithm)


def test_a_preset_of_ones_own_names_the_plugin_and_its_loss(tmp_path: Path, preset: Path) -> None:
    config = settings(tmp_path, preset, "teacher.path=runs/local")
    assert config.algorithm.loss.name == "surer"
    assert columns_of(config.algorithm, config.teacher) == ("teacher_logprobs",)
    assert "teacher" in {need.role for need in needs(config)}


def test_a_column_that_no_role_of_the_run_brings_is_one_error(tmp_path: Path, preset: Path) -> None:
    with pytest.raises(ConfigError, match=r"loss\.name=surer: it reads teacher_logprobs, and ther"):
        settings(tmp_path, preset)


def test_a_teacher_that_nothing_is_learned_from_is_one_error(tmp_path: Path, preset: Path) -> None:
    alone, message = ["teacher.path=t", "teacher.coefficient=0"], "nothing would be learned from th"
    settings(tmp_path, preset, *alone)
    with pytest.raises(ConfigError, match=rf"teacher\.coefficient=0: {message}"):
        settings(tmp_path, preset, *alone, "teacher.rewards=false")
    preset.write_text("algorithm: {kl: {coefficient: 0.0}}")
    with pytest.raises(ConfigError, match=rf"teacher\.coefficient=0: {message}"):
        settings(tmp_path, preset, *alone)


def test_the_reference_is_started_for_a_loss_that_reads_it(tmp_path: Path) -> None:
    plugin = tmp_path / "near.py"
    plugin.write_text(LOSS.replace("teacher_logprobs", "reference_logprobs"))
    config = RunConfig()
    config.algorithm.kl.coefficient = 0.0
    assert columns_of(config.algorithm, config.teacher) == ()
    config.algorithm.plugins, config.algorithm.loss.name = [str(plugin)], "surer"
    check_algorithm(config)
    assert columns_of(config.algorithm, config.teacher) == ("reference_logprobs",)
    assert "reference" in {need.role for need in needs(config)}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithm.loss.name=suere", r"algorithm\.loss: no loss 'suere'; did you mean 'surer'"),
        ("algorithm.loss.options={stren: 1}", r"no option 'stren'; did you mean 'strength'"),
        ("algorithm.loss.options={strength: x}", "option strength='x' must be a float, not a str"),
        ("algorithm.loss.options={strength: .nan}", "option strength=nan: not a finite number"),
        ("algorithm.plugins=[no.py]", r"algorithm\.plugins: no plug-in file no\.py"),
        ("algorithm.advantage.options={k: 2}", r"algorithm\.advantage: estimator 'group_zscore': "),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    tmp_path: Path, preset: Path, override: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(tmp_path, preset, "teacher.path=t", override)


# --- one step of the real learner ---------------------------------------------------------------


def tiny(folder: Path) -> Path:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=41,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        attn_implementation=attention.NAME,
    )
    model: PreTrainedModel = Qwen2ForCausalLM(config)
    return saved(model, folder)


def batch(columns: tuple[str, ...], teacher: float) -> pa.RecordBatch:
    """Two completions to one prompt; the teacher finds each token equally likely."""
    rng = np.random.default_rng(0)
    lengths, advantages = [4, 3], [1.0, -1.0]
    logprobs = [(-1.0 - rng.random(n)).astype(np.float32) for n in lengths]
    given = {
        "group_id": [0, 0],
        "sample_index": [0, 1],
        "prompt_token_ids": [[1, 2, 3]] * 2,
        "token_ids": [rng.integers(0, 41, n) for n in lengths],
        "rollout_logprobs": logprobs,
        "kept_token_ids": [None, None],
        "policy_versions": [np.zeros(n) for n in lengths],
        "forced": [np.zeros(n, bool) for n in lengths],
        "advantages": [np.full(n, a, np.float32) for n, a in zip(lengths, advantages, strict=True)],
        "reward": [1.0, 0.0],
        "teacher_logprobs": [np.full(n, teacher, np.float32) for n in lengths],
    }
    return schema.build(schema.training(columns), given)


@pytest.mark.slow
def test_one_step_of_the_learner_follows_the_loss_of_the_file(tmp_path: Path, preset: Path) -> None:
    """Of the file as it was read: on another node it is not there."""
    config = settings(tmp_path, preset, "teacher.path=t", "teacher.coefficient=0")
    plugins = read_plugins(config.algorithm.plugins)
    (tmp_path / "surer.py").unlink()
    folder, norms = tiny(tmp_path / "policy"), {}
    for teacher in (-1.0, -3.0):
        ranks = one_rank(LearnerConfig())
        task = task_of(config, plugins)
        assert isinstance(task, ReinforcementTask)
        learner = task.learner(str(folder), ranks)
        before = weights(learner.policy)
        metrics = learner.step(batch(task.columns, teacher), 0)
        assert not same(before, weights(learner.policy))
        norms[teacher] = metrics["gradient_norm"]
    # exp(0.5 * -1) against exp(0.5 * -3).
    assert norms[-1.0] / norms[-3.0] == pytest.approx(np.e, rel=1e-4)


# --- what a file may do wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", r"expected LOSSES = \{\"name\": function\}, or ADVANTAGES of the same form"),
        ("LOSSES = [1]", r"expected LOSSES = \{\"name\": function\}, got \[1\]"),
        ("LOSSES = {'mine': 3}", "loss 'mine': expected a function, got 3"),
        ("def f(ratio): ...\nLOSSES = {'sapo': f}", "the name 'sapo' is already taken"),
        (
            "def f(ratio, teacher_logprob): ...\nLOSSES = {'mine': f}",
            "reads the column 'teacher_logprob', which nothing brings; did you mean 'teacher_logp",
        ),
        (
            "def f(reward): ...\nADVANTAGES = {'mine': f}",
            "estimator 'mine' reads the column 'reward', .* did you mean 'rewards'",
        ),
    ],
)
def test_what_is_no_loss_or_estimator_is_one_error_with_its_file(
    tmp_path: Path, source: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(AlgorithmError, match=rf"mine\.py: .*{message}"):
        Registry([str(path)])


def test_a_failing_import_names_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("x = 1\ny = x / 0\n")
    config = RunConfig()
    config.algorithm.plugins = [str(path)]
    with pytest.raises(ConfigError, match=r"ZeroDivisionError: .*mine\.py:2 in <module>: y = x / "):
        check_algorithm(config)


def test_a_file_runs_once_in_a_process(tmp_path: Path) -> None:
    path = tmp_path / "once.py"
    count = tmp_path / "count"
    path.write_text(f"{LOSS}\nopen({str(count)!r}, 'a').write('x')\n")
    for _ in range(3):
        Registry([str(path)])
    assert count.read_text() == "x"
