"""The cluster of a run: one that is there is found to be there."""

import pytest
import ray

from rlsys.network import require_cluster

pytestmark = pytest.mark.slow


def test_a_running_head_is_recognized_by_its_address(cluster: None) -> None:
    require_cluster(ray.get_runtime_context().gcs_address)
