"""Where each member's time went, a line a step."""

import json
from pathlib import Path

from actors.roster import TimeBook
from rlsys.observe.member_times import MemberTimes
from rlsys.watch.accounting import Times


def test_a_line_has_the_shares_of_every_member_that_is_there(tmp_path: Path) -> None:
    times = {"rollout-0": Times(3.0, 4.0, {"slots": 1.0, "weights": 0.0}), "rollout-1": Times()}
    logger = MemberTimes(tmp_path, lambda: times)
    logger.step(7, {})
    logger.close()
    line = json.loads((tmp_path / "members.jsonl").read_text())
    assert line == {"step": 7, "members": {"rollout-0": {"busy": 0.75, "slots": 0.25}}}


def test_a_seat_knows_its_times_between_the_newest_two_questions() -> None:
    book = TimeBook()
    book.tell(Times(1.0, 2.0, {"slots": 1.0}))
    book.tell(Times(4.0, 6.0, {"slots": 2.0}))
    assert book.lately == Times(3.0, 4.0, {"slots": 1.0})
