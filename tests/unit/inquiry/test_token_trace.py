"""What became of a completion, from what a run leaves on the disk."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from rlsys import schema
from rlsys.cli import app
from rlsys.disk import write_table
from rlsys.errors import ConfigError, DataError
from rlsys.inquiry.token_trace import trace
from rlsys.inquiry.trace_text import lines
from rlsys.learning.join import samples_table
from rlsys.roles import ROLLOUT, VERIFIER
from rlsys.schema import TRAINED, Clip
from tests.helpers import batches
from tests.helpers.reported_run import cut_in_half, make_run, metrics, write_samples

SETTINGS = """
verifiers:
  rewards:
  - {name: accuracy, verifier: math, weight: 0.7}
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Group 7 was admitted before step 1 and trained in step 2: two completions, of which the first
    was sampled by versions 0 and 1; the second is masked out."""
    folder = make_run(tmp_path / "runs" / "a", [metrics(1), metrics(2)], settings=SETTINGS)
    group = {ROLLOUT: batches.rollouts(7, [[5, 6, 8], [9]]), VERIFIER: batches.grades(7, [1, None])}
    versions = pa.array([[0, 0, 1], [1]], type=pa.list_(pa.int32()))
    at = schema.ROLLOUTS.names.index("policy_versions")
    group[ROLLOUT] = group[ROLLOUT].set_column(at, "policy_versions", versions)
    made = {
        "log_ratio": [[0.0, np.log(1.5), None], None],
        "clip": [[0, int(Clip.high), None], None],
        "advantages": [None, None],
        "minibatch": [1, None],
        "rank": [0, None],
        "microbatch": [3, None],
    }
    trained = {name: pa.array(made[name], type=kind) for name, kind in TRAINED.items()}
    table = samples_table([group], 2, advantages=np.array([0.5, np.nan]), trained=trained)
    write_table(table, folder / "samples" / "step-000002.parquet")
    ledger = [
        {"step": 1, "admitted": [[7, "p7"], [8, "p8"]], "trained": [], "dropped": []},
        {"step": 2, "admitted": [], "trained": [7], "dropped": [[8, "stale"]]},
    ]
    (folder / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in ledger))
    return folder


def test_each_token_has_its_version_its_ratio_and_its_clip(run: Path) -> None:
    found = trace(run, 2, 7, 0)
    assert [token.version for token in found.tokens] == [0, 0, 1]
    assert [token.clip for token in found.tokens] == [Clip.none, Clip.high, None]
    assert [token.advantage for token in found.tokens] == [0.5, 0.5, None]
    assert found.tokens[1].log_ratio == pytest.approx(np.log(1.5))
    assert list(found.spans()) == [(0, 1, 0), (2, 2, 1)]
    assert (found.admitted, found.rewards, found.is_recorded) == (1, [1.0, None], True)
    (part,) = found.parts
    assert (part.name, part.verifier, part.weight, part.value) == ("accuracy", "math", 0.7, 1.0)


def test_a_part_without_a_name_of_its_own_has_its_verifiers(run: Path) -> None:
    settings = "verifiers: {rewards: [{name: '', verifier: accuracy, weight: 0.7}]}\n"
    (run / "config.yaml").write_text(settings)
    (part,) = trace(run, 2, 7, 0).parts
    assert (part.name, part.verifier, part.weight) == ("accuracy", "accuracy", 0.7)


def test_the_command_tells_it_in_lines(run: Path) -> None:
    asked = ["trace", "a", "2", "7", "0", "--directory", str(run.parent)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    for told in (
        "group 7, before step 1 was done",
        "tokens 0 to 1 by version 0, 2 to 2 by version 1",
        "accuracy 1 by verifier math, weight 0.7",
        "in step 2, which made version 2: minibatch 1, learner-0, microbatch 3; "
        "ratio 1.0000 to 1.5000; clipped: 1 high",
        "    1        0  -0.5000   1.5000  high          +0.5000  id 6",
    ):
        assert told in done.output


def test_the_page_is_opened_at_the_completion(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "trace.html"
    asked = ["trace", "a", "2", "7", "0", "--directory", str(run.parent), "--out", str(file)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    found = re.search(r'id="data">(.*?)</script>', file.read_text())
    assert found is not None
    data = json.loads(found[1])
    assert data["open"] == {"run": "a", "step": 2, "group": 7, "sample": 0}
    (shown,) = data["runs"]
    assert "minibatch 1, learner-0, microbatch 3" in shown["verdict"]["lines"][-1]
    assert shown["samples"]["index"]["size"] == [2]


def test_a_completion_without_a_verdict_took_no_part(run: Path) -> None:
    told = "\n".join(lines(trace(run, 2, 7, 1), {}))
    assert "but without this completion: it is masked out of the loss" in told
    assert "advantage  none" in told


def test_what_was_not_recorded_is_said(run: Path) -> None:
    path = run / "samples" / "step-000002.parquet"
    old = pq.read_table(path).drop_columns([*TRAINED, "level"])
    write_table(old, path)
    told = "\n".join(lines(trace(run, 2, 7, 0), {}))
    assert "not recorded: the run's version kept no ratios" in told
    assert "isolation not recorded" in told


def test_held_out_and_dropped_completions_are_found_too(run: Path) -> None:
    write_samples(run, 3, groups=1, heldout=True)
    write_samples(run, 4, groups=1, dropped="stale")
    assert "held-out check of step 3" in "\n".join(lines(trace(run, 3, 300, 0), {}))
    (run / "samples/dropped/step-000004.parquet").rename(
        run / "samples/dropped/step-000004-400.parquet"
    )
    assert "dropped before step 4, 'stale'" in "\n".join(lines(trace(run, 4, 400, 1), {}))


def test_texts_that_a_terminal_obeys_stand_as_python_writes_them(run: Path) -> None:
    write_samples(run, 5, groups=1, reason="\x1b[2J", source="\x1b]0;x\x07")
    told = "\n".join(lines(trace(run, 5, 500, 0), {5: "\x1b[31m"}))
    assert "\x1b" not in told
    assert "'\\x1b[31m'" in told


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((9, 7, 0), "STEP 9: .* nearest valid: 2"),
        ((2, 8, 0), "GROUP 8: it was dropped: stale; nearest valid of step 2: 7"),
        ((2, 99, 0), "GROUP 99: step 2 has no such group; nearest valid of step 2: 7"),
        ((2, 7, 5), "SAMPLE 5: group 7 of step 2 has the samples 0 to 1; nearest valid: 1"),
    ],
)
def test_a_place_that_is_not_there_is_an_error_with_the_nearest(
    run: Path, place: tuple[int, int, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        trace(run, *place)


def test_samples_that_a_copy_cut_off_are_an_error_that_names_them(run: Path) -> None:
    cut_in_half(run / "samples" / "step-000002.parquet")
    with pytest.raises(DataError, match=r"step-000002\.parquet cannot be read"):
        trace(run, 2, 7, 0)
