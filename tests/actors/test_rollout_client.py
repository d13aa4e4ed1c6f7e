"""The learner's line to rollout workers of which one does not answer."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import ray
from ray import cloudpickle

from actors.rollout_client import RolloutClient
from rlsys.config.run import Transport
from rlsys.errors import StallError

pytestmark = pytest.mark.slow
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Worker:
    """Answers, or not."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers

    def is_up(self) -> bool:
        return True

    def begin_update(self) -> None:
        if not self.answers:
            time.sleep(600)

    def receive_weights(self, info: dict[str, Any]) -> None:
        raise ValueError(f"no tensors in {info}")


@pytest.fixture
def client(cluster: None) -> Iterator[RolloutClient]:
    made: Any = ray.remote(Worker)
    workers = [
        made.options(name=f"rollout-{i}", num_cpus=0).remote(answers=i != 1) for i in range(3)
    ]
    ray.get([worker.is_up.remote() for worker in workers])
    yield RolloutClient([f"rollout-{i}" for i in range(3)], 1, Transport.nccl, 10.0)
    for worker in workers:
        ray.kill(worker)


def test_a_worker_that_does_not_answer_is_named_after_half_of_the_drivers_deadline(
    client: RolloutClient,
) -> None:
    began = time.monotonic()
    with pytest.raises(StallError) as caught:
        client.start_weight_update()
    assert 9.0 < time.monotonic() - began < 20.0
    assert str(caught.value) == (
        "the learner waited 10 s for rollout-1 to begin an update (half of "
        "loop.stall_timeout_s); 2 of 3 have answered"
    )


def test_what_a_worker_raises_is_raised_at_once(client: RolloutClient) -> None:
    with pytest.raises(ValueError, match="no tensors"):
        client.update_weights({})
