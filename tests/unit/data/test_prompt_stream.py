"""The stream hands out every prompt once per epoch, and resumes exactly."""

import json
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import ConfigError, DataError


def prompts(count):
    return [Prompt(f"p{n}", "test", f"text {n}", [n], "null", "{}") for n in range(count)]


def ids(stream, count):
    return [prompt.prompt_id for prompt in islice(stream, count)]


@given(st.integers(1, 20), st.integers(0, 5))
def test_each_epoch_holds_every_prompt_once(count, seed):
    stream = PromptStream(prompts(count), seed)
    for epoch in range(3):
        assert sorted(ids(stream, count)) == sorted(f"p{n}" for n in range(count))
        assert stream.epoch == epoch


@given(st.integers(1, 12), st.integers(0, 40), st.booleans())
def test_resuming_at_any_point_gives_the_same_rest(count, taken, shuffle):
    data = prompts(count)
    stream = PromptStream(data, 1, shuffle)
    ids(stream, taken)
    state = json.loads(json.dumps(stream.state_dict()))
    resumed = PromptStream(data, 1, shuffle)
    resumed.load_state_dict(state)
    assert ids(resumed, 30) == ids(stream, 30)


def test_order_is_the_files_own_without_shuffling():
    stream = PromptStream(prompts(3), seed=0, shuffle=False)
    assert ids(stream, 7) == ["p0", "p1", "p2", "p0", "p1", "p2", "p0"]


def test_order_changes_with_seed_and_epoch():
    stream = PromptStream(prompts(50), seed=0)
    first, second = ids(stream, 50), ids(stream, 50)
    other = ids(PromptStream(prompts(50), seed=1), 50)
    assert first != second
    assert first != other


def test_order_is_the_same_forever():
    # Indices 0 to 4 sorted by blake2b-128 of "0 0 <index>".
    assert ids(PromptStream(prompts(5), seed=0), 5) == ["p3", "p4", "p2", "p0", "p1"]


def test_the_state_stays_small():
    assert len(json.dumps(PromptStream(prompts(1000), seed=0).state_dict())) < 200


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: [*data, *prompts(1)],
        lambda data: data[::-1],
        lambda data: [replace(data[0], token_ids=[9]), *data[1:]],
        lambda data: [replace(data[0], prompt_id="x"), *data[1:]],
    ],
)
def test_other_prompts_than_at_the_checkpoint_are_refused(change):
    data = prompts(4)
    state = PromptStream(data, seed=0).state_dict()
    with pytest.raises(DataError, match=r"not those of the checkpoint: 4 prompts with digest"):
        PromptStream(change(data), seed=0).load_state_dict(state)


def test_another_seed_or_order_than_at_the_checkpoint_is_refused():
    state = PromptStream(prompts(4), seed=0).state_dict()
    with pytest.raises(ConfigError, match=r"run\.seed=1, but .* resume with run\.seed=0"):
        PromptStream(prompts(4), seed=1).load_state_dict(state)
    with pytest.raises(ConfigError, match=r"data\.shuffle=False"):
        PromptStream(prompts(4), seed=0, shuffle=False).load_state_dict(state)


def test_a_stream_of_nothing_is_an_error():
    with pytest.raises(DataError, match="at least one prompt"):
        PromptStream([], seed=0)
