"""What a model's kernels read is compared tensor by tensor with what it was."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.slow

pytest.importorskip("vllm.model_executor.model_loader.reload")


class Packed(nn.Module):
    """A linear layer behind a handle, as vLLM leaves one on CPU: its weight has no elements."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(0), requires_grad=False)
        self.input_size = 3
        self.hidden = torch.arange(6.0).reshape(2, 3)
        self.quant_method, self.cpu_linear = self, "handle"

    def apply(self, layer: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        return rows @ self.hidden.T


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.experts, self.norm = nn.Linear(4, 4, bias=False), nn.LayerNorm(4)
        self.down = Packed()
        torch.manual_seed(0)
        nn.init.normal_(self.experts.weight)


def in_other_order(model: Model) -> None:
    """As rows that are read without the packing they had."""
    model.experts.weight.data.copy_(model.experts.weight.data.flip(0))


def one_bit(model: Model) -> None:
    model.norm.weight.data.view(torch.int32)[2] ^= 1


def packed_from_old(model: Model) -> None:
    model.down.hidden[1, 2] += 1e-3


def gone(model: Model) -> None:
    del model.norm.bias
    model.norm.register_parameter("bias", None)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (lambda model: None, []),
        (in_other_order, ["experts.weight"]),
        (one_bit, ["norm.weight"]),
        (packed_from_old, ["down.weight (packed)"]),
        (gone, ["norm.bias"]),
    ],
)
def test_a_tensor_that_is_not_what_it_was_is_named(
    fault: Callable[[Model], None], named: list[str]
) -> None:
    from rlsys.weights.reload_proof import changed, held

    model = Model()
    before = held(model)
    fault(model)
    assert changed(before, held(model)) == named
