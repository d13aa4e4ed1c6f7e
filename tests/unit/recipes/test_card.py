"""A policy's card says its base, data, stages, figures and limits, all of it from manifests."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rlsys.config.run import RunConfig
from rlsys.lineage.digests import digest_of
from rlsys.lineage.manifest import Artifact, Figure, read_manifest, write_manifest
from rlsys.recipes.card import write_card, write_cards
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.read import read_recipe

BASE = Artifact("Qwen/Qwen2.5-0.5B", "commit:0123")
CHAINS = Artifact("open-r1/chains:train", "commit:4567")
HALF: Figure = {"mean": 0.5, "low": 0.4, "high": 0.6}


def made(folder: Path, kind: str, figures: dict[str, Figure], **inputs: Path | Artifact) -> Path:
    """A policy that a stage has left."""
    policy = folder / "policy"
    policy.mkdir(parents=True)
    (policy / "config.json").write_text(f'"{kind}"')
    write_manifest(folder, kind, RunConfig(), inputs, {"policy": policy}, figures, time.monotonic())
    return policy


@pytest.fixture
def reinforced(folder: RecipeFolder, workplace: Path) -> Path:
    """Taught from the hub's chains, then reinforced on rows of here."""
    figures: dict[str, Figure] = {"steps": 8, "wall_s": 90.0}
    taught = made(folder.stage("sft1"), "sft", figures, policy=BASE, demonstrations=CHAINS)
    rows = workplace / "reasoning.jsonl"
    return made(folder.stage("rl_a"), "rl", {"pass_at_1": HALF}, policy=taught, rows=rows)


def test_the_front_matter_is_the_hubs(reinforced: Path) -> None:
    write_card(reinforced, "r1-tiny")
    _, head, body = (reinforced / "README.md").read_text().split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["base_model"] == ["Qwen/Qwen2.5-0.5B"]
    assert front["datasets"] == ["open-r1/chains"]
    assert front["tags"] == ["rlsys", "sft", "reinforcement-learning"]
    assert front["library_name"] == "transformers"
    assert body.lstrip().startswith("# r1-tiny-rl_a\n")


def test_stages_data_and_figures_are_those_of_the_manifests(reinforced: Path) -> None:
    write_card(reinforced, "r1-tiny")
    card = (reinforced / "README.md").read_text()
    assert (
        "| sft1 | sft | demonstrations: open-r1/chains:train, policy: Qwen/Qwen2.5-0.5B |" in card
    )
    assert "| 8 | 1.5 |" in card
    assert "| rl_a | rl | policy: sft1, rows: reasoning.jsonl |" in card
    assert f"| rows | reasoning.jsonl | `{digest_of('reasoning.jsonl')}` |" in card
    assert "| held out in rl_a | pass_at_1 | 0.500 [0.400, 0.600] |" in card
    assert "No evaluation stage measured it" in card
    assert str(reinforced.parent.parent) not in card  # no path of this machine


def test_a_card_does_not_change_the_policy(reinforced: Path) -> None:
    before = digest_of(reinforced)
    write_card(reinforced)
    assert digest_of(reinforced) == before


def test_an_evaluation_stands_in_the_card_of_the_policy_that_it_measured(
    folder: RecipeFolder, reinforced: Path, write: Callable[[dict], Path], content: dict
) -> None:
    table = folder.stage("table_a")
    table.mkdir()
    (table / "results.json").write_text("{}")
    inputs, outputs = {"policy": reinforced}, {"table": table / "results.json"}
    figures: dict[str, Figure] = {"pass_at_16": HALF, "problems": 64}
    write_manifest(table, "evaluate", RunConfig(), inputs, outputs, figures, time.monotonic())
    write_cards(read_recipe(write(content)), folder)
    card = (reinforced / "README.md").read_text()
    assert "| table_a | pass_at_16 | 0.500 [0.400, 0.600] |" in card
    results = yaml.safe_load(card.split("---\n")[1])["model-index"][0]["results"]
    assert results[0]["dataset"]["name"] == "arithmetic"
    assert results[0]["metrics"][0]["value"] == 0.5
    assert "| table_a | problems | 64 |" in card
    assert "No evaluation stage" not in card
    taught = Path(read_manifest(folder.stage("sft1")).outputs["policy"].path)
    assert "table_a" not in (taught / "README.md").read_text()


def test_of_an_evaluation_of_several_a_card_has_the_part_of_its_own_policy(
    folder: RecipeFolder, reinforced: Path, write: Callable[[dict], Path], content: dict
) -> None:
    taught = Path(read_manifest(folder.stage("sft1")).outputs["policy"].path)
    table = folder.stage("table_a")
    table.mkdir()
    outputs = {"table_1": table / "1.json", "table_2": table / "2.json"}
    for file in outputs.values():
        file.write_text("{}")
    inputs = {"policy_1": taught, "policy_2": reinforced}
    figures: dict[str, Figure] = {"policy_1/pass_at_1": 0.25, "policy_2/pass_at_1": 0.75}
    write_manifest(table, "evaluate", RunConfig(), inputs, outputs, figures, time.monotonic())
    write_cards(read_recipe(write(content)), folder)
    for policy, own, others in ((taught, "0.25", "0.75"), (reinforced, "0.75", "0.25")):
        card = (policy / "README.md").read_text()
        assert f"| table_a | pass_at_1 | {own} |" in card
        assert others not in card
