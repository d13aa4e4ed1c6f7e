"""Which way a learner rank's weights go: into the store, or to the workers that it has met."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.learner_rank import LearnerRank
from rlsys.config.run import Precision
from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

CANARY = Canary([5], [], Precision.float32)


class Rank(LearnerRank):
    """A first rank with stand-ins for the policy and for vLLM's sender; notes what they do."""

    def __init__(self) -> None:
        settings: Any = SimpleNamespace(weights=SimpleNamespace(bucket_mib=1))
        task: Any = SimpleNamespace(idle="ready groups")
        super().__init__(0, "some/path", task, settings, Path("samples"))
        self.did: list[str] = []
        self.version = 3
        self.weights_out: Any = SimpleNamespace(
            publish=self.stored,
            copy=lambda version, bucket_bytes: self.did.append(f"copy {version}"),
            publish_copy=lambda version, send: self.stored(version, 0, send),
            canary=lambda token_ids: CANARY,
        )

    def stored(self, version: int, bucket_bytes: int, send: Any) -> Any:
        self.did.append(f"store {version}")
        return Manifest(version, (), ()), ["a bucket"]

    def _connect(self, bucket_bytes: int, names: Any) -> Any:
        group = "+".join(names)
        self.did.append(f"meet {group}")

        def send(version: int) -> Manifest:
            self.did.append(f"send {version} to {group}")
            return Manifest(version, (), ())

        return SimpleNamespace(send=send, close=lambda: self.did.append(f"leave {group}"))


def test_without_recipients_the_store_carries() -> None:
    rank = Rank()
    head, buckets = rank.publish(3, [5], {})
    assert head == (Manifest(3, (), ()), CANARY)
    assert buckets == ["a bucket"]
    assert rank.did == ["store 3"]


def test_a_group_is_met_once_and_anew_when_one_of_it_is_another() -> None:
    rank = Rank()
    before = {"rollout-0": 1, "rollout-1": 1}
    assert rank.publish(3, [5], before) == ((Manifest(3, (), ()), CANARY), [])
    rank.publish(3, [5], before)
    rank.publish(3, [5], {})
    rank.publish(3, [5], before | {"rollout-1": 2})
    both = "rollout-0+rollout-1"
    assert rank.did == [
        *(f"meet {both}", f"send 3 to {both}", f"send 3 to {both}", "store 3"),
        *(f"leave {both}", f"meet {both}", f"send 3 to {both}"),
    ]


def test_a_version_that_it_does_not_hold_is_an_error_or_nothing_for_a_newcomer() -> None:
    rank = Rank()
    with pytest.raises(WeightSyncError, match="learner-0 holds version 3 and was asked for 2"):
        rank.publish(2, [5], {})
    assert rank.publish_stored(2, [5]) == (None, [])
    assert rank.did == []
    assert rank.publish_stored(3, [5])[1] == ["a bucket"]


def test_a_copy_is_of_the_version_that_it_holds_and_stored_whatever_it_holds_then() -> None:
    rank = Rank()
    with pytest.raises(WeightSyncError, match="learner-0 holds version 3 and was asked for 2"):
        rank.copy_weights(2, [5])
    assert rank.copy_weights(3, [5]) == CANARY
    rank.version = 4
    assert rank.publish_copy(3) == (Manifest(3, (), ()), ["a bucket"])
    assert rank.did == ["copy 3", "store 3"]
