"""Real runs in processes of their own, as a user starts them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.places import ROOT

# The real parts on a tiny policy that has hardly been warmed up: what is tested is the system.
# In float32 on every machine, whose samplers round the same in whatever batches.
TINY = """
model:
  max_context: 128
  cache: {cache}
  local: {{hidden_size: 64, intermediate_size: 128, layers: 2, heads: 2, steps: 40, threads: 1}}
data: {{max_prompt_tokens: 48}}
sampling: {{max_tokens: 64}}
evaluation: {{prompts: 16, final_prompts: 32, samples: 2}}
loop:
  steps: 8
  groups_per_step: 4
  group_size: 4
  groups_per_call: 2
  evaluate_every: 4
  checkpoint_every: 4
learner: {{dtype: float32, share_prompts: true, optimizer: {{learning_rate: 1.0e-4}}}}
run: {{name: tiny, directory: {runs}}}
"""


@dataclass
class Workplace:
    """A folder with a tiny config, and the command line to use on it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """Of runs that tests asked for: a second one of a name would be numbered, and a test read the
    first one's folder."""

    @property
    def config(self) -> Path:
        return self.folder / "tiny.yaml"

    def run(self, *arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """`rlsys ARGUMENTS`, with its output."""
        for name in (one for one in arguments if one.startswith("run.name=")):
            assert name not in self.names, f"{name}: another test has a run of that name"
            self.names.add(name)
        return subprocess.run(
            [sys.executable, "-m", "rlsys", *arguments],
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def summary(self, name: str) -> dict[str, Any]:
        """The summary.json of a run."""
        return json.loads((self.folder / "runs" / name / "summary.json").read_text())
