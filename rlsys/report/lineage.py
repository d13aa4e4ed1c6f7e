"""What made a run's policy, as a graph: things, and what was made of them."""

from pathlib import Path
from typing import Any

from rlsys.errors import LineageError
from rlsys.lineage.trace import Step, lineage


def lineage_of(folder: Path) -> list[dict[str, Any]]:
    """The graph's nodes, the run first; empty before the run has a manifest.

    Each has `name`, `label` (a stage's folder, or a file's name), `kind` of the stage that made it,
    `remark`, `depth` back from the run, and `of`: positions of the nodes that were made of it.
    """
    try:
        first = lineage(folder)
    except LineageError:
        return []
    nodes: dict[tuple[str, str], dict[str, Any]] = {}
    _add(first, 0, None, nodes)
    return list(nodes.values())


def _add(
    step: Step, depth: int, parent: int | None, nodes: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """A thing that two stages read is one node, as far back as the farther of them says."""
    key = (step.path, step.digest)
    if key not in nodes:
        nodes[key] = {
            "name": step.name,
            "label": Path(step.folder or step.path).name,
            "path": step.path,
            "kind": step.made_by.kind if step.made_by else "",
            "remark": step.remark,
            "depth": depth,
            "of": [],
        }
    node = nodes[key]
    node["depth"] = max(node["depth"], depth)
    if parent is not None and parent not in node["of"]:
        node["of"].append(parent)
    place = list(nodes).index(key)
    for one in step.inputs:
        _add(one, depth + 1, place, nodes)
