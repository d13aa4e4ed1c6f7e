"""Which prompts are asked, as which conversations, and what is refused before anything starts."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.data import PromptTemplate
from rlsys.config.run import Precision, RunConfig, StageKind
from rlsys.config.sample import Split
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import ConfigError, DataError, SamplerError
from rlsys.lineage.manifest import Artifact, artifact
from rlsys.stages import rl_plan, sample_plan
from rlsys.stages.sample_plan import SamplePlan, read, sources
from tests.unit.verifiers.models.test_judge import says, serving


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def sums(count: int) -> list[dict[str, Any]]:
    return [{"question": f"{i}+1=?", "answer": str(i + 1)} for i in range(count)]


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """20 rows, of which four are held out."""
    config = RunConfig()
    config.run.stage = StageKind.sample
    config.verifiers.rewards = [RewardConfig("accuracy", verifier="math")]
    config.data.train = write(tmp_path / "sums.jsonl", sums(20))
    config.data.holdout = 4
    config.sample.n = 3
    return config


def plan(config: RunConfig) -> SamplePlan:
    return read(config, False, lambda line: None)


def questions(found: SamplePlan) -> list[str]:
    return [one.row.messages[0]["content"] for one in found.asked]


def test_the_train_split_is_what_a_run_of_rl_would_train_on(config: RunConfig) -> None:
    found = plan(config)
    assert found.length == "16 prompts of the split train x 3: 48 completions"
    assert found.config.loop.steps == 16
    trained = rl_plan.read(config, False, lambda line: None).train
    assert list(found.prompts) == trained
    config.sample.split = Split.held_out
    held_out = plan(config)
    assert len(held_out.prompts) == 4
    assert not set(questions(held_out)) & set(questions(found))
    assert held_out.task.name == "held_out"


def test_the_first_prompts_are_asked_where_there_is_a_number(config: RunConfig) -> None:
    every = questions(plan(config))
    config.sample.prompts = 5
    assert questions(plan(config)) == every[:5]
    config.sample.prompts = 500
    assert questions(plan(config)) == every


def test_the_first_prompts_are_of_each_source(config: RunConfig, tmp_path: Path) -> None:
    other = write(tmp_path / "others.jsonl", [{"question": "say 7", "answer": "7"}])
    config.data.train = f"{config.data.train},{other}"
    config.data.test = write(tmp_path / "test.jsonl", [{"question": "2+9=?", "answer": "11"}])
    config.sample.prompts = 5
    assert [one.row.source for one in plan(config).asked] == ["sums"] * 5 + ["others"]


def test_a_prompt_is_sampled_under_a_number_that_others_have_no_part_in(config: RunConfig) -> None:
    whole = plan(config)
    config.sample.prompts = 5
    few = plan(config)
    numbers = {p.prompt_id: whole.task.group_id(p) for p in whole.prompts}
    assert {p.prompt_id: few.task.group_id(p) for p in few.prompts}.items() <= numbers.items()
    assert len(set(numbers.values())) == 16


def test_rows_that_are_alike_are_asked_once(config: RunConfig, tmp_path: Path) -> None:
    once = questions(plan(config))
    config.data.train = write(tmp_path / "twice.jsonl", sums(20) + sums(3))
    found = plan(config)
    assert questions(found) == once
    assert all(one.row.number <= 20 for one in found.asked)
    assert len({one.row.prompt_id for one in found.asked}) == len(found.asked) == 16
    assert any("rows left out: they ask the same as others" in note for note in found.notes)


def test_the_conversation_is_what_the_policy_hears(config: RunConfig) -> None:
    """The local policy's template leaves the instruction out; a system message of one's own is no
    part of a text."""
    (first, *_) = plan(config).asked
    assert first.messages == [{"role": "user", "content": first.row.messages[0]["content"]}]
    config.data.template = PromptTemplate.plain
    assert plan(config).asked[0].messages is None


def test_rows_are_those_of_a_measured_pass_rate_where_one_is_asked_for(
    config: RunConfig, tmp_path: Path
) -> None:
    asked = plan(config).asked
    rates = [{"prompt_id": one.row.prompt_id, "pass_rate": i / 16} for i, one in enumerate(asked)]
    config.data.rates = write(tmp_path / "rates.jsonl", rates)
    config.data.pass_rate = [0.5, 0.75]
    assert sources(config)[-1] == config.data.rates
    for found in (plan(config), rl_plan.read(config, False, lambda line: None)):
        assert [p.prompt_id for p in found.prompts][:5] == [r["prompt_id"] for r in rates[8:13]]
        assert any("5 of 16 training rows are left: 8 below, 3 above" in n for n in found.notes)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (
            lambda c: vars(c.sample).update(per_source={"sum": 3}),
            ConfigError,
            "did you mean 'sums'",
        ),
        (
            lambda c: (vars(c.sample).update(split=Split.held_out), vars(c.data).update(holdout=0)),
            DataError,
            r"sample\.split=held_out: there are no such rows; .*data\.holdout=0",
        ),
        (
            lambda c: vars(c.verifiers.rewards[0]).update(sources=["others"]),
            ConfigError,
            "no component with a weight grades the source 'sums'",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    config: RunConfig, change: Any, error: type[Exception], said: str
) -> None:
    change(config)
    with pytest.raises(error, match=said):
        plan(config)


def test_what_may_not_repeat_is_said(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    for has_bfloat16 in (True, False):
        monkeypatch.setattr(sample_plan, "cpu_has_bfloat16", lambda has=has_bfloat16: has)
        told = [note for note in plan(config).notes if "in bfloat16 a completion" in note]
        assert len(told) == has_bfloat16
    config.rollout.dtype = Precision.float32
    assert not any("may differ" in note for note in plan(config).notes)
    config.rollout.threads = 2
    assert any("some completions may differ" in note for note in plan(config).notes)


def test_a_manifest_names_the_policy_the_files_of_rows_and_both_files(config: RunConfig) -> None:
    found = plan(config)
    assert found.inputs("model") == {"policy": "model", "rows": config.data.train}
    assert found.outputs(Path("runs/mine")) == {
        "demonstrations": Path("runs/mine/demonstrations.jsonl"),
        "rates": Path("runs/mine/rates.jsonl"),
    }


def test_a_run_that_has_all_completions_and_chooses_anew_needs_no_fleet(
    config: RunConfig, tmp_path: Path
) -> None:
    found = plan(config)
    assert found.needs_fleet(tmp_path)
    parts = [tmp_path / "samples" / "train" / f"part-{first:06d}.parquet" for first in (0, 8)]
    parts[0].parent.mkdir(parents=True)
    for file, prompts in zip(parts, (found.prompts[:8], found.prompts[8:]), strict=True):
        pq.write_table(pa.table({"prompt_id": [prompt.prompt_id for prompt in prompts]}), file)
    # It may have completions without a verdict, which are asked for again.
    assert found.needs_fleet(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    assert not found.needs_fleet(tmp_path)
    parts[0].unlink()
    assert found.needs_fleet(tmp_path)


def served(config: RunConfig, url: str) -> RunConfig:
    config.served.url, config.served.model, config.served.attempts = url, "big", 1
    return config


def test_a_served_model_is_asked_conversations_and_stands_in_the_lineage(config: RunConfig) -> None:
    with serving(lambda request: (200, says("2"))) as server:
        found = plan(served(config, server.url))
    asked = json.loads(found.prompts[0].info)["messages"]
    assert asked[-1]["content"] == found.prompts[0].text.rpartition("\n\n")[2]
    assert found.policy(lambda line: None) == f"{server.url}#big"
    assert found.inputs(f"{server.url}#big")["policy"] == f"{server.url}#big"
    assert artifact(f"{server.url}#big") == Artifact(f"{server.url}#big", "")


def test_a_served_model_that_does_not_answer_is_told_before_anything_starts(
    config: RunConfig,
) -> None:
    with pytest.raises(SamplerError, match=r"served\.url='http://127\.0\.0\.1:9/v1'"):
        plan(served(config, "http://127.0.0.1:9/v1"))
    assert read(config, True, lambda line: None).prompts  # resumed: it may have all it needs


def test_a_served_model_is_not_asked_texts_to_be_continued(config: RunConfig) -> None:
    config.data.template = PromptTemplate.plain
    with pytest.raises(ConfigError, match=r"data\.template=plain.; nearest valid: data\.template"):
        plan(served(config, "http://127.0.0.1:9/v1"))
