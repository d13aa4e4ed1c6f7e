"""`rlsys sample` on real parts: killed, resumed and sampled in other batches, it leaves the bytes
of a run left alone."""

import time

import pytest

from rlsys.evaluation.samples import Samples
from rlsys.lineage.manifest import read_manifest
from tests.helpers.repeatable import start
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]

FILES = ("demonstrations.jsonl", "rates.jsonl")
PROMPTS = 60
# A policy this young is hardly ever right.
SETTINGS = (f"sample.prompts={PROMPTS}", "sample.n=4", "sample.right=false", "sample.per_prompt=2")


def test_a_killed_run_in_other_batches_leaves_the_bytes_of_one_left_alone(
    workplace: Workplace,
) -> None:
    sample = ("sample", "--config", str(workplace.config), *SETTINGS)
    done = workplace.run(*sample, "run.name=whole", timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = workplace.folder / "runs"

    cut = runs / "cut-sample"
    log = workplace.folder / "cut-sample.log"
    driver = start([*sample, "run.name=cut-sample", "rollout.max_sequences=3"], log)
    deadline = time.monotonic() + 600
    while len(Samples(cut / "samples").parts("train")) < 5:
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    there = len(Samples(cut / "samples").done("train"))
    assert 5 <= there < PROMPTS
    assert not (cut / FILES[0]).exists()
    done = workplace.run("train", "--resume", str(cut))
    assert done.returncode == 2
    assert "nearest valid: rlsys sample --resume" in done.stderr
    more = "rollout.max_sequences=50"
    done = workplace.run("sample", "--resume", str(cut), more, timeout_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for file in FILES:
        assert (cut / file).read_bytes() == (runs / "whole" / file).read_bytes()
    made = [read_manifest(runs / name).outputs for name in ("whole", "cut-sample")]
    whole_digests, cut_digests = ({k: one.digest for k, one in of.items()} for of in made)
    assert whole_digests == cut_digests
    beside = read_manifest(cut / FILES[0])
    assert set(beside.inputs) == {"policy"}
    assert beside.outputs["demonstrations"].producer == str(cut)
    summary = workplace.summary("cut-sample")
    assert summary["kept"] + sum(summary["thrown_away"].values()) == 4 * PROMPTS

    done = workplace.run("sample", "--resume", str(cut), "sample.per_prompt=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "choosing among them anew" in done.stdout
    assert "starting Ray" not in done.stdout
    summary = workplace.summary("cut-sample")
    assert summary["kept"] == summary["kept_prompts"]

    done = workplace.run("sample", "--resume", str(cut), "sample.tokens=[1000,1001]")
    assert done.returncode == 2
    assert "sampling.max_tokens=64" in done.stderr
