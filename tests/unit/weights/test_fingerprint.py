import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.weights import fingerprint as module
from rlsys.weights.fingerprint import fingerprint, proving


def test_one_word_is_its_value_and_the_number_of_bytes() -> None:
    # One block: weight 1 times 7, and 8 bytes.
    assert fingerprint(torch.tensor([7])) == 15


def test_blocks_of_512_words_count_1_3_5_times() -> None:
    words = torch.zeros(1100, dtype=torch.int64)
    words[0], words[511], words[512], words[1024] = 2, 3, 10, 100
    # (2 + 3) * 1 + 10 * 3 + 100 * 5 + 8800 bytes.
    assert fingerprint(words) == 5 + 30 + 500 + 8800


def test_it_depends_on_bytes_in_row_major_order_alone() -> None:
    wide = torch.arange(24.0).reshape(4, 6)
    assert fingerprint(wide.T) == fingerprint(wide.T.contiguous())
    assert fingerprint(wide) == fingerprint(wide.reshape(-1).view(torch.uint8))
    assert fingerprint(wide.T) != fingerprint(wide)


def test_unaligned_views_have_the_fingerprint_of_their_copy() -> None:
    values = torch.arange(3000, dtype=torch.bfloat16)
    assert fingerprint(values[1:]) == fingerprint(values[1:].clone())


def test_nothing_and_a_scalar_have_one() -> None:
    assert fingerprint(torch.empty(0)) == 0
    assert fingerprint(torch.tensor(1, dtype=torch.uint8)) == 2


@settings(max_examples=50, deadline=None, derandomize=True)
@given(size=st.integers(1, 9000), position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_changes_it(size: int, position: int, bit: int) -> None:
    data = (torch.arange(size) % 251).to(torch.uint8)
    before = fingerprint(data)
    data[position % size] ^= 1 << bit
    assert fingerprint(data) != before


def test_blocks_that_trade_places_change_it() -> None:
    blocks = torch.stack([torch.full((512,), 1), torch.full((512,), 2)])
    assert fingerprint(blocks) != fingerprint(blocks.flip(0))


def test_proofs_taken_beside_other_work_are_the_same() -> None:
    small, large = torch.arange(100.0), torch.arange(300_000.0)
    with proving() as prove:
        proofs = [prove(tensor) for tensor in (small, large, large[1:])]
    assert [p.result() for p in proofs] == [fingerprint(t) for t in (small, large, large[1:])]


def test_large_tensors_are_proved_on_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fingerprint", lambda tensor: threading.get_ident())
    with proving() as prove:
        small, large = prove(torch.zeros(1)), prove(torch.zeros(300_000))
    assert small.result() == threading.get_ident() != large.result()
