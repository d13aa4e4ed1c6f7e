"""Where programs of the policy run. Their limits are options of the verifiers that run them."""

import importlib.util
from dataclasses import dataclass, field

from rlsys.config.ranges import ranged
from rlsys.errors import ConfigError


@dataclass
class SandboxConfig:
    """The sandbox of one verifier worker."""

    allow_weak_isolation: bool = False
    """Run even where neither namespaces nor Landlock can be had. Programs can then read and write
    whatever the worker's user can; docs/security.md says how to get more."""
    zygotes: int = ranged(0, least=0)
    """Interpreters that fork jobs, one job at a time each; 0: one per CPU of the worker. More than
    CPUs helps only programs that sleep."""
    preload: list[str] = field(
        default_factory=lambda: [
            *("bisect", "collections", "copy", "functools", "heapq", "itertools", "math"),
            *("operator", "random", "re", "string", "typing"),
        ]
    )
    """Standard modules that every job finds imported already. Each spares its import, 1 to 10 ms,
    and makes every fork slower by the pages it fills."""
    packages: list[str] = field(
        default_factory=lambda: ["numpy"] if importlib.util.find_spec("numpy") else []
    )
    """Installed packages that programs may import, with those that they need themselves: seen
    read-only, and nothing else that is installed. By default numpy, where it is installed. A
    program that imports one pays for that itself, numpy 0.1 s and 60 MiB; the others pay nothing.
    """


def validate(config: SandboxConfig) -> None:
    """Raise ConfigError on the first setting that cannot work."""
    for name in config.preload:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(f"sandbox.preload: {name!r} is not a module's name")
    for name in config.packages:
        if not name.isidentifier():
            raise ConfigError(
                f"sandbox.packages: {name!r} is not the name of an importable package"
            )
