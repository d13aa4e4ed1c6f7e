"""Merging folders of two tiny models: what comes out."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from rlsys.algorithms import merging
from rlsys.cli import app
from rlsys.config.load import CONFIGS, load
from rlsys.config.model_names import find_model
from rlsys.errors import ConfigError, ResumeError
from rlsys.lineage.digests import digest_of
from rlsys.lineage.manifest import read_manifest
from rlsys.observe.merge_summary import MergeSummary
from rlsys.observe.runs import State, read_run, runs_in
from rlsys.run.folder import held
from rlsys.stages import merge, merge_plan

NORM = "model.norm.weight"


def weights(folder: Path | str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in Path(folder).glob("*.safetensors"):
        found |= load_file(file)
    return found


def test_every_tensor_is_merged_in_float32_and_saved_as_the_first_policys(
    made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("a", "b", weights=[0.25, 0.75])
    a, b, found = weights(made / "a"), weights(made / "b"), weights(summary.policy)
    assert found.keys() == a.keys()
    for name, tensor in found.items():
        expected = (0.25 * a[name].float() + 0.75 * b[name].float()).to(torch.bfloat16)
        assert tensor.dtype == torch.bfloat16
        assert torch.equal(tensor, expected), name
    assert summary.steps == summary.planned_steps == len(a)
    assert summary.parameters == sum(tensor.numel() for tensor in a.values())


@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare_linear", "dare_ties"])
def test_methods_with_a_base_are_those_of_the_functions(
    made: Path, merged: Callable[..., MergeSummary], method: str
) -> None:
    thinned = {} if method == "task_arithmetic" else {"density": 0.3}
    summary = merged("a", "b", method=method, base=made / "base", scale=0.5, seed=7, **thinned)
    base, a, b = (weights(made / name)[NORM].float() for name in ("base", "a", "b"))
    arguments: list[Any] = [base, [a, b], [0.5, 0.5], 0.5]
    if method != "task_arithmetic":
        arguments.append(0.3)
    if method.startswith("dare"):
        arguments.append([merge.generator_of(7, i, NORM) for i in range(2)])
    expected = getattr(merging, method)(*arguments).to(torch.bfloat16)
    assert torch.equal(weights(summary.policy)[NORM], expected)


def test_slerp_goes_from_the_first_by_the_share_of_the_second(
    made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("a", "b", method="slerp", weights=[0.9, 0.1])
    a, b = (weights(made / name)[NORM].float() for name in ("a", "b"))
    expected = merging.slerp(a, b, 0.1).to(torch.bfloat16)
    assert torch.equal(weights(summary.policy)[NORM], expected)


def test_what_comes_out_is_a_model_with_its_tokenizer(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("a", "b")
    assert find_model(str(tmp_path / "runs" / "m"), "model", "runs") == summary.policy
    model = AutoModelForCausalLM.from_pretrained(summary.policy)
    assert torch.equal(model.model.norm.weight.to(torch.bfloat16), weights(summary.policy)[NORM])
    own, first = (
        {f.name for f in Path(folder).iterdir()} for folder in (summary.policy, made / "a")
    )
    assert own == first | {"manifest.json"}
    for name in sorted(first - {"model.safetensors"}):
        assert (Path(summary.policy) / name).read_bytes() == (made / "a" / name).read_bytes()


def test_several_files_of_weights_stay_several_with_an_index_that_is_true(
    made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("sharded", "b")
    folder = Path(summary.policy)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 2
    for name, file in index["weight_map"].items():
        with safe_open(folder / file, framework="pt") as opened:
            assert name in opened.keys()  # noqa: SIM118  it is no mapping
    a, b = weights(made / "a"), weights(made / "b")
    half = {name: (a[name].float() / 2 + b[name].float() / 2).to(torch.bfloat16) for name in a}
    found = weights(folder)
    assert all(torch.equal(found[name], tensor) for name, tensor in half.items())
    AutoModelForCausalLM.from_pretrained(folder)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    def digest(seed: int) -> str:
        summary = merged("a", "b", method="dare_linear", base=made / "base", density=0.2, seed=seed)
        content = (Path(summary.policy) / "model.safetensors").read_bytes()
        shutil.rmtree(tmp_path / "runs" / "m")
        return hashlib.sha256(content).hexdigest()

    assert digest(0) == digest(0) != digest(1)


def test_no_more_than_one_tensor_of_each_policy_is_held(
    made: Path, merged: Callable[..., MergeSummary], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read once, that of the one policy right behind that of the other."""
    read = merge_plan.TensorFiles.read
    names: list[str] = []

    def noted(self: Any, name: str) -> torch.Tensor:
        names.append(name)
        return read(self, name)

    monkeypatch.setattr(merge_plan.TensorFiles, "read", noted)
    merged("a", "b")
    assert names[::2] == names[1::2]
    assert len(set(names)) == len(names) // 2


def test_whole_numbers_are_the_first_policys(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    for number, name in enumerate(("a", "b")):
        shutil.copytree(made / name, tmp_path / name)
        file = tmp_path / name / "model.safetensors"
        save_file(load_file(file) | {"steps": torch.tensor([number, 7])}, file)
    summary = merged("a", "b", folder=tmp_path)
    assert summary.copied == ["steps"]
    assert weights(summary.policy)["steps"].tolist() == [0, 7]


def test_the_summary_says_how_far_each_input_is_from_the_result(
    made: Path, merged: Callable[..., MergeSummary], tmp_path: Path
) -> None:
    summary = merged("a", "b", method="ties", base=made / "base")
    assert list(summary.distances) == list(summary.inputs) == ["policy_1", "policy_2", "base"]
    found, b = weights(summary.policy), weights(made / "b")
    apart = sum(float((found[n].float() - b[n].float()).square().sum()) for n in b)
    norm = sum(float(b[n].float().square().sum()) for n in b)
    assert summary.distances["policy_2"] == pytest.approx((apart / norm) ** 0.5, rel=1e-5)
    written = json.loads((tmp_path / "runs" / "m" / "summary.json").read_text())
    assert written["distances"] == summary.distances


def test_a_merge_says_how_many_tensors_are_done_and_how_long_the_others_take(
    tmp_path: Path, made: Path
) -> None:
    told = [f"run.directory={tmp_path}", f"merge.policies=[{made / 'a'},{made / 'b'}]"]
    config = load(CONFIGS / "base.yaml", ["run.stage=merge", *told])
    said: list[str] = []
    plan = merge_plan.read(config, said.append)
    merge.run(config, tmp_path / "m", plan, 0.0, said.append)
    lines = [line for line in said if line.startswith("merging: ")]
    assert lines[0] == f"merging: 0 of {plan.tensors} tensors"
    last = rf"merging: {plan.tensors - 1} of {plan.tensors} tensors, about \d+ s left"
    assert re.fullmatch(last, lines[-1])
    assert len(lines) == plan.tensors


def test_a_copy_of_the_first_policy_is_told(
    made: Path, merged: Callable[..., MergeSummary]
) -> None:
    (note,) = merged("a", "sharded").notes
    assert note.endswith(f"its weights are those of merge.policies[0]={str(made / 'a')!r}")


def test_a_policy_whose_weights_are_no_numbers_is_named_with_its_tensor(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    shutil.copytree(made / "a", tmp_path / "a")
    shutil.copytree(made / "b", tmp_path / "broken")
    tensors = weights(tmp_path / "broken")
    tensors[NORM][0] = float("nan")
    save_file(tensors, tmp_path / "broken" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match=f"broken': its tensor {NORM} holds values") as refused:
        merged("a", "broken", folder=tmp_path)
    assert "no finite numbers" in " ".join(str(refused.value).split())
    assert not (tmp_path / "runs" / "m" / "policy").exists()


def test_a_base_whose_weights_are_no_numbers_is_named_with_its_tensor(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    """Whatever is added to it would be no number, either."""
    base = shutil.copytree(made / "base", tmp_path / "broken")
    tensors = weights(base)
    tensors[NORM][0] = float("inf")
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match=f"merge.base=.*broken'.*tensor {NORM} holds values"):
        merged("a", "b", method="task_arithmetic", base=base)


def test_a_merge_that_dies_leaves_nothing_that_looks_whole_and_the_next_one_makes_it_anew(
    tmp_path: Path, merged: Callable[..., MergeSummary], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = merge.Merger.merged

    def dies(self: Any, name: str) -> torch.Tensor:
        if self.tensors == 3:
            raise ValueError("no such number")
        return whole(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(merge.Merger, "merged", dies)
        with pytest.raises(ValueError, match="no such number"):
            merged("a", "b")
    folder = tmp_path / "runs" / "m"
    there = {path.name for path in folder.iterdir()}
    assert there == {"config.yaml", "lock", "failure.json", ".policy.unfinished"}
    assert read_run(folder).state is State.FAILED
    (folder / ".policy.unfinished" / "left").touch()
    done = CliRunner().invoke(app, ["merge", "--resume", str(folder)])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("loading the libraries"), done.output
    written = {path.name for path in folder.iterdir()}
    assert written == {"config.yaml", "lock", "policy", "summary.json", "manifest.json"}
    assert not (folder / "policy" / "left").exists()
    again = CliRunner().invoke(app, ["merge", "--resume", str(folder)])
    assert isinstance(again.exception, ResumeError)
    assert "is done" in str(again.exception)


def test_a_merge_killed_before_its_manifest_ends_with_the_same_bytes(
    tmp_path: Path, merged: Callable[..., MergeSummary]
) -> None:
    folder = Path(merged("a", "b").policy).parent
    before = digest_of(folder / "policy")
    (folder / "manifest.json").unlink()
    merged("a", "b")
    assert read_manifest(folder).outputs["policy"].digest == before


def test_the_manifest_names_every_policy_and_the_base_with_their_digests(
    made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("a", "b", method="ties", base=made / "base")
    manifest = read_manifest(Path(summary.policy))
    assert manifest.kind == "merge"
    assert {name: one.digest for name, one in manifest.inputs.items()} == {
        "policy_1": digest_of(made / "a"),
        "policy_2": digest_of(made / "b"),
        "base": digest_of(made / "base"),
    }
    assert manifest.outputs["policy"].producer == str(Path(summary.policy).parent)
    assert manifest.figures["distance_base"] == summary.distances["base"]


def test_where_the_policies_stand_does_not_change_what_the_manifest_says_of_the_settings(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    first = read_manifest(Path(merged("a", "b").policy))
    shutil.rmtree(tmp_path / "runs")
    for name in ("a", "b"):
        shutil.copytree(made / name, tmp_path / name)
    assert read_manifest(Path(merged("a", "b", folder=tmp_path).policy)).config_digest == (
        first.config_digest
    )


def test_a_merge_of_the_same_name_that_goes_on_is_left_alone(
    tmp_path: Path, merged: Callable[..., MergeSummary]
) -> None:
    building = tmp_path / "runs" / "m" / ".policy.unfinished"
    building.mkdir(parents=True)
    (building / "theirs").touch()
    with held(building.parent), pytest.raises(ResumeError, match="is still running"):
        merged("a", "b")
    assert (building / "theirs").exists()


def test_a_merge_is_a_run_among_others_and_has_a_report(
    tmp_path: Path, made: Path, merged: Callable[..., MergeSummary]
) -> None:
    summary = merged("a", "b")
    (run,) = runs_in(tmp_path / "runs")
    assert (run.folder.name, run.state, run.remark) == ("m", State.FINISHED, "")
    assert run.step == run.steps == summary.steps
    assert run.pass_at_1 is None
    listed = CliRunner().invoke(app, ["runs", str(tmp_path / "runs")])
    assert f"{run.steps}/{run.steps}" in listed.output
    out = tmp_path / "report.html"
    told = ["report", str(tmp_path / "runs" / "m"), "--out", str(out)]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 0, done.output
    page = out.read_text()
    assert "a merge asks nothing" in page
    assert f"policy_2: the result is {summary.distances['policy_2']:.3%} of its norm away" in page


def test_the_advice_to_whoever_changes_a_merge_is_to_begin_a_new_one(
    tmp_path: Path, merged: Callable[..., MergeSummary]
) -> None:
    merged("a", "b")
    told = ["merge", "--resume", str(tmp_path / "runs" / "m"), "merge.weights=[0.9,0.1]"]
    error = str(CliRunner().invoke(app, told).exception)
    assert "leave it, or start a new run. A resumed run may change" in error
    assert "new run from" not in error


def test_settings_of_another_stage_name_no_config_where_there_is_none() -> None:
    error = str(CliRunner().invoke(app, ["merge", "run.stage=sft"]).exception)
    assert error == "run.stage=sft is what `rlsys sft` does; nearest valid: rlsys sft"


def test_the_command_makes_a_model_and_numbers_the_next_one(tmp_path: Path, made: Path) -> None:
    told = [f"run.directory={tmp_path}", f"merge.policies=[{made / 'a'},{made / 'b'}]"]
    for name in ("merge", "merge-2"):
        done = CliRunner().invoke(app, ["merge", *told])
        assert done.exit_code == 0, done.output
        assert f"policy: {tmp_path / name / 'policy'}" in done.output.replace("\n", "")
        assert find_model(name, "model", str(tmp_path)) == str(tmp_path / name / "policy")


def test_another_command_refuses_the_config_of_a_merge(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("run: {stage: merge}\nmerge: {policies: [a, b]}\n")
    done = CliRunner().invoke(app, ["train", "--config", str(file), f"run.directory={tmp_path}"])
    assert "run.stage=merge is what `rlsys merge` does" in str(done.exception)
