"""vLLM's own layerwise reload on a small model whose loader can be made to misbehave."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
import torch
from torch import nn

from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest, Named, pack

pytestmark = pytest.mark.slow

reload = pytest.importorskip("vllm.model_executor.model_loader.reload")
default_weight_loader = pytest.importorskip(
    "vllm.model_executor.model_loader.weight_utils"
).default_weight_loader


class Merged(nn.Module):
    """One parameter of two published tensors, as vLLM merges q, k and v."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 3), requires_grad=False)
        self.weight.weight_loader = self.load_half

    def load_half(self, param: torch.Tensor, loaded_weight: torch.Tensor, half: int) -> None:
        param.data[2 * half : 2 * half + 2].copy_(loaded_weight)


class Gate(nn.Module):
    """A router of vLLM's: its bias has no loader, and is read by another reference."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 3), requires_grad=False)
        self.weight.weight_loader = default_weight_loader
        self.e_score_correction_bias = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.read = [self.e_score_correction_bias]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.merged, self.norm, self.gate = Merged(), nn.LayerNorm(3, bias=False), Gate()
        self.skip: set[str] = set()
        reload.record_metadata_for_reloading(self)

    def load_weights(self, tensors: Iterable[Named]) -> None:
        for name, tensor in tensors:
            if name in self.skip:
                continue
            if name == "norm.weight":
                self.norm.weight.weight_loader(self.norm.weight, tensor)
            elif name.startswith("gate."):
                parameter = getattr(self.gate, name.removeprefix("gate."))
                getattr(parameter, "weight_loader", default_weight_loader)(parameter, tensor)
            else:
                loader = self.merged.weight.weight_loader
                loader(self.merged.weight, tensor, ["up", "down"].index(name))


TENSORS = {
    "up": torch.ones(2, 3),
    "down": torch.full((2, 3), 2.0),
    "norm.weight": torch.tensor([3.0, 4.0, 5.0]),
    "gate.weight": torch.full((2, 3), 6.0),
    "gate.e_score_correction_bias": torch.tensor([7.0, 8.0]),
}


def update(model: Model, published: Manifest, received: Iterable[Named]) -> None:
    """What SharedMemoryTransfer does, and WorkerExtension at the end."""
    from rlsys.weights.load_proof import LoadProof

    reload.initialize_layerwise_reload(model)
    proof = LoadProof(model)
    proof.load(received)
    proof.check(published)
    reload.finalize_layerwise_reload(model, None)


def published() -> tuple[Manifest, list[Named]]:
    manifest, _ = pack(3, [list(TENSORS.items())], len)
    return manifest, [(name, tensor.clone()) for name, tensor in TENSORS.items()]


def test_what_was_published_is_loaded_again_and_again() -> None:
    model = Model()
    manifest, received = published()
    for _ in range(3):
        model.merged.weight.data.zero_()
        update(model, manifest, received)
        assert model.merged.weight[:, 0].tolist() == [1.0, 1.0, 2.0, 2.0]
        assert model.norm.weight.tolist() == [3.0, 4.0, 5.0]
        assert model.gate.read[0].tolist() == [7.0, 8.0]


def test_a_policys_files_are_watched_without_being_held() -> None:
    from rlsys.weights.load_proof import LoadProof

    model = Model()
    reload.initialize_layerwise_reload(model)
    proof = LoadProof(model)
    proof.watch((name, tensor.clone()) for name, tensor in TENSORS.items())
    proof.release()
    reload.finalize_layerwise_reload(model, None)
    assert proof.placed == {
        "merged": ["up", "down"],
        "norm": ["norm.weight"],
        "gate": ["gate.weight", "gate.e_score_correction_bias"],
    }
    assert model.merged.weight[:, 0].tolist() == [1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_that_the_loader_skips_is_named(name: str) -> None:
    model = Model()
    model.skip = {name}
    with pytest.raises(WeightSyncError, match=rf"version 3: vLLM's loader put tensors \['{name}'"):
        update(model, *published())


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_altered_on_its_way_is_named(name: str) -> None:
    manifest, received = published()
    dict(received)[name].view(torch.uint8)[..., 0] ^= 1
    with pytest.raises(WeightSyncError, match=f"version 3: tensor {name} was altered on its way"):
        update(Model(), manifest, received)


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_that_does_not_arrive_is_named(name: str) -> None:
    manifest, received = published()
    with pytest.raises(WeightSyncError, match=f"version 3: tensor {name} did not arrive"):
        update(Model(), manifest, [item for item in received if item[0] != name])


def test_tensors_that_arrive_under_each_others_name_are_noticed() -> None:
    manifest, received = published()
    up, down, *others = received
    with pytest.raises(WeightSyncError, match="tensor up was altered"):
        update(Model(), manifest, [(up[0], down[1]), (down[0], up[1]), *others])


def test_the_bytes_of_a_version_that_was_not_published_are_refused() -> None:
    manifest, received = published()
    wrong = replace(manifest.tensors[2], fingerprint=0)
    manifest = replace(manifest, tensors=(*manifest.tensors[:2], wrong, *manifest.tensors[3:]))
    with pytest.raises(WeightSyncError, match=r"tensor norm\.weight was altered"):
        update(Model(), manifest, received)
