import gc
import weakref

from rlsys.watch import garbage


class Cycle:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_are_collected_at_every_tenth_step() -> None:
    with garbage.seldom_collected():
        kept = Cycle()
        cycle = weakref.ref(kept)
        gc.collect(1)  # Now it is old: no young collection sees it.
        del kept
        garbage.after_step(9)
        assert cycle() is not None
        garbage.after_step(10)
        assert cycle() is None


def test_the_collector_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold()
    with garbage.seldom_collected():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
