"""The stage `merge`: several policies become one, tensor by tensor.

    run.directory/NAME/config.yaml    the settings
    run.directory/NAME/policy/        config, tokenizer and weights, as save_pretrained leaves them
    run.directory/NAME/summary.json   what was merged, and how far the result is from each policy
    run.directory/NAME/manifest.json  the digests of all of them, once everything is there
    run.directory/NAME/lock           held while it goes on; failure.json says why one failed

The policy appears by one rename, so one of that name is whole. A merge that was killed is made
anew when it is resumed: it takes no longer than to read its policies.
"""

import hashlib
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from rlsys.algorithms import merging
from rlsys.config.load import to_yaml
from rlsys.config.merge import MergeConfig, MergeMethod
from rlsys.config.model_names import FILE
from rlsys.config.run import RunConfig
from rlsys.disk import disk_errors, replace_text, sync
from rlsys.errors import ConfigError, ResumeError
from rlsys.lineage.kinds import MERGE
from rlsys.lineage.manifest import FILE as MANIFEST
from rlsys.lineage.manifest import artifact, write_manifest
from rlsys.observe.merge_summary import MergeSummary
from rlsys.run.folder import failure_recorded, held
from rlsys.stages.merge_plan import MergeInput, MergePlan
from rlsys.watch.remaining import Remaining

POLICY = "policy"
_BESIDE_WEIGHTS = ("*.json", "*.txt", "*.jinja", "*.model")


def run(
    config: RunConfig,
    folder: Path,
    plan: MergePlan,
    started: float,
    progress: Callable[[str], None],
) -> MergeSummary:
    """Merge the plan's policies into the folder of a run, a new one or one that was killed.

    Args:
        started: time.monotonic() of the command's start.
    Raises:
        ResumeError: the run is done, or another process makes it now.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # Of a run, so that `rlsys runs` says how far it is.
    config = replace(config, loop=replace(config.loop, steps=plan.tensors, epochs=0.0))
    with held(folder), failure_recorded(folder):
        if (folder / MANIFEST).is_file():
            raise ResumeError(f"{folder} is done: its policy is {folder / POLICY}")
        replace_text(folder / FILE, to_yaml(config))
        progress("digests of the policies")
        inputs = {name: artifact(path) for name, path in plan.inputs.items()}
        merger = Merger(config.merge, plan, config.run.seed, progress)
        with _appearing(folder / POLICY) as policy:
            _copy_beside_weights(plan, policy)
            plan.policies[0].tensors.write_like(policy, merger.merged)
        summary = _summary(config, folder, plan, merger, time.monotonic() - started)
        summary.write(folder)
        made = {POLICY: folder / POLICY}
        write_manifest(folder, MERGE, config, inputs, made, summary.figures(), started)
    return summary


def _summary(
    config: RunConfig, folder: Path, plan: MergePlan, merger: "Merger", wall_s: float
) -> MergeSummary:
    merge = config.merge
    return MergeSummary(
        run=folder.name,
        steps=merger.tensors,
        planned_steps=plan.tensors,
        wall_s=wall_s,
        times={},
        members={},
        notes=[*plan.notes, *merger.notes()],
        policy=str(folder / POLICY),
        method=merge.method.value,
        inputs={name: str(path) for name, path in plan.inputs.items()},
        weights=merge.shares,
        scale=merge.scale,
        density=merge.density,
        seed=config.run.seed,
        copied=merger.copied,
        parameters=merger.parameters,
        distances=merger.distances(),
    )


class Merger:
    """Merges one tensor after the other, and sums up how far they move."""

    def __init__(
        self, config: MergeConfig, plan: MergePlan, seed: int, progress: Callable[[str], None]
    ) -> None:
        self.config, self.plan, self.seed, self.progress = config, plan, seed, progress
        self.tensors = self.parameters = 0
        self.remaining = Remaining(plan.tensors, what="tensors")
        self.copied: list[str] = []
        self._squares = {name: [0.0, 0.0] for name in plan.inputs}
        """Of each input: the squared norms of its distance to the result, and of itself."""
        self._differs = [False] * len(plan.policies)
        """Whether a policy's weights are others than the first one's."""

    def merged(self, name: str) -> torch.Tensor:
        """One tensor of the result, in the number format of the first policy's."""
        first = self.plan.policies[0].tensors.read(name)
        self.remaining.add(1 if self.tensors else 0)  # the one before, which is done now
        self.tensors += 1
        self.progress(f"merging: {self.remaining}")
        if not first.is_floating_point():
            self.copied.append(name)
            return first
        tensors = [first.float()]
        tensors += [one.tensors.read(name).float() for one in self.plan.policies[1:]]
        base = self.plan.base.tensors.read(name).float() if self.plan.base else None
        _require_numbers(name, self.plan.policies, tensors)
        if self.plan.base and base is not None:
            _require_numbers(name, [self.plan.base], [base])
        result = self._by_method(name, tensors, base).to(first.dtype)
        self.parameters += result.numel()
        self._measure(result.float(), [*tensors, *([base] if base is not None else [])])
        return result

    def distances(self) -> dict[str, float]:
        """See MergeSummary."""
        return {
            name: math.sqrt(distance / own) if own else 0.0
            for name, (distance, own) in self._squares.items()
        }

    def notes(self) -> list[str]:
        """Policies that are the first one under another name."""
        first, *others = self.plan.policies
        return [
            f"{other.named}: its weights are those of {first.named}"
            for other, differs in zip(others, self._differs[1:], strict=True)
            if not differs
        ]

    def _by_method(
        self, name: str, tensors: Sequence[torch.Tensor], base: torch.Tensor | None
    ) -> torch.Tensor:
        config, weights = self.config, self.config.shares
        if config.method is MergeMethod.linear:
            return merging.linear(tensors, weights)
        if config.method is MergeMethod.slerp:
            return merging.slerp(tensors[0], tensors[1], weights[1])
        assert base is not None
        if config.method is MergeMethod.task_arithmetic:
            return merging.task_arithmetic(base, tensors, weights, config.scale)
        if config.method is MergeMethod.ties:
            return merging.ties(base, tensors, weights, config.scale, config.density)
        dare = {
            MergeMethod.dare_linear: merging.dare_linear,
            MergeMethod.dare_ties: merging.dare_ties,
        }[config.method]
        generators = [generator_of(self.seed, i, name) for i in range(len(tensors))]
        return dare(base, tensors, weights, config.scale, config.density, generators)

    def _measure(self, result: torch.Tensor, inputs: Sequence[torch.Tensor]) -> None:
        for squares, tensor in zip(self._squares.values(), inputs, strict=True):
            squares[0] += float(torch.linalg.vector_norm(result - tensor)) ** 2
            squares[1] += float(torch.linalg.vector_norm(tensor)) ** 2
        for i in range(1, len(self._differs)):
            self._differs[i] = self._differs[i] or not torch.equal(inputs[0], inputs[i])


def _require_numbers(
    name: str, inputs: Sequence[MergeInput], tensors: Sequence[torch.Tensor]
) -> None:
    """Raise ConfigError naming the first input whose tensor of this name is not all numbers."""
    for one, tensor in zip(inputs, tensors, strict=True):
        if not tensor.isfinite().all():
            raise ConfigError(
                f"{one.named}: its tensor {name} holds values that are no finite numbers; leave it "
                "out, or take an earlier checkpoint of it"
            )


def generator_of(seed: int, policy: int, tensor: str) -> torch.Generator:
    """What draws a policy's mask of one tensor: the same in whatever order tensors are merged."""
    digest = hashlib.blake2b(f"{seed} {policy} {tensor}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def _copy_beside_weights(plan: MergePlan, policy: Path) -> None:
    """Config, tokenizer, generation config, and the index of several files of weights."""
    first = plan.policies[0]
    is_whole = len(first.tensors.files) == 1
    for pattern in _BESIDE_WEIGHTS:
        for file in sorted(first.folder.glob(pattern)):
            is_index = file.name.endswith(".index.json")
            if file.name != MANIFEST and not (is_index and is_whole):
                with disk_errors(policy / file.name):
                    shutil.copyfile(file, policy / file.name)


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A folder to fill, which stands under its own name once the block is done, in the place of one
    that stood there."""
    building = folder.with_name(f".{folder.name}.unfinished")
    with disk_errors(building):
        if building.is_dir():
            shutil.rmtree(building)
        building.mkdir()
    yield building
    with disk_errors(folder):
        sync(building)
        if folder.is_dir():
            shutil.rmtree(folder)
        building.rename(folder)
        sync(folder.parent)
