"""`rlsys recipe` and `rlsys lineage`: what is printed, and how it ends."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, RecipeError
from rlsys.lineage import digests
from rlsys.recipes import runner
from tests.helpers.fake_stage import FakeStages
from tests.helpers.known_models import QWEN_7B, QWEN_HALF
from tests.helpers.model_folders import write_weights

RECIPE = """
about: one stage, then its table
stages:
  - {name: rl, kind: rl, config: small.yaml, inputs: {rows: rows.jsonl}, gate: [steps > 5]}
  - {name: table, kind: evaluate, config: small.yaml, inputs: {policy: "${rl.policy}"}}
scales: {tiny: {all: {overrides: {loop.steps: 6}}}}
"""


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStages:
    """Stages in the place of processes, in a folder with a recipe."""
    found = FakeStages(figures={"rl": {"steps": 6}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "CACHE", tmp_path / "cache" / "digests.json")
    make: Callable[..., Any] = runner.Runner
    monkeypatch.setattr(runner, "Runner", lambda *given: make(*given, found.start))
    (tmp_path / "two.yaml").write_text(RECIPE)
    (tmp_path / "small.yaml").write_text("loop: {checkpoint_every: 2}\n")
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1 =", "answer": "2"}\n')
    return found


def rlsys(*arguments: str) -> Any:
    """What the command came to."""
    return CliRunner().invoke(app, list(arguments))


def test_a_plan_shows_stages_inputs_and_length_and_runs_nothing(stages: FakeStages) -> None:
    done = rlsys("recipe", "plan", "two.yaml", "--scale", "tiny")
    assert done.exit_code == 0, done.output
    assert "rows: rows.jsonl" in done.output
    assert "policy: ${rl.policy}" in done.output
    assert "6 steps" in done.output
    assert done.output.count("unknown") == 2
    assert stages.ran == []
    assert not Path("runs").exists()


def test_a_plan_says_how_much_is_sampled_and_how_policies_are_merged(stages: FakeStages) -> None:
    Path("two.yaml").write_text(
        """
stages:
  - {name: tried, kind: sample, config: small.yaml, overrides: {sample: {n: 4, prompts: 9}}}
  - name: one
    kind: merge
    config: small.yaml
    inputs: {policy_1: "${rl.policy}", policy_2: local}
  - {name: rl, kind: rl, config: small.yaml}
"""
    )
    done = rlsys("recipe", "plan", "two.yaml")
    assert done.exit_code == 0, done.output
    assert "9 prompts of a source x 4" in done.output
    assert "linear" in done.output


def write_models(**configs: dict[str, object]) -> None:
    """Folders of models by their names, with what their config.json says."""
    for name, config in configs.items():
        Path(name).mkdir()
        (Path(name) / "config.json").write_text(json.dumps(config))
        write_weights(Path(name), {})


def test_a_plan_of_gpus_has_a_line_for_each_that_is_unlike_with_the_sizes_of_all_models(
    stages: FakeStages,
) -> None:
    """Of what earlier stages leave, those of what they began with."""
    write_models(small=QWEN_HALF, large=QWEN_7B)
    Path("gpu.yaml").write_text(
        "rollout: {gpus: 0.5, kv_cache_gib: 4}\nlearner: {gpus: 0.5}\nreference: {gpus: 1}\n"
    )
    Path("two.yaml").write_text(
        """
stages:
  - {name: made, kind: sft, config: gpu.yaml}
  - {name: large, kind: sft, config: gpu.yaml, inputs: {policy: large}}
  - {name: small, kind: sft, config: gpu.yaml, inputs: {policy: small}}
  - name: distilled
    kind: distill
    config: gpu.yaml
    inputs: {policy: "${small.policy}", teacher: "${large.policy}"}
    overrides: {teacher.gpus: 1, algorithm.kl.coefficient: 0}
  - {name: table, kind: evaluate, config: gpu.yaml, inputs: {policy: "${distilled.policy}"}}
"""
    )
    done = rlsys("recipe", "plan", "two.yaml", "--gpu-gib", "80")
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "3.1 M parameters (qwen2) a GPU of learner and rollout: " in told
    distilled, _, table = told.split("distilled distill ")[-1].partition("table evaluate ")
    assert "0.49 B parameters (qwen2); teacher 7.62 B parameters (qwen2)" in distilled
    assert "a GPU of learner and rollout: " in distilled
    # 14.2 GiB of weights, 4.6 of logits, 0.7 of CUDA.
    assert "a GPU of teacher: 19.5 of 80.0 GiB" in distilled
    assert "a GPU of rollout: " in table
    assert "learner" not in table
    (Path("large") / "config.json").write_text(json.dumps(QWEN_7B | {"alibi": True}))
    refused = rlsys("recipe", "plan", "two.yaml", "--gpu-gib", "80")
    assert isinstance(refused.exception, ConfigError)
    assert "two.yaml: stage large: model.path='large'" in str(refused.exception)


def test_a_plan_counts_reward_models_and_those_yet_to_be_made_as_what_they_are_made_of(
    stages: FakeStages,
) -> None:
    saved = {"dtype": "bfloat16"}
    write_models(small=QWEN_HALF | saved, large=QWEN_7B | saved)
    Path("gpu.yaml").write_text("rollout: {gpus: 1}\nlearner: {gpus: 1}\nreference: {gpus: 1}\n")
    Path("pairs.jsonl").write_text('{"prompt": "1", "chosen": "2", "rejected": "3"}\n')
    Path("two.yaml").write_text(
        """
stages:
  - {name: judge, kind: reward_model, config: gpu.yaml, inputs: {policy: large, pairs: pairs.jsonl}}
  - name: judged
    kind: rl
    config: gpu.yaml
    inputs: {policy: small}
    overrides:
      verifiers.gpus_per_worker: 1
      verifiers.rewards:
        - name: good
          verifier: reward_model
          options: {model: "${judge.reward_model}", device: cuda}
  - name: table
    kind: evaluate
    config: gpu.yaml
    inputs: {policy: "${judged.policy}"}
    overrides: {verifiers.rewards: [{name: reward_model, options: {model: large}}]}
"""
    )
    done = rlsys("recipe", "plan", "two.yaml", "--gpu-gib", "80")
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    judged, _, table = told.rpartition("judged rl ")[-1].partition("table evaluate ")
    assert "0.49 B parameters (qwen2); good 7.07 B parameters (qwen2)" in judged
    # 13.2 GiB of weights, 1.8 of a layer at work, 0.7 of CUDA.
    assert "a GPU of verifier: 15.7 of 80.0 GiB" in judged
    assert "7.07 B" not in table


def test_a_run_ends_with_what_it_made_and_its_status_says_done(stages: FakeStages) -> None:
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    assert done.exit_code == 0, done.output
    assert "rl | stage rl says so" in done.output
    assert "rl: gate passed: steps > 5: 6" in done.output
    assert "table: table" in done.output
    status = rlsys("recipe", "status", "runs/two-tiny").output
    assert [line.split()[0] for line in status.splitlines()[1:]] == ["rl", "steps", "table"]
    assert status.count("done") == 2
    Path("rows.jsonl").write_text('{"question": "2 + 1 =", "answer": "3"}\n')
    status = rlsys("recipe", "status", "runs/two-tiny").output
    assert "rows (rows.jsonl) is not what it was" in status
    assert "behind rl, which is out of date" in status


def test_a_row_that_the_last_stage_cannot_read_is_told_before_the_first_begins(
    stages: FakeStages,
) -> None:
    Path("last.jsonl").write_text('{"question": "1 + 1 ="}\n')
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny", "table.benchmarks.names=[gsm8k]")
    assert "stage table: benchmark gsm8k: no " in str(done.exception)
    inputs = '{policy: "${rl.policy}", rows: last.jsonl}'
    more = f"  - {{name: last, kind: rl, config: small.yaml, inputs: {inputs}}}"
    text = Path("two.yaml").read_text()
    Path("two.yaml").write_text(text.replace("scales:", f"{more}\nscales:"))
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    assert "stage last: rows: last.jsonl" in str(done.exception)
    Path("last.jsonl").write_text('{"prompt": "1 + 1 ="}\n')
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    assert "row 1: it has no expected answer, which the verifier math needs" in str(done.exception)
    assert stages.ran == []
    Path("last.jsonl").write_text('{"question": "1 + 1 =", "answer": "2"}\n')
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    assert done.exit_code == 0, done.output
    assert done.output.count("reading last.jsonl") == 1
    assert "reading" not in rlsys("recipe", "run", "two.yaml", "--scale", "tiny").output


def test_a_folder_that_cannot_be_written_to_is_one_error(stages: FakeStages) -> None:
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny", "--directory", "rows.jsonl")
    assert isinstance(done.exception, ConfigError)
    assert "no file can be written there" in str(done.exception)


def test_a_plan_after_a_run_has_the_measured_minutes(stages: FakeStages) -> None:
    rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    done = rlsys("recipe", "plan", "two.yaml", "--scale", "tiny")
    assert done.output.count("0.0 (measured)") == 2


def test_a_failed_gate_ends_with_the_command_that_goes_on(stages: FakeStages) -> None:
    stages.figures["rl"] = {"steps": 2}
    side_by_side = ("--branches", "2", "cluster.address=auto")
    done = rlsys(
        "recipe", "run", "two.yaml", "--scale", "tiny", "--directory", "here", *side_by_side
    )
    assert isinstance(done.exception, RecipeError)
    assert "steps > 5: 2" in str(done.exception)
    here = Path("here").resolve()
    assert str(done.exception).endswith(
        f"to go on: rlsys recipe run two.yaml --scale tiny --directory {here} "
        "--branches 2 cluster.address=auto"
    )


def test_a_stopped_recipe_ends_as_the_signal_would_have_it(stages: FakeStages) -> None:
    stages.hangs["rl"] = lambda: signal.raise_signal(signal.SIGINT)
    done = rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    assert done.exit_code == 128 + signal.SIGINT
    assert "stopped by SIGINT; to go on: rlsys recipe run two.yaml --scale tiny" in done.output


def test_a_folder_of_no_recipe_is_one_clear_error(stages: FakeStages) -> None:
    done = rlsys("recipe", "status", ".")
    assert isinstance(done.exception, ConfigError)
    assert "no recipe was run here" in str(done.exception)


def test_the_status_of_a_folder_whose_recipe_was_moved_says_what_to_change(
    stages: FakeStages,
) -> None:
    rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    Path("two.yaml").rename("moved.yaml")
    done = rlsys("recipe", "status", "runs/two-tiny")
    assert isinstance(done.exception, ConfigError)
    assert "two.yaml, is not there any more" in str(done.exception)
    named = Path(str(done.exception).rpartition("say so in ")[2])
    named.write_text(named.read_text().replace("two.yaml", "moved.yaml"))
    assert rlsys("recipe", "status", "runs/two-tiny").output.count("done") == 2


def test_the_digest_of_a_stages_folder_is_said_to_be_that_of_its_settings(
    stages: FakeStages,
) -> None:
    rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    first, second, *_ = rlsys("lineage", "runs/two-tiny/table").output.splitlines()
    assert "runs/two-tiny/table  settings sha256:" in first
    assert "settings" not in second


def test_lineage_is_told_down_to_what_comes_from_outside(stages: FakeStages) -> None:
    rlsys("recipe", "run", "two.yaml", "--scale", "tiny")
    output = rlsys("lineage", "runs/two-tiny/table/results.json").output
    lines = output.splitlines()
    assert [line.split()[0] for line in lines] == ["table", "policy", "rows"]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4]
    assert "by evaluate in" in lines[0]
    assert lines[2].endswith("from outside")
