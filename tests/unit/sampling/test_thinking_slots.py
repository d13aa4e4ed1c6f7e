"""The processor for Model Runner V2, loaded by vLLM's own loader and fed as its runner does."""

import os
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from rlsys.config.run import RolloutConfig
from rlsys.sampling.vllm_environment import thinking_processor
from rlsys.thinking.limits import Limits, extra_args
from rlsys.thinking.track import Steering
from tests.helpers.words import ONE, WORDS, WordTokenizer, ids

pytestmark = pytest.mark.slow

SLOTS, LONGEST = 4, 64


class Runner:
    """What Model Runner V2 keeps of its requests, and the order in which it calls a processor."""

    def __init__(self, processor: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from vllm.v1.worker.gpu.sample.logits_processor import build_custom_logits_processors

        monkeypatch.setattr(
            "vllm.tokenizers.cached_tokenizer_from_config",
            lambda _: WordTokenizer(WORDS, ["</think>"]),
        )
        count = np.zeros(SLOTS, np.int32)
        self.states = SimpleNamespace(
            device=torch.device("cpu"),
            max_num_reqs=SLOTS,
            vocab_size=len(WORDS),
            all_token_ids=SimpleNamespace(gpu=torch.zeros(SLOTS, LONGEST, dtype=torch.int32)),
            prompt_len=SimpleNamespace(np=count),
            prefill_len=SimpleNamespace(np=count.copy()),
            total_len=SimpleNamespace(gpu=torch.zeros(SLOTS, dtype=torch.int32)),
        )
        config: Any = SimpleNamespace(speculative_config=None, model_config=None)
        states: Any = self.states
        (self.processor,) = build_custom_logits_processors(config, states, False, [processor])
        self.lengths = [0] * SLOTS

    def add(
        self, slot: int, prompt: list[int], args: dict[str, Any] | None, written: Sequence[int] = ()
    ) -> bool:
        tokens = [*prompt, *written]
        self.states.all_token_ids.gpu[slot, : len(tokens)] = torch.tensor(tokens)
        self.states.prompt_len.np[slot] = len(prompt)
        self.states.prefill_len.np[slot] = len(tokens)
        self.lengths[slot] = len(tokens)
        params: Any = SimpleNamespace(extra_args=args)
        steered = self.processor.add_request(slot, params)
        self.processor.apply_staged_writes()
        return steered

    def logits(self, slots: list[int], positions: list[int] | None = None) -> torch.Tensor:
        """Those of one step, zeros before. positions: of the tokens that are fed, where it is not
        each slot's newest."""
        at = positions or [self.lengths[slot] - 1 for slot in slots]
        rows = torch.tensor(slots)
        context: Any = SimpleNamespace(
            expanded_idx_mapping=rows.int(),
            idx_mapping_np=np.array(slots),
            input_ids=self.states.all_token_ids.gpu[rows, torch.tensor(at)],
            pos=torch.tensor(at),
        )
        return self.processor.apply(torch.zeros(len(slots), len(WORDS)), context)

    def write(self, slot: int, token: int) -> None:
        self.states.all_token_ids.gpu[slot, self.lengths[slot]] = token
        self.lengths[slot] += 1


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        os.environ.pop("VLLM_USE_V2_MODEL_RUNNER", None)
        yield


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(thinking_processor(RolloutConfig(gpus=1)), monkeypatch)


def test_each_runner_gets_the_processor_that_its_own_loader_takes() -> None:
    from vllm.v1.sample.logits_processor import _load_logitsprocs_by_fqcns
    from vllm.v1.worker.gpu.sample.logits_processor import loader

    load_v2 = loader._load_v2_logitsprocs_by_fqcns
    names = [thinking_processor(RolloutConfig(gpus=gpus)) for gpus in (0, 1)]
    assert _load_logitsprocs_by_fqcns(names[:1])[0].__name__ == "ThinkingProcessor"
    assert load_v2(names[1:])[0].__name__ == "ThinkingSlotProcessor"
    with pytest.raises(ValueError, match="not a subclass"):
        load_v2(names[:1])


def test_thinking_is_closed_at_its_limit_and_held_open_before_its_minimum(runner: Runner) -> None:
    prompt = ids("a", "b", "<think>")
    assert runner.add(2, prompt, extra_args(Limits(3, 2), True))
    assert not runner.add(0, prompt, None)
    alone = Steering(ONE, Limits(3, 2), True)
    for wish in ids("a", "b", "a", "</think>", "b"):
        logits = runner.logits([0, 2])
        assert torch.equal(logits[0], torch.zeros(len(WORDS)))
        directive = alone.next()
        if directive.forced is not None:
            assert logits[1].argmax() == directive.forced
        shut = set(torch.nonzero(torch.isinf(logits[1])).flatten().tolist())
        expected = (
            set(directive.forbidden)
            if directive.forced is None
            else set(range(len(WORDS))) - {directive.forced}
        )
        assert shut == expected
        runner.write(0, wish)
        runner.write(2, wish)
        alone.push(wish)


def test_whether_the_prompt_has_opened_a_block_is_found_where_a_request_does_not_say(
    runner: Runner,
) -> None:
    for slot, prompt in enumerate((ids("a", "<think>"), ids("a", "b"))):
        runner.add(slot, prompt, {"max_reasoning_tokens": 0})
    shut = torch.isinf(runner.logits([0, 1])).any(1)
    assert shut.tolist() == [True, False]


def test_a_step_over_a_part_of_the_prompt_counts_nothing(runner: Runner) -> None:
    runner.add(1, ids("a", "b", "a", "<think>"), extra_args(Limits(1, 0), True))
    for position in (1, 3, 3):
        assert not torch.isinf(runner.logits([1], [position])).any()
    runner.write(1, ids("a")[0])
    assert torch.isinf(runner.logits([1])).any()


def test_a_request_that_gave_way_to_others_goes_on_with_what_it_had_written(runner: Runner) -> None:
    prompt = ids("a", "<think>")
    runner.add(3, prompt, extra_args(Limits(2, 0), True), written=ids("a", "b"))
    close = WORDS.index("</think>")
    assert runner.logits([3])[0].argmax() == close
    runner.write(3, close)
    assert not torch.isinf(runner.logits([3])).any()


def test_a_slot_keeps_nothing_of_the_request_that_had_it_before(runner: Runner) -> None:
    runner.add(1, ids("<think>"), extra_args(Limits(0, 0), True))
    assert torch.isinf(runner.logits([1])).any()
    runner.add(1, ids("<think>"), None)
    runner.add(0, ids("<think>"), extra_args(Limits(5, 0), True))
    assert not torch.isinf(runner.logits([0, 1])).any()


def test_limits_that_make_no_sense_are_refused_before_the_request_is_queued() -> None:
    from vllm.exceptions import VLLMValidationError
    from vllm.v1.worker.gpu.sample.logits_processor import (
        build_custom_logits_processors_params_validator as validator,
    )

    params: Any = SimpleNamespace(extra_args={"max_reasoning_tokens": -6})
    with pytest.raises(VLLMValidationError, match="max_reasoning_tokens=-6"):
        validator([thinking_processor(RolloutConfig(gpus=1))])(params)
