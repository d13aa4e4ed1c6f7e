"""The `served:` section: a model behind an HTTP endpoint, which `rlsys sample` asks in the place of
a policy that it loads itself: a teacher of any size, wherever it is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlsys.config.ranges import MAY_CHANGE, ranged

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig

OWN = ("model", "messages", "n", "seed", "temperature", "top_p", "max_tokens", "stop", "stream")
"""Fields of a request that are set here, of `sampling:` and the rows."""


@dataclass
class ServedConfig:
    """Where it is, and how it is asked: conversations go out, and text comes back."""

    url: str = field(default="", metadata={MAY_CHANGE: True})
    """An OpenAI-compatible endpoint, as in http://localhost:8000/v1; empty: model.path is
    loaded."""
    model: str = ""
    """The model's name there."""
    api_key_env: str = field(default="", metadata={MAY_CHANGE: True})
    """Name of the environment variable with the key; empty: none is sent."""
    timeout_s: float = ranged(600.0, above=0, may_change=True)
    """Seconds for the completions of a few prompts, which are asked for together."""
    attempts: int = ranged(4, least=1, may_change=True)
    """How often a request is sent when the server does not answer or fails."""
    request: dict[str, Any] = field(default_factory=dict)
    """Other fields of each request, as the endpoint has them: {top_k: 20, max_reasoning_tokens:
    256} of `rlsys serve`."""

    @property
    def place(self) -> str:
        """What stands for the policy in manifests: `URL#MODEL`."""
        return f"{self.url}#{self.model}" if self.url else ""


def problems(config: RunConfig) -> Iterator[str]:
    """Of a served model that is not fully named, or in a run that needs tokens or weights."""
    served, sampling = config.served, config.sampling
    if not served.url:
        if served.model:
            yield (
                f"served.model={served.model!r}: nothing says where it is served, and model.path "
                "would be asked; nearest valid: served.url=http://localhost:8000/v1"
            )
        return
    if not served.url.startswith(("http://", "https://")):
        yield (
            f"served.url={served.url!r}: must begin with http:// or https://; nearest valid: "
            f"http://{served.url.rpartition('://')[2]}"
        )
    if config.run.stage.value != "sample":
        yield (
            f"served.url={served.url!r}: of the stages, only `rlsys sample` asks a served model; "
            f"run.stage is {config.run.stage.value}; nearest valid: served.url=''"
        )
    if not served.model:
        yield "served.model: is empty: it names the endpoint's model"
    for name in OWN:
        if name in served.request:
            yield f"served.request.{name}: is set by the run itself; others may stand there"
    for name, off in (("top_k", 0), ("min_p", 0), ("max_reasoning_tokens", None)):
        if (value := getattr(sampling, name)) != off:
            yield (
                f"sampling.{name}={value}: not every endpoint has it; nearest valid: "
                f"served.request={{{name}: {value}}}"
            )
    if sampling.min_reasoning_tokens:
        yield (
            f"sampling.min_reasoning_tokens={sampling.min_reasoning_tokens}: a served model's "
            "tokens are not seen here; nearest valid: 0"
        )
