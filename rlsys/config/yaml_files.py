"""YAML files as mappings, and what is wrong where one is none."""

from collections.abc import Iterable
from pathlib import Path

import yaml
from omegaconf import DictConfig, OmegaConf

from rlsys.config.yaml_values import UNREADABLE, require_plain_numbers
from rlsys.errors import ConfigError, nearest


def read_yaml(path: Path, what: str = "config file", there: Iterable[Path] = ()) -> DictConfig:
    """A YAML file that holds a mapping.

    Args:
        what: what such a file is called, for errors.
        there: files that may have been meant.
    Raises:
        ConfigError: it is not there, with the nearest that is; or it is no such file.
    """
    if not path.is_file():
        # By their stems: of short names, `.yaml` is the larger part, and alike in all.
        files = {one.stem: _from_here(one) for one in there}
        close = nearest(path.stem, files)
        listed = f"there are: {', '.join(sorted(files.values())) or 'none'}"
        hint = f"did you mean {files[close]!r}?" if close else listed
        said = f"{path} is a folder, and no {what}" if path.is_dir() else f"no {what} {path}"
        raise ConfigError(f"{said}; {hint}")
    try:
        loaded = OmegaConf.load(path)
    except (*UNREADABLE, OSError) as error:  # OSError: of a number alone, too
        fault = f"{_line_of(error)}{fault_of(error)}{_tab_in(path, error)}"
        raise ConfigError(f"{path} is not valid YAML: {fault}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path} must hold a mapping of sections, not a list or a text")
    require_plain_numbers(path.read_text(encoding="utf-8"), str(path))
    return loaded


def _from_here(path: Path) -> str:
    """A path as a user would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def fault_of(error: Exception) -> str:
    """What YAML's reader says, in one line and without its quotations."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        return error.problem
    return " ".join(str(error).split())


def _line_of(error: Exception) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return "" if mark is None else f"line {mark.line + 1}: "


def _tab_in(path: Path, error: Exception) -> str:
    """A tab looks like the spaces that should stand there."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    lines = path.read_bytes().split(b"\n")
    if mark is None or b"\t" not in b"".join(lines[mark.line : mark.line + 1]):
        return ""
    return "; there is a tab, and YAML is indented by spaces alone"
