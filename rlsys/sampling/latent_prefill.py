"""The sampler's own prefill of latents: a second copy of the policy, held by transformers.

vLLM decodes from embeddings, but has no way to feed a hidden state back. So latents are made here,
once for each prompt, by the same code as the learner's (rlsys/thinking/latents.py), and vLLM is
given them at their places behind the prompt's token ids, whose embeddings it looks up itself.

The copy takes its weights from the very buckets that the engine takes its own from; what it holds
is compared with them, tensor by tensor.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from rlsys.config.run import Precision
from rlsys.errors import ConfigError, WeightSyncError
from rlsys.pretrained import loading
from rlsys.sampling.engine_prompt import Thought
from rlsys.thinking.latents import embeddings, latents_behind
from rlsys.weights.bundle import Manifest, check_names, found, unpack
from rlsys.weights.saved_form import SavedForm

_TOKENS_AT_ONCE = 4096
"""Of padded prompts that go through the copy together."""


class LatentPrefill:
    """Makes the latents of prompts under the newest weights that it was given; synchronous, and
    not to be called by two threads at once."""

    def __init__(self, model_path: str, precision: Precision, count: int) -> None:
        """count: K, 1 or more.

        Raises:
            ConfigError: the model cannot be loaded, or its checkpoint's tensors are not its
                parameters.
        """
        dtype = getattr(torch, precision.value)
        with loading(model_path, f"model.path={model_path!r}: cannot be loaded for its latents"):
            self.model = AutoModelForCausalLM.from_pretrained(model_path, dtype=dtype).eval()
        self.count, self.version = count, 0
        self.parameters = dict(self.model.named_parameters())
        shapes = {name: tuple(one.shape) for name, one in self.parameters.items()}
        if set(SavedForm(self.model, shapes).shapes) != set(shapes):
            raise ConfigError(
                f"thinking.mode=latent: {type(self.model).__name__} keeps its checkpoint's tensors "
                "in another form, in which its latents' copy cannot take new ones; nearest valid: "
                "thinking.mode=words"
            )

    @torch.no_grad()
    def load(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> None:
        """Hold a published version, proved.

        Args:
            buckets: each bucket's pieces (see bundle.pack) as one store object shows them.
        Raises:
            WeightSyncError: a tensor is missing, unknown, altered, or not what was loaded.
        """
        check_names(manifest, self.parameters)
        placed, spans = found(manifest, buckets)
        for name, tensor in unpack(placed, spans):
            parameter = self.parameters[name]
            if parameter.shape != tensor.shape:
                raise WeightSyncError(
                    f"version {manifest.version}: {name} came as {list(tensor.shape)}, the copy "
                    f"that makes latents has {list(parameter.shape)}"
                )
            parameter.copy_(tensor)
            if not torch.equal(parameter, tensor.to(parameter)):
                raise WeightSyncError(
                    f"version {manifest.version}: the copy that makes latents does not hold {name}"
                )
        self.version = manifest.version

    @torch.no_grad()
    def think(self, prompts: Sequence[Sequence[int]]) -> list[Thought]:
        """The latents of each prompt; of equal prompts the same."""
        distinct = sorted(set(map(tuple, prompts)), key=len)
        longest = max(map(len, distinct)) + self.count
        at_once = max(1, _TOKENS_AT_ONCE // longest)
        made: dict[tuple[int, ...], Thought] = {}
        for start in range(0, len(distinct), at_once):
            part = distinct[start : start + at_once]
            found_latents = latents_behind(self.model.get_decoder(), part, self.count)
            made |= {
                prompt: Thought(latents, self.version)
                for prompt, latents in zip(part, found_latents, strict=True)
            }
        return [made[tuple(prompt)] for prompt in prompts]

    @torch.no_grad()
    def embedded(self, token_ids: Sequence[int]) -> torch.Tensor:
        """[T, H] embeddings of tokens."""
        return embeddings(self.model.get_decoder(), torch.tensor(list(token_ids)))

    @torch.no_grad()
    def logprobs(
        self, prompt: Sequence[int], thought: Thought | None, completion: Sequence[int]
    ) -> list[float]:
        """[T] nats at temperature 1 of a completion behind a prompt and its latents."""
        parts = [self.embedded(prompt), self.embedded(completion)]
        if thought is not None:
            parts.insert(1, thought.latents)
        row = torch.cat(parts)[None]
        logits = self.model(inputs_embeds=row, use_cache=False).logits[0].float()
        first = row.shape[1] - len(completion) - 1
        told = logits[first:-1].log_softmax(dim=-1)
        return told.gather(1, torch.tensor(list(completion))[:, None])[:, 0].tolist()

    @torch.no_grad()
    def nearest(
        self, thought: Thought, decode: Callable[[list[int]], str], count: int
    ) -> list[list[tuple[str, float]]]:
        """For each latent the `count` tokens that the head finds likeliest in it, with their
        probabilities: a projection onto words of what was never said."""
        head = self.model.get_output_embeddings()
        likeliest = head(thought.latents).float().softmax(dim=-1).topk(count)
        return [
            [(decode([i]), p) for i, p in zip(ids, probabilities, strict=True)]
            for ids, probabilities in zip(
                likeliest.indices.tolist(), likeliest.values.tolist(), strict=True
            )
        ]

    @staticmethod
    def difference(thought: Thought, other: Sequence[Sequence[float]] | torch.Tensor) -> float:
        """How far its latents are off others [K, H]: what nine in ten numbers are below, in units
        of the others' mean size (root mean square)."""
        right = torch.as_tensor(other).float()
        apart = (thought.latents.float() - right).abs().flatten()
        return float(apart.quantile(0.9) / right.square().mean().sqrt())
