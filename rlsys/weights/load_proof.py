"""Proof of an update inside vLLM: what arrived is what was published, and all of it was loaded.

A model's `load_weights` may skip a tensor without a word, and what it leaves behind, weights one
update old, differs too little for any logprob to show. Which tensors reached a parameter is
therefore watched: during vLLM's layerwise reload every load goes through its parameter's
`weight_loader`, and a tensor that was handed to one is known by the address of its bytes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

import torch
from vllm.model_executor.model_loader.reload.utils import get_layer_tensors
from vllm.model_executor.model_loader.weight_utils import default_weight_loader

from rlsys.errors import WeightSyncError
from rlsys.weights.bundle import Manifest, Named
from rlsys.weights.fingerprint import Proof, proving

_LEFT_OUT = "e_score_correction_bias"
"""A parameter that layerwise reload knows nothing of."""
_ROWS = ("q", "k", "v")
"""What vLLM calls the parts of a layer that it merges of three, in the order of their rows."""


class LoadProof:
    """Watches one update. Build it after vLLM's initialize_layerwise_reload(model)."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.proofs: dict[str, Proof] = {}
        """Of what arrived; asked for at the end alone, so that one chunk can arrive while the one
        before is loaded."""
        self.placed: dict[str, list[str]] = {}
        """By module, the tensors it was handed; once the watch has ended, in the order of their
        rows: q, k and v may come in any, others come in theirs."""
        self._ranks: dict[str, int] = {}
        self._starts: list[int] = []
        self._spans: list[tuple[int, str]] = []
        self._watched: list[tuple[Any, Callable[..., Any]]] = []
        for place, module in model.named_modules():
            for name, tensor in get_layer_tensors(module).items():
                self._watch(tensor, place, name)

    def load(self, tensors: Iterable[Named]) -> None:
        """The model's own load_weights, watched; may be called for one bucket after another.

        A tensor is proved while it is loaded, so that one reading of memory serves both.
        """
        named = list(tensors)
        places = sorted((t.data_ptr(), t.data_ptr() + t.nbytes, name) for name, t in named)
        self._starts = [start for start, _, _ in places]
        self._spans = [(end, name) for _, end, name in places]
        with proving() as prove:

            def handed_over() -> Iterator[Named]:
                for name, tensor in named:
                    self.proofs[name] = prove(tensor)
                    yield name, tensor

            self.model.load_weights(handed_over())

    def watch(self, tensors: Iterable[Named]) -> None:
        """The same for a policy's files, of which one tensor is in memory at a time: nothing is
        said of its bytes."""

        def handed_over() -> Iterator[Named]:
            for name, tensor in tensors:
                self._starts = [tensor.data_ptr()]
                self._spans = [(tensor.data_ptr() + tensor.nbytes, name)]
                yield name, tensor

        self.model.load_weights(handed_over())

    def check(self, manifest: Manifest) -> None:
        """Raise WeightSyncError naming the first tensor that is not what was published, or the
        tensors that no parameter took. A tensor without elements has nothing to be taken."""
        self.release()
        head = f"version {manifest.version}:"
        for record in manifest.tensors:
            proof = self.proofs.get(record.name)
            arrived = None if proof is None else proof.result()
            if arrived != record.fingerprint:
                state = "did not arrive" if arrived is None else "was altered on its way"
                raise WeightSyncError(f"{head} tensor {record.name} {state}")
        reached = {name for names in self.placed.values() for name in names}
        missing = [t.name for t in manifest.tensors if t.num_bytes and t.name not in reached]
        if missing:
            raise WeightSyncError(
                f"{head} vLLM's loader put tensors {missing[:3]} nowhere ({len(missing)} in all)"
            )

    def release(self) -> None:
        """Watch no longer: the parameters have their own loaders again."""
        for tensor, loader in self._watched:
            tensor.weight_loader = loader
        for names in self.placed.values():
            names.sort(key=self._ranks.__getitem__)

    def _watch(self, tensor: Any, place: str, name: str) -> None:
        # vLLM hangs the loader on plain tensors, too; one without it is never loaded, but for a
        # router's bias, which its layerwise reload leaves to models to load where it stands.
        own = default_weight_loader if name == _LEFT_OUT else None
        loader = getattr(tensor, "weight_loader", own)
        if loader is None:
            return

        # wraps() keeps the name and __wrapped__, by which vLLM finds the original loader again.
        @wraps(loader)
        def watched(*arguments: Any, **named: Any) -> Any:
            values = (*arguments, *named.values())
            rank = next((_ROWS.index(v) for v in values if isinstance(v, str) and v in _ROWS), 0)
            for value in values:
                if isinstance(value, torch.Tensor) and not value.is_meta:
                    self._mark(value.data_ptr(), place, rank)
            return loader(*arguments, **named)

        tensor.weight_loader = watched
        self._watched.append((tensor, loader))

    def _mark(self, address: int, place: str, rank: int) -> None:
        index = bisect_right(self._starts, address) - 1
        if index >= 0 and address < self._spans[index][0]:
            name = self._spans[index][1]
            self._ranks[name] = rank
            self.placed.setdefault(place, []).append(name)
