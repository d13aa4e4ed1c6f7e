"""Sampling: groups of completions from vLLM's AsyncLLM, with weights that change while it samples.

The sampler runs in a process of its own that vLLM starts; this class is the client. Everything is
token ids; text is decoded once, for verifiers and people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rlsys import schema
from rlsys.config.run import ModelConfig, RolloutConfig, SamplingConfig, WeightsConfig
from rlsys.data.kept_tokens import num_kept
from rlsys.determinism import group_seed
from rlsys.errors import SamplerError, SamplerKilledError, WeightSyncError
from rlsys.imports import imports
from rlsys.logs import Since, cause_of, killed_by
from rlsys.pretrained import load_tokenizer
from rlsys.sampling.engine_prompt import Thought, engine_prompt
from rlsys.sampling.latent_proof import LatentErrors, prove_latents
from rlsys.sampling.rollout_rows import SampleRequest, rollout_row
from rlsys.sampling.thoughts import Thoughts
from rlsys.sampling.vllm_arguments import engine_arguments, usage_context
from rlsys.sampling.vllm_environment import set_environment
from rlsys.sampling.weight_update import WeightUpdate
from rlsys.thinking.limits import extra_args
from rlsys.thinking.track import Tags
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.inputs import EmbedsPrompt, TokensPrompt
    from vllm.outputs import RequestOutput


class Sampler:
    """One vLLM engine. Build, `await start()`, sample; `shutdown()` ends its process."""

    def __init__(
        self,
        name: str,
        model_path: str,
        model: ModelConfig,
        config: RolloutConfig,
        weights: WeightsConfig,
        seed: int,
        seeded: bool = False,
        deterministic: bool = False,
        sleeps: bool = False,
        latents: int = 0,
    ) -> None:
        """seeded: each completion has random numbers of its own, which depend on `seed`, group and
        place in the group alone, not on the sampler, nor on what it samples beside it.
        deterministic: so does the arithmetic, which is otherwise rounded by what is sampled beside
        a completion; implies `seeded`.
        sleeps: it gives its GPU to the learner at times.
        latents: that the policy makes of each prompt before it answers."""
        self.name = name
        self.model_path = model_path
        self.model = model
        self.config, self.weights = config, weights
        self.seed, self.deterministic = seed, deterministic
        self.seeded, self.sleeps = seeded or deterministic, sleeps
        self.thoughts = Thoughts(latents, config.dtype, apart=deterministic)
        self._requests = 0
        self._is_proved = False
        """Whether loading the model's weights again is known to leave it as it was."""
        self.shown = 0.0
        """Nats by which this sampler's logprobs of the canary differed from the learner's when both
        held the weights from disk."""
        self.latents_shown = LatentErrors()
        """The same of its latents, and of what it decodes behind them."""

    async def start(self, limits: bool = True) -> None:
        """Load the model and sample once, so that the first real request finds it warm.

        Args:
            limits: whether requests may limit their thinking, which costs a little in every step.
        Raises:
            SamplerKilledError: vLLM's process was ended from outside.
            SamplerError: vLLM cannot load the model or sample from it, or refuses the settings.
        """
        set_environment(self.config, self.weights.transport)
        with imports():
            from vllm.config import WeightTransferConfig
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.usage.usage_lib import UsageContext

            from rlsys.sampling.engine_log import logged
            from rlsys.weights.vllm_transfer import BACKENDS

        self.limits = limits
        arguments = AsyncEngineArgs(
            **engine_arguments(
                self.model_path,
                self.model,
                self.config,
                self.weights,
                self.seed,
                self.seeded,
                self.deterministic,
                limits,
                self.sleeps,
                self.thoughts.count,
            ),
            weight_transfer_config=WeightTransferConfig(backend=BACKENDS[self.weights.transport]),
        )
        self.tokenizer = load_tokenizer(self.model_path)
        self.tags = Tags.of(self.tokenizer)
        self.thoughts.begin(self.model_path)
        log = Since()
        try:
            context = UsageContext[usage_context(self.config)]
            on_shared_cores = not self.config.gpus and self.config.tensor_parallel == 1
            self.vllm, self.log = logged(arguments, context, on_shared_cores)
            self.update = WeightUpdate(self.name, self.vllm, self.weights)
            await self.vllm.update_weight_version("0")
            await self._generate(self.prompt([0, 0]), SamplingConfig(max_tokens=2), 1)
        except Exception as error:  # whatever vLLM raises, here or in the sampler's own process
            is_dead = hasattr(self, "vllm") and self.is_dead
            if by := killed_by(error, log, is_dead):
                raise SamplerKilledError(
                    f"{self.name}: vLLM's engine was ended by {by} while it started; out of "
                    f"memory, or by somebody\nthe sampler's log: {log.path}"
                ) from error
            raise SamplerError(
                f"{self.name}: vLLM's engine does not start: {cause_of(error, log)}\n"
                f"the sampler's log: {log.path}"
            ) from error

    async def sample(
        self, prompts: pa.RecordBatch, group_ids: list[int], size: int, sampling: SamplingConfig
    ) -> pa.RecordBatch:
        """Sample `size` completions for each prompt.

        Args:
            prompts: a `prompts` batch, one row per group.
            group_ids: [rows].
        Returns: a `rollouts` batch, `size` rows per group, in order.
        """
        schema.check(prompts, schema.PROMPTS)
        rows = prompts.to_pylist()
        thoughts = await self.thoughts.of([row["token_ids"] for row in rows])
        groups = await asyncio.gather(
            *(
                self._sample_group(SampleRequest.of(row, g, sampling, thought), size, sampling)
                for row, g, thought in zip(rows, group_ids, thoughts, strict=True)
            )
        )
        columns = {
            name: [row[name] for group in groups for row in group] for name in schema.ROLLOUTS.names
        }
        return schema.build(schema.ROLLOUTS, columns)

    async def load(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> float:
        """Hold a published version; see WeightUpdate.load. What makes the latents holds it first,
        so latents are never older than the engine was when their prompt was asked."""
        await self.thoughts.load(manifest, buckets)
        return await self.update.load(manifest, buckets)

    async def _sample_group(
        self, request: SampleRequest, size: int, sampling: SamplingConfig
    ) -> list[dict[str, Any]]:
        started = time.monotonic()
        seed = group_seed(self.seed, request.group_id) if self.seeded else None
        extra = extra_args(request.limits, request.opened)
        prompt = self.prompt(request.prompt["token_ids"], request.thought)
        output = await self._generate(prompt, sampling, size, seed, extra)
        seconds = time.monotonic() - started
        return [
            rollout_row(request, completion, self.tokenizer, self.tags)
            | {"worker": self.name, "sampled_s": seconds}
            for completion in sorted(output.outputs, key=lambda c: c.index)
        ]

    async def _generate(
        self,
        prompt: TokensPrompt | EmbedsPrompt,
        sampling: SamplingConfig,
        size: int,
        seed: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> RequestOutput:
        """Completion i takes the seed `seed` + i; without one, the sampler's own generator."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        assert self.limits or extra is None, "an engine without limits was asked for one"
        params = SamplingParams(
            n=size,
            seed=seed,
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            max_tokens=sampling.max_tokens,
            stop=sampling.stop or None,
            detokenize=bool(sampling.stop),
            logprobs=num_kept(sampling, self.vllm.model_config.get_vocab_size()),
            flat_logprobs=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
            extra_args=extra,
        )
        return await self.finish(prompt, params)

    def prompt(
        self, token_ids: Sequence[int], thought: Thought | None = None
    ) -> TokensPrompt | EmbedsPrompt:
        """For a request that begins now."""
        return engine_prompt(token_ids, thought, self.update.cache_salt)

    async def finish(
        self, prompt: TokensPrompt | EmbedsPrompt, params: SamplingParams
    ) -> RequestOutput:
        """A request's last output."""
        self._requests += 1
        request = f"{self.name}-{self._requests}"
        async for output in self.vllm.generate(prompt, params, request):
            final = output
        return final

    async def prove_model(self, canary: Canary) -> None:
        """Before the first update: the sampler computes the model that the learner does, and an
        update leaves it as loading from disk does.

        Args:
            canary: the learner's logprobs under the weights from disk.
        Raises:
            WeightSyncError: names the model, and the sampler's tensors that would be wrong.
        """
        precision = self.config.dtype
        self.shown = await self.canary_error(canary)
        if not self.shown <= canary.rounding(precision):
            raise WeightSyncError(
                f"{self.name}: vLLM and the learner do not compute the same model from "
                f"{self._model}: with its weights from disk their logprobs of a prompt differ by "
                f"{self.shown:.4g} nats, where {canary.coarser(precision).value} explains "
                f"{canary.rounding(precision):g}. docs/models.md lists the models that work"
            )
        self.latents_shown = await prove_latents(self, canary, None, self.name)
        await self._prove_reloading()

    async def load_policy(self, path: str) -> None:
        """Sample another policy of the same shapes and tokens from now on; nothing may be under
        way. Before the first one it is proved that the model can be loaded again.

        Raises:
            WeightSyncError: names the tensors that would be wrong.
        """
        if path == self.model_path:
            return
        if not self._is_proved:
            await self._prove_reloading()
        self.thoughts.begin(path)
        await self.update.load_policy(path)
        self.model_path = path

    async def _prove_reloading(self) -> None:
        if wrong := await self.update.changed_by_reloading():
            raise WeightSyncError(
                f"{self.name}: vLLM cannot take new weights of {self._model}: the same weights, "
                f"loaded as an update loads them, leave {wrong[:3]} other than loading from disk "
                f"did ({len(wrong)} tensors in all). docs/models.md lists the models that work"
            )
        self._is_proved = True

    async def prove_weights(
        self, manifest: Manifest, canary: Canary, buckets: list[list[np.ndarray]]
    ) -> float:
        """Compare this sampler's logprobs of the canary with the learner's.

        Returns: the difference, nats; see Canary.error.
        Raises:
            WeightSyncError: it is more than rounding, by what was measured before the first update;
                names the tensors that the model does not hold, as far as `buckets` and the sampler
                allow to say.
        """
        error = await self.canary_error(canary)
        if not error <= canary.limit(self.config.dtype, self.shown):
            wrong = await self.update.differing(manifest, buckets)
            held = (
                f"the sampler does not hold what was published of {wrong[:3]} ({len(wrong)} in all)"
                if wrong
                else "no tensor that can be read back differs from what was published"
            )
            raise WeightSyncError(
                f"{self.name}, version {manifest.version}: the sampler does not sample the policy "
                f"that was published: the canary's logprobs differ from the learner's by "
                f"{error:.4g} nats, and by {self.shown:.2g} with the weights from disk; {held}"
            )
        named = f"{self.name}, version {manifest.version}"
        found = await prove_latents(self, canary, self.latents_shown, named)
        return max(error, found.nats)

    async def canary_error(self, canary: Canary) -> float:
        """Of this sampler's logprobs against the given ones, nats; see Canary.error."""
        from vllm import SamplingParams

        params = SamplingParams(max_tokens=1, prompt_logprobs=0, detokenize=False)
        output = await self.finish(self.prompt(canary.token_ids), params)
        assert isinstance(output.prompt_logprobs, list)
        own = [
            entry[token].logprob
            for token, entry in zip(canary.token_ids, output.prompt_logprobs, strict=True)
            if entry is not None  # the first token has none
        ]
        return canary.error(own)

    @property
    def _model(self) -> str:
        """Architecture and place, as errors name them."""
        names = self.vllm.model_config.architectures
        return f"{names[0]} (model.path={self.model_path})"

    @property
    def sampled_so_far(self) -> tuple[int, int]:
        """Requests that have begun, and tokens of those under way; stays the same only while the
        sampler samples nothing."""
        states = self.vllm.output_processor.request_states.values()
        tokens = (s.detokenizer.num_output_tokens() for s in states if s.detokenizer is not None)
        return self._requests, sum(tokens)

    @property
    def is_dead(self) -> bool:
        """vLLM's own process has ended, and every call from now on will fail."""
        return bool(self.vllm.errored)

    def shutdown(self) -> None:
        """End the sampler's process, where one has started."""
        if hasattr(self, "vllm"):
            self.vllm.shutdown(timeout=2.0)

    def release(self) -> None:
        """After `shutdown`: let go of vLLM's client, whose destructor fails when Python is ending
        around it. Nothing can be asked any more."""
        del self.vllm, self.update
