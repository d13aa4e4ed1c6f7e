"""The network that each role of a run computes with, by its config.json: the policy, or one of the
role's own; and those that verifiers load. Whoever asks for a role's sizes asks here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlsys.config.graders import Grader, graders_of
from rlsys.config.model_files import read_config
from rlsys.config.model_room import Model
from rlsys.config.model_shape import Shape, shape_of
from rlsys.config.run import Precision, RunConfig, StageKind
from rlsys.config.sft import measures_answers
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

    @property
    def saved_in(self) -> Precision:
        """In which transformers loads it where it is not told: 16 or 32 bits by its config.json;
        32 where that does not say."""
        said = self.model.get("dtype") or self.model.get("torch_dtype")
        return Precision.bfloat16 if said in ("bfloat16", "float16") else Precision.float32


@dataclass(frozen=True)
class Networks:
    """Those of a run."""

    policy: Network
    own: Mapping[str, Network] = field(default_factory=dict)
    """By role, of those that compute with another one."""
    graders: Mapping[Grader, Network] = field(default_factory=dict)
    """Of each verifier worker; sizes of a classifier are those without a head of words."""

    def of(self, role: str) -> Network:
        """That of a role."""
        return self.own.get(role, self.policy)


def teacher_of(config: RunConfig) -> str:
    """That a run learns from; empty: none, as in stages that do not read the section."""
    return config.teacher.path if config.run.stage is StageKind.rl else ""


def read_networks(config: RunConfig, policy: Network) -> Networks:
    """Beside the policy, by the config.json of each; of one that is not at hand nothing but that.

    Raises:
        ConfigError: as rlsys.config.model_files.read_config, of one that is at hand.
    """
    own = {}
    if teacher := teacher_of(config):
        own["teacher"] = read_network(teacher, f"teacher.path={teacher!r}")
    graded = graders_of(config.verifiers) if grades(config) else []
    graders = {one: _read_grader(one) for one in graded}
    return Networks(policy, own, graders)


def grades(config: RunConfig) -> bool:
    """Whether there are verifier workers."""
    if config.run.stage is StageKind.sft:
        return measures_answers(config)
    return config.run.stage in (StageKind.rl, StageKind.sample)


def _read_grader(grader: Grader) -> Network:
    found = read_network(grader.path, grader.named)
    if found.model.get("quantization_config"):
        return Network({}, f"{grader.named}: its weights are quantized")
    if not grader.is_classifier:
        return found
    # As if its head were the embedding, which counts once.
    return Network(found.model | {"tie_word_embeddings": True}, found.missing)


def read_network(path: str, named: str) -> Network:
    """Of a model directory or hub id.

    Args:
        named: how the user named it, for an error.
    Raises:
        ConfigError: as rlsys.config.model_files.read_config, of one that is at hand.
    """
    try:
        return Network(read_config(path, named))
    except NotAtHandError as error:
        return Network({}, str(error))
