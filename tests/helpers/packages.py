"""A small installed package, as pip leaves one: its modules, and the metadata that name them."""

from collections.abc import Mapping
from pathlib import Path


def installed(
    folder: Path, name: str, entry_points: Mapping[str, Mapping[str, str]], **modules: str
) -> str:
    """The folder, to be put on sys.path.

    Args:
        entry_points: by group, each name with its `module:attribute`.
        modules: their sources.
    """
    metadata = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{point} = {value}" for point, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    return str(folder)
