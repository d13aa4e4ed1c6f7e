"""What a step made of each token that it trained on, for the samples: a number or two a token.

    a rank's microbatches -> saw(...) -> TokenRecord -> columns(ranks), the same on every rank

Each rank knows the tokens of its own microbatches; one sum over the ranks puts them together, as
large as two columns of logprobs.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import torch

from rlsys.learning.microbatches import Microbatch
from rlsys.learning.ranks import Ranks
from rlsys.learning.sequences import Sequences
from rlsys.schema import TRAINED

_PLACES = ("minibatch", "rank", "microbatch")


class TokenRecord:
    """One step's.

    Args:
        names: of the numbers per token that the objective says of each microbatch.
    """

    def __init__(self, sequences: Sequences, names: tuple[str, ...]) -> None:
        self.sequences = sequences
        self.starts = np.cumsum([0, *(len(one) for one in sequences.completions)])
        self.values = {name: torch.zeros(int(self.starts[-1])) for name in sorted(names)}
        self.places = torch.zeros(len(sequences), len(_PLACES))

    def saw(
        self,
        minibatch: int,
        rank: int,
        number: int,
        microbatch: Microbatch,
        values: Mapping[str, torch.Tensor],
    ) -> None:
        """One of this rank's microbatches.

        Args:
            minibatch: which of the step's, from 0.
            number: which of the rank's in that, from 0.
            values: [B, T] by name, of the microbatch's layout.
        """
        layout = microbatch.layout
        lengths = layout.mask.sum(dim=1).tolist()
        on_cpu = {name: values[name].float().cpu() for name in self.values}
        for row, (i, length) in enumerate(zip(layout.sequences, lengths, strict=True)):
            if not length:  # a rank without work has a prompt that another rank trains on
                continue
            # Counted from 1, so that 0 is a sequence that nobody saw.
            self.places[i] = torch.tensor([minibatch, rank, number]) + 1
            for name, whole in self.values.items():
                whole[self.starts[i] : self.starts[i + 1]] = on_cpu[name][row, :length]

    def columns(self, ranks: Ranks) -> dict[str, pa.Array]:
        """The columns of rlsys.schema.TRAINED, a row for each sequence; all ranks must call.

        `advantages` is null where one number says it for all of a completion's tokens.
        """
        parts = [*self.values.values(), self.places.flatten()]
        sums = ranks.summed(ranks.once(torch.cat(parts).to(ranks.device))).cpu()
        *values, places = sums.split([len(part) for part in parts])
        columns = dict(zip(self.values, values, strict=True))
        found = {name: self._lists(name, columns[name].numpy()) for name in self.values}
        numbers = places.view(-1, len(_PLACES)).numpy()
        for at, name in enumerate(_PLACES):
            own = numbers[:, at]
            found[name] = pa.array(own - 1, type=TRAINED[name], mask=own == 0)
        return found | {"advantages": self._advantages()}

    def _lists(self, name: str, flat: np.ndarray) -> pa.Array:
        """A list for each sequence; null where a token was not trained on."""
        type_ = TRAINED[name]
        values = pa.array(np.nan_to_num(flat), mask=np.isnan(flat)).cast(type_.value_type)
        return pa.ListArray.from_arrays(pa.array(self.starts, type=pa.int32()), values)

    def _advantages(self) -> pa.Array:
        own = self.sequences.columns["advantages"]
        varies = [len(one) > 0 and bool((one != one[0]).any()) for one in own]
        rows = [one if differs else None for one, differs in zip(own, varies, strict=True)]
        return pa.array(rows, type=TRAINED["advantages"])
