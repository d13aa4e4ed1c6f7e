"""What a run asks of its models, by its stage, before anything is loaded: to train the policy, or
to sample from it, to read its teacher, and to load what grades."""

from rlsys.config.adapter import require_adaptable
from rlsys.config.experts import of_dense
from rlsys.config.grader_models import require_graders
from rlsys.config.latents import require_words
from rlsys.config.local_policy import Architecture
from rlsys.config.model_files import read_config
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.model_room import local_head_problem
from rlsys.config.model_sizes import EXPERTS
from rlsys.config.models import require_computable, require_sampled, require_scoring
from rlsys.config.networks import grades, teacher_of
from rlsys.config.run import RunConfig, StageKind
from rlsys.config.tensor_parallel import spread_problems
from rlsys.config.weight_files import require_weights
from rlsys.errors import ConfigError


def require_fleet(config: RunConfig) -> None:
    """Raise ConfigError for a stage that starts no members."""
    if config.run.stage is StageKind.merge:
        raise ConfigError(
            "run.stage=merge: it starts no fleet, and `rlsys merge` looks at its policies itself"
        )


def require_described(config: RunConfig) -> None:
    """Raise ConfigError on what the config.json of the model, and that of a teacher, alone says
    against the run. The local policy is made to fit, but has no experts unless it is told to."""
    if config.model.path:
        _require_policy(config, config.model.path)
    else:
        _require_local(config)
    if teacher := teacher_of(config):
        named = f"teacher.path={teacher!r}"
        if find_model(teacher, named, config.run.directory) == LOCAL:
            return  # what a recipe's stage makes of it is yet to be made
        require_scoring(teacher, named, config.model.max_context)
        require_words(teacher, named, "a teacher")


def _require_local(config: RunConfig) -> None:
    if problems := local_head_problem(config):
        raise ConfigError("\n".join(problems))
    if config.model.local.architecture is Architecture.qwen2:
        _require_no_experts_asked(config, "the local policy")


def _require_policy(config: RunConfig, path: str) -> None:
    named = f"model.path={path!r}"
    if config.run.stage is StageKind.sample:
        require_sampled(path, named)
        if problems := spread_problems(config, read_config(path, named)):
            raise ConfigError("\n".join(problems))
        return
    require_computable(config)
    require_adaptable(config, path, named)
    if not any(read_config(path, named).get(name) for name in EXPERTS):
        _require_no_experts_asked(config, named)


def require_model(config: RunConfig) -> None:
    """The same, that the model's directory holds its weights, and what is asked of models that
    verifiers load."""
    require_described(config)
    if teacher_of(config) == LOCAL:
        raise ConfigError(
            "teacher.path='local': the small local policy is where a run begins, and teaches "
            "nothing; nearest valid: a run that has trained it, or the folder of a model"
        )
    if path := config.model.path:
        require_weights(path, f"model.path={path!r}")
    if grades(config):
        require_graders(config.verifiers, config.run.directory)


def _require_no_experts_asked(config: RunConfig, policy: str) -> None:
    if config.run.stage is StageKind.sample:
        return
    if problems := list(of_dense(config.learner.experts, policy)):
        raise ConfigError("\n".join(problems))
