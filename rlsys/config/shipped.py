"""Where the configs that come with rlsys are."""

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from rlsys.errors import ConfigError


def shipped_configs() -> Path:
    """The folder with base.yaml, the presets and the starts for machines of several kinds.

    In a clone it stands beside the packages. An installation puts it where the environment keeps
    data (`share/rlsys/configs`), and its list of files says where that is.

    Raises:
        ConfigError: it is in neither place.
    """
    clone = Path(__file__).resolve().parents[2] / "configs"
    if (clone / "base.yaml").is_file():
        return clone
    try:
        installed = files("rlsys") or []
    except PackageNotFoundError:
        installed = []
    for file in installed:
        if file.parts[-3:] == ("rlsys", "configs", "base.yaml"):
            return Path(str(file.locate())).resolve().parent
    raise ConfigError(
        f"rlsys is installed without its configs: no base.yaml in {clone} nor among the files of "
        "the installation; install it again, or run it from a clone"
    )
