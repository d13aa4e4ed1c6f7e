"""An evaluation against a fleet that answers from a list: resuming, voting, reporting."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.config.run import (
    LoopConfig,
    Precision,
    PrefixCache,
    RolloutConfig,
    RunConfig,
    SamplingConfig,
    WeightsConfig,
)
from rlsys.data.templates import Prompt
from rlsys.errors import ConfigError, DataError, VerifierError, WorkerError
from rlsys.evaluation import plan
from rlsys.evaluation.benchmark import Benchmark
from rlsys.evaluation.compare import compare, read_result
from rlsys.evaluation.cut import NO_CUT, Cut
from rlsys.evaluation.plan import (
    EvalTask,
    Setting,
    claim,
    describe,
    problem_of,
    prompt_name,
    sampling_tasks,
    settings,
)
from rlsys.evaluation.repeats import ONE_BY_ONE, caveat
from rlsys.evaluation.report import remarks, summary, write
from rlsys.evaluation.results import COLUMNS, result
from rlsys.evaluation.runner import examine
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.votes import equal_by
from rlsys.loop.fleet import Graded, GroupBatch, Sampled
from rlsys.loop.retries import Retries
from rlsys.thinking.usage import Price
from rlsys.watch.waits import Observer, Waits
from verifiers.base import Status
from verifiers.math.verifier import MathVerifier

SUMS = Benchmark("sums", "", "math", True, 16, ("sums.jsonl",))


def prompts(count: int) -> tuple[Prompt, ...]:
    return tuple(
        Prompt(f"p{i}", "sums", f"{i}+1=?", [1, 2, 3], json.dumps(str(i + 1)), "{}")
        for i in range(count)
    )


class ListedAnswers:
    """Answers i + 1 (right) in the first half of a problem's samples, then 1/2 and 0.5 in turn."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.sampled: list[str] = []
        self.fail_after = fail_after

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        await asyncio.sleep(0)
        if self.fail_after is not None and len(self.sampled) >= self.fail_after:
            raise WorkerError("rollout-0 died")
        rows: list[dict[str, Any]] = []
        for group_id, prompt in zip(batch.group_ids, batch.prompts, strict=True):
            self.sampled.append(prompt.prompt_id)
            for i in range(batch.size):
                right = json.loads(prompt.expected)
                given = right if i < batch.size / 2 else ("1/2" if i % 2 else "0.5")
                rows.append(row(prompt, group_id, i, f"<think>t</think><answer>{given}</answer>"))
        batch = schema.build(
            schema.ROLLOUTS, {name: [r[name] for r in rows] for name in schema.ROLLOUTS.names}
        )
        nothing = np.zeros(len(rows))
        return Sampled(batch, nothing, nothing, nothing, nothing)

    async def grade(self, sampled: Sampled) -> Graded:
        rows = sampled.rollouts.to_pylist()
        right = [f"<answer>{json.loads(r['expected'])}<" in r["text"] for r in rows]
        grades = schema.build(
            schema.GRADES,
            {
                "group_id": [r["group_id"] for r in rows],
                "sample_index": [r["sample_index"] for r in rows],
                "reward": [float(r) for r in right],
                "components": [[] for _ in rows],
                "status": [str(Status.CORRECT if r else Status.WRONG) for r in right],
                "reason": [""] * len(rows),
                "seconds": [0.0] * len(rows),
                "level": [""] * len(rows),
            },
        )
        return Graded(grades, np.array(right, float), np.array(right), {}, [])

    async def fetch(self, ref: pa.RecordBatch) -> pa.RecordBatch:
        return ref


def row(prompt: Prompt, group_id: int, index: int, text: str) -> dict[str, Any]:
    return {
        "prompt_id": prompt.prompt_id,
        "group_id": group_id,
        "sample_index": index,
        "source": prompt.source,
        "prompt_text": prompt.text,
        "expected": prompt.expected,
        "info": prompt.info,
        "difficulty": None,
        "prompt_token_ids": prompt.token_ids,
        "token_ids": [1, 2, 3, 4],
        "rollout_logprobs": [0.0] * 4,
        "kept_token_ids": None,
        "policy_versions": [0] * 4,
        "latent_version": None,
        "forced": [False] * 4,
        "finish_reason": "stop",
        "text": text,
        "reasoning_tokens": 3,
        "answer_tokens": 1,
        "worker": "rollout-0",
        "sampled_s": 0.1,
    }


def run(fleet: ListedAnswers, eval_task: EvalTask, folder: Path) -> list[str]:
    told: list[str] = []
    samples = Samples(folder / "samples")
    retries = Retries(Waits(5.0, Observer()), LoopConfig())
    asyncio.run(
        examine(
            fleet,
            sampling_tasks([eval_task]),
            samples,
            retries,
            8,
            lambda progress: told.append(str(progress)),
        )
    )
    return told


def eval_task(count: int = 5, samples: int = 4) -> EvalTask:
    return EvalTask(SUMS, prompts(count), 2, (Setting(1.0, 16, samples=samples),))


def test_an_evaluation_samples_every_problem_once_and_tells_how_far_it_is(tmp_path: Path) -> None:
    fleet = ListedAnswers()
    told = run(fleet, eval_task(), tmp_path)
    assert sorted(fleet.sampled) == ["p0", "p1", "p2", "p3", "p4"]
    assert told[0] == "0 of 20 completions"
    assert told[-1] == "20 of 20 completions"


def test_a_killed_evaluation_continues_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup):
        run(ListedAnswers(fail_after=3), eval_task(), tmp_path)
    done = Samples(tmp_path / "samples").done("sums/t1")
    assert 0 < len(done) < 5
    (tmp_path / "samples/sums/t1/part-000004.unfinished").write_text("cut off")
    fleet = ListedAnswers()
    run(fleet, eval_task(), tmp_path)
    assert sorted([*done, *fleet.sampled]) == ["p0", "p1", "p2", "p3", "p4"]


def table_of(folder: Path) -> pa.Table:
    table = Samples(folder / "samples").read("sums/t1", COLUMNS)
    assert table is not None
    return table


def test_the_result_holds_pass_and_cons_at_k(tmp_path: Path) -> None:
    run(ListedAnswers(), eval_task(), tmp_path)
    found = result(
        eval_task(), eval_task().settings[0], table_of(tmp_path), equal_by(MathVerifier())
    )
    assert list(found.pass_at) == list(found.cons_at) == [1, 2, 4]
    assert found.pass_at[1].mean == 0.5
    # Pairs of {right, right, 1/2, 0.5}: one in six misses.
    assert found.pass_at[2].mean == pytest.approx(5 / 6)
    # Two right ones against two equal wrong ones: a tie.
    assert found.cons_at[4].mean == 0.5
    assert found.usage.thinking_tokens == 60
    assert found.left_out == 2
    assert len(found.lengths.right) == len(found.lengths.wrong) == 10


def test_answers_without_a_verdict_are_neither_right_nor_wrong(tmp_path: Path) -> None:
    run(ListedAnswers(), eval_task(count=1), tmp_path)
    table = table_of(tmp_path)
    one = table.set_column(
        table.column_names.index("status"),
        "status",
        pa.array(["correct", "infrastructure", "wrong", "wrong"]),
    )
    found = result(eval_task(count=1), eval_task().settings[0], one, None)
    assert found.no_verdict == 1
    assert found.pass_at[1].mean == pytest.approx(1 / 3)
    assert 4 not in found.pass_at
    assert found.cons_at == {}
    (line,) = (line for line in remarks([found]) if "graded" in line)
    assert line == (
        "sums/t1: 1 completions could not be graded and count as neither; Pass@4 is of the 0 of 1 "
        "problems that have 4 graded ones."
    )
    none = table.set_column(
        table.column_names.index("status"), "status", pa.array(["infrastructure"] * 4)
    )
    with pytest.raises(VerifierError, match="no completion got a verdict"):
        result(eval_task(), eval_task().settings[0], none, None)


def test_a_benchmark_has_figures_of_its_own_beside_pass_at_k(tmp_path: Path) -> None:
    read = replace(SUMS, marks={"english": "language", "one_language": "readable.one_language"})
    rewards = {one.name: one.weight for one in read.rewards(tmp_path)}
    assert rewards == {"sums": 1.0, "sums/language": 0.0, "sums/readable": 0.0}
    task = replace(eval_task(count=2, samples=2), benchmark=read)
    run(ListedAnswers(), task, tmp_path)
    table = table_of(tmp_path)
    components = [[("sums/language", share)] for share in (1.0, 0.5, 0.25, 0.25)]
    marked = table.set_column(
        table.column_names.index("components"),
        pa.field("components", table.schema.field("components").type),
        pa.array(components, table.schema.field("components").type),
    )
    found = result(task, task.settings[0], marked, None)
    assert found.marks.keys() == {"english"}  # the other was not marked when these were sampled
    assert found.marks["english"].mean == pytest.approx((0.75 + 0.25) / 2)
    write(tmp_path, "a-model", 100, [found], Price(1.0, 2.0))
    assert "sums/t1: english 0.500 [" in (tmp_path / "results.md").read_text()
    assert result(task, task.settings[0], table, None).marks == {}


def test_a_report_is_tables_and_plots_and_two_of_them_compare(tmp_path: Path) -> None:
    run(ListedAnswers(), eval_task(), tmp_path)
    found = result(
        eval_task(), eval_task().settings[0], table_of(tmp_path), equal_by(MathVerifier())
    )
    write(tmp_path, "a-model", 100, [found], Price(1.0, 2.0))
    text = (tmp_path / "results.md").read_text()
    assert "| sums | t1 | 5 | 4 | 0.500 [" in text
    assert "2 problems do not fit" in text
    assert list(summary([found]).columns[4].cells) == ["1.000"]
    # 60 prompt tokens at $1 and 80 output tokens at $2 per million.
    assert json.loads((tmp_path / "results.json").read_text())["results"][0][
        "cost_usd"
    ] == pytest.approx(220e-6)
    names = sorted(p.name for p in (tmp_path / "plots").iterdir())
    assert names == ["sums-cons_at_k.png", "sums-lengths.png", "sums-pass_at_k.png"]
    (pair,) = compare(read_result(tmp_path), read_result(tmp_path))
    assert (pair.difference.mean, pair.difference.p_value, pair.unpaired) == (0.0, 1.0, 0)


def test_another_plan_in_the_same_folder_is_refused_with_the_difference(tmp_path: Path) -> None:
    assert claim(tmp_path, describe("m", "f", 0, [eval_task()])) is False
    assert claim(tmp_path, describe("m", "f", 0, [eval_task()])) is True
    with pytest.raises(ConfigError, match=r"eval_tasks\.sums/t1\.samples: 4 then, 8"):
        claim(tmp_path, describe("m", "f", 0, [eval_task(samples=8)]))
    with pytest.raises(ConfigError):
        claim(tmp_path, describe("m", "f", 0, [eval_task()], latents=2))


@pytest.mark.parametrize(
    "changed",
    [{"prompt_id": "p9", "expected": '"40"'}, {"token_ids": [1, 2]}, {"info": '{"tests": []}'}],
)
def test_samples_of_other_prompts_answers_or_tests_are_not_continued(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    """What was sampled of three problems would stand beside, or be overwritten by, the new one."""
    run(ListedAnswers(), eval_task(count=3), tmp_path)
    claim(tmp_path, describe("m", "f", 0, [eval_task(count=3)]))
    first, *others = prompts(3)
    mended = replace(eval_task(), prompts=(first, replace(others[0], **changed), others[1]))
    assert not plan.free_folder(tmp_path, describe("m", "f", 0, [mended])).exists()
    with pytest.raises(ConfigError, match=r"eval_tasks\.sums/t1\.content: '\w+' then, '\w+' now"):
        claim(tmp_path, describe("m", "f", 0, [mended]))


def test_other_options_of_the_verifier_are_another_plan(tmp_path: Path) -> None:
    strict = replace(SUMS, options={"tolerance": 0.1, "units": ("m", "cm")})
    asked = replace(eval_task(), benchmark=strict)
    claim(tmp_path, describe("m", "f", 0, [asked]))
    assert claim(tmp_path, describe("m", "f", 0, [asked])) is True
    with pytest.raises(ConfigError, match=r"eval_tasks\.sums/t1\.options"):
        claim(tmp_path, describe("m", "f", 0, [eval_task()]))


def test_the_folder_of_several_policies_names_the_result_of_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").touch()
    with pytest.raises(DataError, match=rf"one for each policy: {tmp_path}/a, {tmp_path}/b$"):
        read_result(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_plan_or_result_is_one_error_with_its_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(ConfigError, match=r"plan\.json is damaged|another plan"):
        claim(tmp_path, describe("m", "f", 0, [eval_task()]))
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(DataError, match=r"results\.json"):
        read_result(tmp_path)


def test_a_folder_that_nobody_named_is_numbered_where_another_plan_lies_there(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "eval-first"
    early, late = (describe("m", digest, 0, [eval_task()]) for digest in ("a", "b"))
    assert plan.free_folder(folder, early) == folder
    claim(folder, early)
    assert plan.free_folder(folder, early) == folder  # continued
    second = plan.free_folder(folder, late)
    assert second == tmp_path / "eval-first-2"
    claim(second, late)
    assert plan.free_folder(folder, late) == second
    (folder / "plan.json").write_text("not JSON")
    assert plan.free_folder(folder, early) == tmp_path / "eval-first-3"


def test_another_seed_is_another_plan(tmp_path: Path) -> None:
    claim(tmp_path, describe("m", "f", 0, [eval_task()]))
    with pytest.raises(ConfigError, match="seed: 0 then, 1 now"):
        claim(tmp_path, describe("m", "f", 1, [eval_task()]))


def test_a_problem_is_sampled_under_the_same_number_whatever_is_sampled_beside_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(ExceptionGroup):
        run(ListedAnswers(fail_after=3), eval_task(), tmp_path / "resumed")
    run(ListedAnswers(), eval_task(), tmp_path / "resumed")
    run(ListedAnswers(), eval_task(count=3), tmp_path / "fewer")
    run(ListedAnswers(), eval_task(), tmp_path / "whole")
    numbers = {}
    for name in ("resumed", "fewer", "whole"):
        table = Samples(tmp_path / name / "samples").read("sums/t1", ["prompt_id", "group_id"])
        assert table is not None
        numbers[name] = {row["prompt_id"]: row["group_id"] for row in table.to_pylist()}
    assert numbers["resumed"] == numbers["whole"]
    assert numbers["fewer"].items() <= numbers["whole"].items()
    assert len(set(numbers["whole"].values())) == 5


def test_each_setting_has_random_numbers_of_its_own() -> None:
    one = eval_task()
    cold, hot = Setting(0.6, 16), Setting(1.0, 16)
    numbers = {one.sampled(setting).group_id(one.prompts[0]) for setting in (cold, hot)}
    assert len(numbers) == 2
    assert all(0 <= number < 2**63 for number in numbers)


@pytest.mark.parametrize(
    ("rollout", "cache", "where"),
    [
        ({}, PrefixCache.by_version, ""),
        ({"gpus": 1.0}, PrefixCache.by_version, "on GPUs"),
        ({"gpus": 1.0, "max_sequences": 1}, PrefixCache.by_version, "on GPUs"),
        ({"gpus": 1.0, "max_sequences": 1}, PrefixCache.off, ""),
        ({"dtype": Precision.bfloat16}, PrefixCache.off, "in bfloat16"),
        ({"threads": 2}, PrefixCache.by_version, "with rollout.threads=2"),
    ],
)
def test_what_may_not_repeat_says_so_first_and_how_it_would(
    tmp_path: Path, rollout: dict[str, Any], cache: PrefixCache, where: str
) -> None:
    shape = RolloutConfig(**{"dtype": Precision.float32} | rollout)
    config = RunConfig(rollout=shape, weights=WeightsConfig(prefix_cache=cache))
    doubt = caveat(config)
    assert where in doubt
    assert bool(doubt) == bool(where) == (ONE_BY_ONE in doubt or "rollout.threads=1" in doubt)
    run(ListedAnswers(), eval_task(), tmp_path)
    found = result(eval_task(), eval_task().settings[0], table_of(tmp_path), None)
    write(tmp_path, "a-model", 100, [found], Price(1.0, 2.0), doubt)
    assert json.loads((tmp_path / "results.json").read_text())["repeats"] == (not where)
    if where:
        assert (tmp_path / "results.md").read_text().splitlines()[2] == doubt + "."


def test_answers_that_are_nearly_all_cut_off_are_remarked_on(tmp_path: Path) -> None:
    run(ListedAnswers(), eval_task(), tmp_path)
    found = result(eval_task(), eval_task().settings[0], table_of(tmp_path), None)
    assert not any("cut off" in line for line in remarks([found]))
    (line,) = (line for line in remarks([replace(found, truncated=0.95)]) if "cut off" in line)
    assert "95% of the completions are cut off at 16 tokens" in line


def test_settings_are_every_temperature_with_every_budget() -> None:
    made = settings([0.0, 0.6], [None, 512], 8, 1024, NO_CUT)
    assert [(s.name, s.samples) for s in made] == [
        ("t0", 1),
        ("t0-b512", 1),
        ("t0.6", 8),
        ("t0.6-b512", 8),
    ]
    cut = Cut(top_k=20, top_p=0.95, min_p=0.05)
    made = settings([0.0, 0.6], [None, 512], 8, 1024, cut)
    assert [s.name for s in made] == [
        "t0",
        "t0-b512",
        "t0.6-k20-p0.95-m0.05",
        "t0.6-k20-p0.95-m0.05-b512",
    ]
    for temperatures, budgets in (([0.6, 0.6], [None]), ([0.6], [8, 8]), ([0.6, 0.60000001], [8])):
        with pytest.raises(ConfigError, match=r"two settings are called t0\.6"):
            settings(temperatures, budgets, 8, 1024, NO_CUT)
    with pytest.raises(ConfigError, match="2048 thinking tokens"):
        settings([1.0], [2048], 1, 1024, NO_CUT)
    with pytest.raises(ConfigError, match=r"-0\.5 must be 0 or more"):
        settings([-0.5], [None], 1, 1024, NO_CUT)


def test_a_cell_is_sampled_with_its_settings_budget_and_stops_only_where_a_text_goes_on() -> None:
    head = Prompt("h", "code", "def f():", [1], "null", json.dumps({"prompt": "def f():"}))
    asked = Prompt("h", "code", "Complete def f():", [1], "null", head.info)
    code = Benchmark("code", "", "code_functions", False, 16, stop=("\ndef",))
    setting = Setting(0.6, 16, 4, 2)
    one = EvalTask(code, (head,), 0, (setting,)).sampled(setting).sampling
    assert one == SamplingConfig(16, 0.6, stop=["\ndef"], max_reasoning_tokens=4)
    cut = replace(setting, cut=Cut(20, 0.95, 0.05))
    sampling = EvalTask(code, (head,), 0, (cut,)).sampled(cut).sampling
    assert sampling == replace(one, top_k=20, top_p=0.95, min_p=0.05)
    other = EvalTask(code, (asked,), 0, (setting,)).sampled(setting).sampling
    assert other.stop == []


def test_a_prompt_that_says_its_budget_is_of_the_same_problem() -> None:
    setting = Setting(1.0, 16, 4)
    assert problem_of(prompt_name("ab12", 4), setting) == problem_of("ab12", setting) == "ab12"
