"""The network that each role of a run computes with, by its config.json: the policy, or one of the
role's own. Whoever asks for a role's sizes asks here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlsys.config.model_files import read_config
from rlsys.config.model_room import Model
from rlsys.config.model_shape import Shape, shape_of
from rlsys.config.run import RunConfig, StageKind
from rlsys.errors import NotAtHandError


@dataclass(frozen=True)
class Network:
    """One of them."""

    model: Model
    """Its config.json; empty: it is not at hand."""
    missing: str = ""
    """Why it is not."""

    @property
    def is_known(self) -> bool:
        """Whether its sizes are."""
        return shape_of(self.model) is not None

    @property
    def shape(self) -> Shape:
        """Its sizes, which are known."""
        found = shape_of(self.model)
        assert found is not None, self.unknown
        return found

    @property
    def unknown(self) -> str:
        """Why its sizes are not known."""
        kind = self.model.get("model_type")
        return self.missing or f"the sizes of {kind!r} are not known here"


@dataclass(frozen=True)
class Networks:
    """Those of a run."""

    policy: Network
    own: Mapping[str, Network] = field(default_factory=dict)
    """By role, of those that compute with another one."""

    def of(self, role: str) -> Network:
        """That of a role."""
        return self.own.get(role, self.policy)


def teacher_of(config: RunConfig) -> str:
    """That a run learns from; empty: none, as in stages that do not read the section."""
    return config.teacher.path if config.run.stage is StageKind.rl else ""


def read_networks(config: RunConfig, path: str) -> Networks:
    """By the config.json of each; of one that is not at hand nothing but that.

    Args:
        path: of the policy, which may have been made for this run.
    Raises:
        ConfigError: as rlsys.config.model_files.read_config, of one that is at hand.
    """
    own = {}
    if teacher := teacher_of(config):
        own["teacher"] = _read(teacher, f"teacher.path={teacher!r}")
    return Networks(_read(path, f"model.path={path!r}"), own)


def _read(path: str, named: str) -> Network:
    try:
        return Network(read_config(path, named))
    except NotAtHandError as error:
        return Network({}, str(error))
