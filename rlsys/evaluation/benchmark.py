"""What a benchmark is: its rows, how they are asked and graded, how long completions may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlsys.config.data import DataConfig, PromptTemplate, RowFormat
from rlsys.config.verifiers import RewardConfig
from rlsys.data.read import read_rows
from rlsys.data.rows import Row
from rlsys.errors import DataError


@dataclass(frozen=True)
class Benchmark:
    """One benchmark. A module in rlsys/evaluation/benchmarks, or a file of your own, that assigns
    `BENCHMARK = Benchmark(...)` is all that it takes."""

    name: str
    about: str
    """One line for lists: what is asked, how many problems the published set has."""
    verifier: str
    """Name of the verifier that decides what is right."""
    votes: bool
    """Whether final answers can be equal to one another (1/2 and 0.5), which Cons@k needs;
    programs and patches cannot."""
    max_tokens: int
    """Completion tokens at most, as published evaluations of reasoning models use them."""
    files: tuple[str, ...] = ()
    """Where the rows lie below the data folder; the first that exists is taken."""
    format: RowFormat = RowFormat.auto
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the verifier."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Figures beside pass@k by their names, each the mean over completions of what a VERIFIER, or
    one part of its verdict as VERIFIER.PART, says: how the completions read."""
    path_options: Mapping[str, str] = field(default_factory=dict)
    """Options of the verifier that are paths below the data folder."""
    continued: PromptTemplate = PromptTemplate.auto
    """Template for models without a chat template; with one, it is always used."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion where the model merely continues a text."""
    rows: Callable[[], list[Row]] | None = None
    """Makes the rows of a benchmark that has no file."""
    belongs: Callable[[Row], bool] = lambda row: True
    """Whether a row of the file is in the benchmark: published splits of larger files."""

    def rewards(self, data: Path) -> list[RewardConfig]:
        """The verifier as the only component that pays, and those that mark."""
        paths = {name: str((data / path).resolve()) for name, path in self.path_options.items()}
        options = dict(self.options) | paths
        decides = RewardConfig(self.name, self.verifier, 1.0, False, [self.name], options)
        marking = dict.fromkeys(mark.partition(".")[0] for mark in self.marks.values())
        marks = [
            RewardConfig(self._component(verifier), verifier, 0.0, False, [self.name])
            for verifier in marking
        ]
        return [decides, *marks]

    def component(self, mark: str) -> str:
        """The column that a mark's verdicts stand in."""
        verifier, dot, part = self.marks[mark].partition(".")
        return f"{self._component(verifier)}{dot}{part}"

    def _component(self, verifier: str) -> str:
        return f"{self.name}/{verifier}"

    def find(self, data: Path) -> Path:
        """The file of its rows.

        Raises:
            DataError: none of its files is below the folder.
        """
        for name in self.files:
            if (data / name).exists():
                return data / name
        raise DataError(
            f"benchmark {self.name}: no {' or '.join(self.files)} in {data}; name the folder that "
            "holds it with --data"
        )

    def load(self, data: Path) -> list[Row]:
        """Its rows, with the benchmark's name as their source.

        Raises:
            DataError: the file or a folder of the verifier is missing, a row cannot be read, or
                none belongs to the benchmark.
        """
        for option, below in self.path_options.items():
            if not (data / below).exists():
                raise DataError(
                    f"benchmark {self.name}: no {data / below}, which its verifier needs as "
                    f"{option} (docs/verifiers.md, {self.verifier})"
                )
        if self.rows is not None:
            return [replace(row, source=self.name) for row in self.rows()]
        config = DataConfig(format=self.format, source=self.name)
        path = self.find(data)
        rows = [row for row in read_rows(str(path), config).rows if self.belongs(row)]
        if not rows:
            raise DataError(f"benchmark {self.name}: none of the rows of {path} belongs to it")
        return rows

    def prompting(self, has_chat_template: bool, max_prompt_tokens: int) -> DataConfig:
        """How its rows become prompts for a model."""
        template = PromptTemplate.auto if has_chat_template else self.continued
        return DataConfig(
            source=self.name, template=template, max_prompt_tokens=max_prompt_tokens, shuffle=False
        )
