"""What every stage's plan knows before anything starts."""

from rlsys.stages.plan import canary_ids_of


def test_a_canary_is_the_end_of_the_longest_text() -> None:
    assert canary_ids_of(range(100), [], 512) == list(range(36, 100))


def test_short_texts_make_a_canary_together_within_what_the_model_reads() -> None:
    others = [[number] * 10 for number in range(10)]
    found = canary_ids_of([7, 8], others, 512)
    assert found == [6, 6, *[n for number in (5, 4, 3, 2, 1, 0) for n in [number] * 10], 7, 8]
    assert canary_ids_of([7, 8], others, 15) == [1, 1, *[0] * 10, 7, 8]
    assert canary_ids_of([7, 8], [], 512) == [7, 8]
