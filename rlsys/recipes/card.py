"""The card of a policy, README.md in the hub's format: base, data, stages, figures, limits.

Everything in it is read from manifests: what is not there is said not to be known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rlsys.disk import replace_text
from rlsys.lineage.digests import is_hub_id
from rlsys.lineage.kinds import DISTILL, EVALUATE, RL, word_of
from rlsys.lineage.manifest import Figure, Manifest
from rlsys.lineage.trace import Step, lineage, lines
from rlsys.recipes.folder import RecipeFolder
from rlsys.recipes.gates import shown
from rlsys.recipes.recipe import Recipe

FILE = "README.md"
_TAGS = {RL: "reinforcement-learning", DISTILL: "distillation"}
_MEASURED = ("pass_at", "cons_at", "heldout_loss", "mean_tokens", "truncated", "gain", "problems")


def write_cards(recipe: Recipe, folder: RecipeFolder) -> None:
    """Into every policy that a recipe has made."""
    made = {stage.name: folder.manifest(stage.name) for stage in recipe.stages}
    tables = [(name, one) for name, one in made.items() if one and one.kind == EVALUATE]
    for one in made.values():
        policy = one.outputs.get("policy") if one else None
        if policy:
            own = [(n, part) for n, table in tables for part in _parts(table, policy.digest)]
            write_card(Path(policy.path), recipe.name, own)


def write_card(
    policy: Path, made_by: str = "", tables: Sequence[tuple[str, Manifest]] = ()
) -> None:
    """Into a policy's folder.

    Args:
        made_by: name of the recipe; empty: a stage by itself.
        tables: evaluations of this very policy, by the names of their stages.
    Raises:
        LineageError: no manifest says what made the policy.
    """
    way = lineage(policy)
    stages = _stages(way)
    title = "-".join(part for part in (made_by, Path(way.folder).name) if part)
    parts = [
        _front_matter(way, stages, title, tables),
        f"# {title}\n",
        _origin(way, made_by),
        _stage_table(stages),
        _data(way),
        _figures(stages[-1], tables),
        _limits(stages, tables),
    ]
    replace_text(policy / FILE, "\n".join(parts))


def _parts(table: Manifest, digest: str) -> Iterator[Manifest]:
    """What an evaluation says of a policy, as if it had evaluated no other."""
    for name, one in table.inputs.items():
        if word_of(name) != "policy" or one.digest != digest:
            continue
        before = "" if name == "policy" else f"{name}/"
        of_it = {k: figure for k, figure in table.figures.items() if k.startswith(before)}
        yield replace(table, figures={k.removeprefix(before): f for k, f in of_it.items()})


def _stages(way: Step) -> list[Step]:
    """What was made on the way, the first stage first, each once."""
    found = {step.digest: step for _, step in lines(way) if step.made_by}
    return list(reversed(found.values()))


def _bases(way: Step) -> list[str]:
    """Where the policies came from that no stage made; the teacher's last."""
    steps = sorted((s for s in _outside(way) if _is_model(s)), key=lambda step: step.name)
    return list(dict.fromkeys(step.path for step in steps))


def _outside_data(way: Step) -> list[Step]:
    """Data that no stage made, each once."""
    found = {step.digest or step.path: step for step in _outside(way) if not _is_model(step)}
    return list(found.values())


def _outside(way: Step) -> list[Step]:
    return [step for _, step in lines(way) if not step.made_by]


def _is_model(step: Step) -> bool:
    return word_of(step.name) in ("policy", "reward_model")


def _called(step: Step) -> str:
    """The stage that made it, else its id on the hub or its file."""
    if step.folder:
        return Path(step.folder).name
    return step.path if is_hub_id(step.path) else Path(step.path).name


def _front_matter(
    way: Step, stages: Sequence[Step], title: str, tables: Sequence[tuple[str, Manifest]]
) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    data = [step.path.partition(":")[0] for step in _outside_data(way) if is_hub_id(step.path)]
    results = []
    for name, table in tables:
        on = ", ".join(table.config["benchmarks"]["names"])
        results += [
            EvalResult("text-generation", on, on, key, figure["mean"])
            for _, key, figure in _measured([(name, table)])
            if isinstance(figure, dict)
        ]
    kinds = dict.fromkeys(step.made_by.kind for step in stages if step.made_by)
    card = ModelCardData(
        base_model=[path for path in _bases(way) if is_hub_id(path)] or None,
        datasets=data or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["rlsys", *(_TAGS.get(kind, kind) for kind in kinds)],
        model_name=title if results else None,
        eval_results=results or None,
    )
    return f"---\n{card.to_yaml()}\n---\n"


def _origin(way: Step, made_by: str) -> str:
    bases = ", ".join(path if is_hub_id(path) else f"`{Path(path).name}`" for path in _bases(way))
    recipe = f"the recipe `{made_by}` of " if made_by else ""
    assert way.made_by is not None
    versions = way.made_by.versions
    commit = f" at commit `{versions['commit'][:12]}`" if versions.get("commit") else ""
    return (
        f"Made by {recipe}rlsys {versions['rlsys']}{commit}, from "
        f"{bases or 'an unknown base'}. The digest of its files is `{way.digest}`.\n"
    )


def _stage_table(stages: Sequence[Step]) -> str:
    rows = ["## Stages\n", "| stage | kind | takes | steps | minutes |", "|---|---|---|---|---|"]
    for step in stages:
        made = step.made_by
        assert made is not None
        takes = ", ".join(f"{one.name}: {_called(one)}" for one in step.inputs)
        steps, seconds = made.figures.get("steps", "-"), made.figures.get("wall_s")
        minutes = f"{seconds / 60:.1f}" if isinstance(seconds, float) else "-"
        rows.append(f"| {Path(step.folder).name} | {made.kind} | {takes} | {steps} | {minutes} |")
    return "\n".join(rows) + "\n"


def _data(way: Step) -> str:
    steps = _outside_data(way)
    if not steps:
        return "## Data\n\nGenerated by rlsys, from its settings and seed.\n"
    rows = [f"| {step.name} | {_called(step)} | `{step.digest}` |" for step in steps]
    return "\n".join(["## Data\n", "| input | what | digest |", "|---|---|---|", *rows]) + "\n"


def _measured(tables: Sequence[tuple[str, Manifest]]) -> Iterator[tuple[str, str, Figure]]:
    """Evaluation, figure's name, figure."""
    for name, table in tables:
        for key, figure in table.figures.items():
            if key.rpartition("/")[2].startswith(_MEASURED):
                yield name, key, figure


def _figures(last: Step, tables: Sequence[tuple[str, Manifest]]) -> str:
    assert last.made_by is not None
    own = [(f"held out in {Path(last.folder).name}", last.made_by)]
    rows = [f"| {name} | {key} | {shown(one)} |" for name, key, one in _measured([*own, *tables])]
    head = ["## Figures\n", "Means with their 95 % intervals, where there is one.\n"]
    return "\n".join([*head, "| measured | figure | value |", "|---|---|---|", *rows]) + "\n"


def _limits(stages: Sequence[Step], tables: Sequence[tuple[str, Manifest]]) -> str:
    """What the figures do not say."""
    said = [
        "Nothing beside the figures above was measured: no other task, no other language, no "
        "safety.",
        "It has the licence and the limits of its base.",
    ]
    if not tables:
        said.append("No evaluation stage measured it; the figures are those of its own training.")
    last = stages[-1].made_by
    assert last is not None
    length = last.config["model"]["max_context"]
    said.append(f"It was trained on texts of at most {length:,} tokens, prompts included.")
    unclean = [s for s in stages if s.made_by and s.made_by.versions.get("clean") is False]
    if unclean:
        names = ", ".join(Path(step.folder).name for step in unclean)
        said.append(f"The code had uncommitted changes when these stages ran: {names}.")
    return "\n".join(["## Limits\n", *(f"- {line}" for line in said)]) + "\n"
