"""Keys and values of rows that go on from each other, so that no row is computed twice.

    row 1    prompts                  adds theirs
    row 2    a token of each          attends to both rows' keys, and adds its own
    row 3    ...

Unlike a cache for decoding they have their gradient: a loss goes back through all rows before.
"""

from torch import Tensor


class KeptKeys:
    """Of one row and of those before it, by layer. Each row has an object of its own, which changes
    nothing of an earlier one's: a layer may be computed again in the backward pass."""

    def __init__(self, places: Tensor, size: int, before: "KeptKeys | None" = None) -> None:
        """
        Args:
            places: [S] int64, where the row's own keys go.
            size: places that there are for all rows.
        """
        self._places, self._size, self._before = places, size, before
        self._rows: dict[int, tuple[Tensor, Tensor]] = {}

    def joined(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """[size, heads, D] keys and values of all rows so far, from the row's own [S, heads, D]."""
        earlier = self._before._rows[layer] if self._before else (None, None)
        keys, values = (
            (new.new_zeros(self._size, *new.shape[1:]) if old is None else old).index_copy(
                0, self._places, new
            )
            for old, new in zip(earlier, (key, value), strict=True)
        )
        # Of a layer that is computed again the first ones are those that later rows go back to.
        self._rows.setdefault(layer, (keys, values))
        return keys, values
