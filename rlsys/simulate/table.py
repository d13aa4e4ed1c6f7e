"""Latency laws as a YAML table, for a fleet that nobody has run yet, or to keep a run's.

    sampler: {step_s: 0.012, sequence_s: 8.0e-5, begin_s: 5.0e-4}
    costs:
      {grade_s: 0.05, reference_token_s: 3.5e-5, learn_token_s: 1.0e-4, learn_step_s: 10.0,
       pack_s: 1.0, pull_s: 2.0}
    lengths: [300, 800, 1500, 2600, 6000]

`costs` are those of one learner rank; lengths are completions', in tokens, each as likely as the
others.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config import ranges
from rlsys.config.ranges import ranged
from rlsys.config.yaml_files import read_yaml
from rlsys.errors import ConfigError
from rlsys.simulate.fleet import Costs
from rlsys.simulate.laws import Measured
from rlsys.simulate.measured import Laws
from rlsys.simulate.sampler import SamplerLaw

_QUANTILES = 101
"""Lengths that stand for those of a run."""


@dataclass
class _Sampler:
    step_s: float = ranged(MISSING, least=0)
    sequence_s: float = ranged(MISSING, least=0)
    begin_s: float = ranged(0.0, least=0)


@dataclass
class _Costs:
    grade_s: float = ranged(MISSING, least=0)
    reference_token_s: float = ranged(MISSING, least=0)
    learn_token_s: float = ranged(MISSING, least=0)
    learn_step_s: float = ranged(MISSING, least=0)
    pack_s: float = ranged(MISSING, least=0)
    pull_s: float = ranged(MISSING, least=0)
    driver_s: float = ranged(0.0, least=0)
    beside: float = ranged(0.0, least=0, most=0.9)


@dataclass
class _Table:
    sampler: _Sampler = field(default_factory=_Sampler)
    costs: _Costs = field(default_factory=_Costs)
    lengths: list[int] = field(default_factory=list, metadata={ranges.KEY: ranges.Range(least=1)})


def read(file: Path) -> Laws:
    """The laws of a table.

    Raises:
        ConfigError: a figure is missing, unknown, or no such figure can be.
    """
    content = read_yaml(file, "table of laws", [])
    try:
        merged = OmegaConf.merge(OmegaConf.structured(_Table), content)
        table = cast(_Table, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        said = str(error).splitlines()[0]
        raise ConfigError(f"{file}: {error.full_key}: {said}") from error
    ranges.check(table, str(file))
    if not table.lengths:
        raise ConfigError(f"{file}: lengths: at least one is needed, as in [300, 800, 2600]")
    if not table.sampler.step_s + table.sampler.sequence_s:
        raise ConfigError(f"{file}: sampler: step_s and sequence_s are both 0")
    sampler = table.sampler
    law = SamplerLaw(sampler.step_s, sampler.sequence_s, 1, sampler.begin_s)
    return Laws(law, Measured(tuple(table.lengths)), Costs(**vars(table.costs)))


def to_yaml(laws: Laws) -> str:
    """A table that `read` takes; lengths by their quantiles."""
    lengths = np.quantile(laws.lengths.tokens, np.linspace(0, 1, _QUANTILES), method="nearest")
    law = laws.sampler
    sampler = {"step_s": law.step_s, "sequence_s": law.sequence_s, "begin_s": law.begin_s}
    content = {"sampler": sampler, "costs": asdict(laws.costs), "lengths": lengths.tolist()}
    return OmegaConf.to_yaml(OmegaConf.create(content))
