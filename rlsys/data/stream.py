"""PromptStream: prompts without end, in an order that a checkpoint can resume exactly."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rlsys.data.templates import Prompt
from rlsys.errors import ConfigError, DataError


class PromptStream(Iterator[Prompt]):
    """Hands out all prompts once per epoch, each epoch in an order of its own.

    The order of an epoch depends on (seed, epoch) and the number of prompts only: prompts are
    sorted by a hash of seed, epoch and index, so it is the same on every machine and with every
    version of Python.

    Raises:
        DataError: there are no prompts.
    """

    def __init__(self, prompts: Sequence[Prompt], seed: int, shuffle: bool = True) -> None:
        if not prompts:
            raise DataError("a prompt stream needs at least one prompt, got none")
        self._prompts = prompts
        self._seed = seed
        self._shuffle = shuffle
        self._digest = digest(prompts)
        self._start(epoch=0, position=0)

    def __next__(self) -> Prompt:
        if self._position == len(self._order):
            self._start(self._epoch + 1, position=0)
        prompt = self._prompts[self._order[self._position]]
        self._position += 1
        return prompt

    @property
    def epoch(self) -> int:
        """The epoch of the last prompt handed out, counted from 0."""
        return self._epoch

    def named(self, prompt_ids: Iterable[str]) -> list[Prompt]:
        """The prompts with these ids, whether they have been handed out or not.

        Raises:
            DataError: there is none with such an id.
        """
        by_id = {prompt.prompt_id: prompt for prompt in self._prompts}
        wanted = list(prompt_ids)
        missing = [prompt_id for prompt_id in wanted if prompt_id not in by_id]
        if missing:
            raise DataError(f"no prompt has the id {missing[0]!r}; {len(by_id)} have another")
        return [by_id[prompt_id] for prompt_id in wanted]

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, as a few JSON values."""
        return {
            "epoch": self._epoch,
            "position": self._position,
            "seed": self._seed,
            "shuffle": self._shuffle,
            "num_prompts": len(self._prompts),
            "digest": self._digest,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken: the next prompt is the one that came next then.

        Raises:
            ConfigError: seed or shuffle are not those of the checkpoint.
            DataError: the prompts are not those of the checkpoint.
        """
        for path, own, saved in (
            ("run.seed", self._seed, state["seed"]),
            ("data.shuffle", self._shuffle, state["shuffle"]),
        ):
            if own != saved:
                raise ConfigError(
                    f"{path}={own}, but the checkpoint was written with {path}={saved}, and the "
                    f"order of the prompts depends on it; resume with {path}={saved}"
                )
        if state["digest"] != self._digest:
            raise DataError(
                "the prompts are not those of the checkpoint: "
                f"{state['num_prompts']} prompts with digest {state['digest']} then, "
                f"{len(self._prompts)} with {self._digest} now; resume with the same files, "
                "template and tokenizer, or start a new run from the checkpoint's weights"
            )
        self._start(state["epoch"], state["position"])

    def _start(self, epoch: int, position: int) -> None:
        self._epoch, self._position = epoch, position
        self._order = list(range(len(self._prompts)))
        if self._shuffle:
            self._order.sort(key=lambda index: _rank(self._seed, epoch, index))


def digest(prompts: Sequence[Prompt]) -> str:
    """A hash of what is prompted and in which order: ids and token ids."""
    digest = hashlib.blake2b(digest_size=16)
    for prompt in prompts:
        digest.update(json.dumps([prompt.prompt_id, prompt.token_ids]).encode())
    return digest.hexdigest()


def _rank(seed: int, epoch: int, index: int) -> bytes:
    return hashlib.blake2b(f"{seed} {epoch} {index}".encode(), digest_size=16).digest()
