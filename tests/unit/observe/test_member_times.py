"""Where each member's time went, a line a step."""

import json
from pathlib import Path

from actors.roster import TimeBook
from rlsys.observe.member_times import MemberTimes
from rlsys.watch.accounting import Lately, Times


def test_a_line_has_the_shares_of_every_member_that_is_there_and_how_they_came(
    tmp_path: Path,
) -> None:
    times = Times(3.0, 4.0, {"slots": 1.0, "weights": 0.0})
    lately = {
        "rollout-0": Lately(times, {"busy": (1.0, 0.504), "slots": (0.0, 0.496)}),
        "rollout-1": Lately(Times(0.0, 2.0, {"respawn": 2.0})),
        "rollout-2": Lately(),
    }
    logger = MemberTimes(tmp_path, lambda: lately)
    logger.step(7, {})
    logger.close()
    assert json.loads((tmp_path / "members.jsonl").read_text()) == {
        "step": 7,
        "members": {"rollout-0": {"busy": 0.75, "slots": 0.25}, "rollout-1": {"respawn": 1.0}},
        "parts": {"rollout-0": {"busy": [100, 50], "slots": [0, 50]}},
    }


def test_a_seat_knows_its_times_between_the_newest_two_questions() -> None:
    book = TimeBook()
    book.tell(book.saw(Times(1.0, 2.0, {"slots": 1.0}), {"busy": (0.5,)}))
    book.tell(book.saw(Times(4.0, 6.0, {"slots": 2.0}), {"busy": (1.0,)}))
    assert book.lately == Lately(Times(3.0, 4.0, {"slots": 1.0}), {"busy": (1.0,)})


def test_a_seat_that_nobody_answers_for_has_times_and_no_parts() -> None:
    book = TimeBook()
    book.tell(book.saw(Times(1.0, 2.0, {"slots": 1.0}), {"busy": (0.5,)}))
    book.tell(book.empty())
    assert book.lately.parts == {}
    assert list(book.lately.times.waits) == ["respawn", "slots"]
