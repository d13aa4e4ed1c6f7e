"""`python -m verifiers.sandbox`: what this machine gives, and what more would take."""

import sys

from rlsys.errors import SandboxError
from verifiers.sandbox.levels import find_level


def main() -> None:
    """Print the level, then a line for each stronger one; exit status 1 when there is none."""
    try:
        level, missing, zygote = find_level(allow_weak=False)
    except SandboxError as error:
        print(f"level none\n{error}")
        sys.exit(1)
    zygote.close()
    print(f"level {level}")
    for line in missing:
        print(line)


if __name__ == "__main__":
    main()
