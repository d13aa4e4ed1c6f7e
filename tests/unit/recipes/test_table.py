"""What came out of a recipe, from the manifests in its folder."""

import json
from dataclasses import asdict
from pathlib import Path

from rlsys.lineage.manifest import Artifact, Manifest, Verdict
from rlsys.recipes import table
from rlsys.recipes.folder import NOBODY, Begun, RecipeFolder


def made(folder: RecipeFolder, name: str, kind: str, ended: str, **more: object) -> None:
    """A stage that came to its end."""
    folder.stage(name).mkdir()
    manifest = Manifest(
        kind=kind,
        config={},
        config_digest="",
        versions={},
        inputs={"policy": Artifact("/x/base", "d", None)},
        outputs={},
        figures=more.get("figures", {}),  # type: ignore[arg-type]
        started="2026-01-01T00:00:00Z",
        ended=ended,
        machine={},
        gate=more.get("gate", []),  # type: ignore[arg-type]
    )
    (folder.stage(name) / "manifest.json").write_text(json.dumps(asdict(manifest)))
    folder.note(name, Begun({}, {}, NOBODY, 0))


def test_a_row_has_the_stages_figures_its_gate_and_its_minutes(tmp_path: Path) -> None:
    folder = RecipeFolder(tmp_path)
    (tmp_path / "asked").mkdir()
    rate = {"mean": 0.5, "low": 0.4, "high": 0.6}
    missed = [Verdict("a/pass_at_1.low > 0.5", False, rate)]
    made(
        folder,
        "b",
        "evaluate",
        "2026-01-01T00:30:00Z",
        gate=missed,
        figures={
            "a/pass_at_1": rate,
            "a/pass_at_2": rate,
        },
    )
    made(folder, "c", "rl", "2026-01-01T00:01:30Z", figures={"steps": 40.0})
    folder.note("a", Begun({}, {}, NOBODY, 1))
    assert table.rows(folder) == [
        ["c", "rl", "done", "policy: base", "steps 40", "", "1.5"],
        [
            "b",
            "evaluate",
            "gate failed",
            "policy: base",
            "a/pass_at_1 0.500 [0.400, 0.600]",
            "a/pass_at_1.low > 0.5: 0.500 [0.400, 0.600]",
            "30.0",
        ],
        ["a", "", "failed", "", "", "", ""],
    ]


def test_stages_that_train_are_runs(tmp_path: Path) -> None:
    folder = RecipeFolder(tmp_path)
    (tmp_path / "asked").mkdir()
    made(folder, "evaluated", "evaluate", "2026-01-01T00:30:00Z")
    made(folder, "trained", "rl", "2026-01-01T00:30:00Z")
    for name in ("lock", "metrics.jsonl"):
        (folder.stage("trained") / name).write_text("")
    assert table.runs_of(folder) == [folder.stage("trained")]
