import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsys.data.kept_tokens import KeptTokens
from rlsys.learning.layout import block_length, blocks_of, lay_out
from tests.helpers.attention_plans import who_sees_whom

PROMPTS = [np.array([7, 8]), np.array([7, 8]), np.array([9])]
ANSWERS = [np.array([1, 2, 3]), np.array([4]), np.array([5, 6])]


def test_blocks_lie_end_to_end_without_padding() -> None:
    layout = lay_out([[0], [1], [2]], PROMPTS, ANSWERS)
    assert layout.input_ids.tolist() == [[7, 8, 1, 2, 3, 7, 8, 4, 9, 5, 6]]
    assert layout.position_ids.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2]]
    # Each token is read where the one before it stands.
    assert layout.read_at.tolist() == [1, 2, 3, 6, 8, 9]
    assert layout.targets.tolist() == [1, 2, 3, 4, 5, 6]
    assert layout.mask.tolist() == [[True] * 3, [True, False, False], [True, True, False]]
    assert layout.sequences == (0, 1, 2)


def test_a_shared_block_holds_the_prompt_once_and_positions_go_on_from_its_end() -> None:
    layout = lay_out([[0, 1], [2]], PROMPTS, ANSWERS)
    assert layout.input_ids.tolist() == [[7, 8, 1, 2, 3, 4, 9, 5, 6]]
    assert layout.position_ids.tolist() == [[0, 1, 2, 3, 4, 2, 0, 1, 2]]
    # The first token of the second answer, too, is read at the prompt's end.
    assert layout.read_at.tolist() == [1, 2, 3, 1, 6, 7]
    assert layout.targets.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_prompt_counts_for_each_of_its_answers_that_has_tokens() -> None:
    answers = [*ANSWERS[:2], np.array([], dtype=np.int64)]
    shared = lay_out([[0, 1], [2]], PROMPTS, answers)
    assert shared.counts.tolist() == [2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    alone = lay_out([[0], [1]], PROMPTS, answers)
    assert alone.counts.tolist() == [1.0] * 8


def test_answers_of_a_shared_block_see_the_prompt_and_themselves_only() -> None:
    layout = lay_out([[0, 1], [2]], PROMPTS, ANSWERS)
    assert who_sees_whom(layout.attention).int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1, 1, 1],
    ]


def test_equal_answers_of_a_block_lie_there_once_and_are_read_for_each_of_them() -> None:
    prompts = [np.array([7, 8])] * 4
    answers = [np.array([1, 2]), np.array([4]), np.array([1, 2]), np.array([4])]
    layout = lay_out([[0, 1, 2], [3]], prompts, answers)
    assert layout.input_ids.tolist() == [[7, 8, 1, 2, 4, 7, 8, 4]]
    assert layout.read_at.tolist() == [1, 2, 1, 6]
    assert layout.targets.tolist() == [1, 2, 4, 4]
    assert layout.repeats.tolist() == [0, 1, 2, 0, 1, 3]
    assert layout.ends.tolist() == [3, 4, 3, 7]
    assert layout.counts.tolist() == [3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0]
    assert layout.sequences == (0, 1, 2, 3)
    read = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    layout.repeated(read).backward(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert read.grad is not None
    assert read.grad.tolist() == [1 + 4, 2 + 5, 3, 6]
    assert [block_length(block, prompts, answers) for block in ([0, 1, 2], [3])] == [5, 3]


def test_a_block_of_equal_answers_is_one_sequence_to_attention() -> None:
    layout = lay_out([[0, 1]], [np.array([7, 8])] * 2, [np.array([1, 2])] * 2)
    assert who_sees_whom(layout.attention).int().tolist() == np.tri(4).tolist()
    empty = lay_out([[0, 1]], [np.array([7, 8])] * 2, [np.empty(0, dtype=np.int64)] * 2)
    assert empty.ends.tolist() == [1, 1]
    assert empty.repeats.shape == empty.read_at.shape == (0,)


def test_equal_answers_that_were_sampled_from_other_tokens_lie_side_by_side() -> None:
    prompts, answers = [np.array([7, 8])] * 3, [np.array([1, 2])] * 3
    kept = [
        KeptTokens(np.array(ids), np.array(counts))
        for ids, counts in (([1, 2], [1, 1]), ([1, 3, 2], [2, 1]), ([1, 2], [1, 1]))
    ]
    layout = lay_out([[0, 1, 2]], prompts, answers, kept)
    assert layout.input_ids.tolist() == [[7, 8, 1, 2, 1, 2]]
    assert layout.repeats.tolist() == [0, 1, 2, 3, 0, 1]
    assert layout.kept is not None
    assert layout.kept.tolist() == [[1, -1], [2, -1], [1, 3], [2, -1]]
    assert block_length([0, 1, 2], prompts, answers, kept=kept) == layout.input_ids.shape[1]


def test_padded_puts_values_where_the_mask_is_and_lets_gradient_through() -> None:
    layout = lay_out([[0], [1], [2]], PROMPTS, ANSWERS)
    flat = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], requires_grad=True)
    padded = layout.padded(flat)
    assert padded.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    (padded * torch.tensor([[1.0, 2, 3], [4, 50, 50], [5, 6, 50]])).sum().backward()
    assert flat.grad is not None
    assert flat.grad.tolist() == [1, 2, 3, 4, 5, 6]


def test_an_empty_answer_has_a_row_of_the_mask_without_tokens() -> None:
    completions = [np.array([1, 2]), np.empty(0, dtype=np.int64)]
    for blocks in ([[0], [1]], [[0, 1]]):
        layout = lay_out(blocks, PROMPTS[:2], completions)
        assert layout.mask.tolist() == [[True, True], [False, False]]
        assert layout.padded(torch.tensor([5.0, 6.0])).tolist() == [[5, 6], [0, 0]]


def test_a_microbatch_of_empty_answers_only_has_no_tokens() -> None:
    layout = lay_out([[0]], PROMPTS, [np.empty(0, dtype=np.int64)])
    assert layout.mask.tolist() == [[False]]
    assert layout.read_at.shape == layout.targets.shape == (0,)
    assert layout.padded(torch.empty(0)).tolist() == [[0.0]]


def test_a_layout_moves_with_all_its_tensors() -> None:
    layout = lay_out([[0, 1], [2]], PROMPTS, ANSWERS).to(torch.device("meta"))
    tensors = [layout.input_ids, layout.position_ids, layout.read_at, layout.targets, layout.mask]
    tensors.append(layout.repeats)
    tensors.append(layout.attention.place)
    for bucket in layout.attention.buckets:
        tensors += [bucket.queries, bucket.keys]
        tensors += [] if bucket.mask is None else [bucket.mask]
    assert len(tensors) > 10
    assert all(t.device.type == "meta" for t in tensors)


def test_groups_share_a_block_only_when_asked_to() -> None:
    assert blocks_of([5, 5, 7, 5], 4, share_prompts=True) == [[0, 1, 3], [2]]
    assert blocks_of([5, 5, 7, 5], 4, share_prompts=False) == [[0], [1], [2], [3]]


def test_a_blocks_length_counts_its_prompt_once() -> None:
    assert block_length([0, 1], PROMPTS, ANSWERS) == 2 + 3 + 1
    assert block_length([2], PROMPTS, ANSWERS) == 1 + 2


@given(st.data())
def test_every_answer_token_is_read_where_its_predecessor_stands(data: st.DataObject) -> None:
    sizes = data.draw(
        st.lists(st.tuples(st.integers(1, 4), st.lists(st.integers(0, 4), min_size=1)))
    )
    prompts, completions, blocks = [], [], []
    for size, lengths in sizes:
        blocks.append(list(range(len(completions), len(completions) + len(lengths))))
        # Every token of the batch is another number.
        start = 1 + sum(map(len, prompts)) + sum(map(len, completions))
        prompt = np.arange(start, start + size)
        for length in lengths:
            prompts.append(prompt)
            completions.append(1000 * (len(completions) + 1) + np.arange(length))
    if not blocks:
        return
    layout = lay_out(blocks, prompts, completions)
    before = [
        token
        for i in layout.sequences
        for token in np.concatenate([prompts[i][-1:], completions[i]])[: len(completions[i])]
    ]
    assert layout.input_ids.reshape(-1)[layout.read_at].tolist() == before
    assert layout.targets.tolist() == [t for i in layout.sequences for t in completions[i]]
    assert layout.mask.sum(dim=1).tolist() == [len(completions[i]) for i in layout.sequences]
