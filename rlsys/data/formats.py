"""Which row formats there are, what columns each needs, and how a file's own is recognized."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data import benchmark_formats as benchmarks
from rlsys.data import conversations, countdown, leetcode, multiple_choice
from rlsys.data import trainer_formats as trainers
from rlsys.data.files import RawFile
from rlsys.data.raw import RawRow
from rlsys.data.rows import Row
from rlsys.errors import DataError, instead

_AIME_NAME = re.compile(r"(?<![a-z])aime", re.IGNORECASE)

Reader = Callable[[RawRow, DataConfig], Row]


@dataclass(frozen=True)
class Format:
    """One row format: its reader, and the columns without which it cannot be read."""

    name: RowFormat
    reader: Reader
    columns: tuple[tuple[str, ...], ...]
    """Alternatives: all columns of one of them must be there."""
    hint: str = ""
    """What else tells it from a format with the same columns."""

    def describe(self) -> str:
        """One line for the error that lists all formats."""
        needs = ", or ".join(" + ".join(group) for group in self.columns)
        return f"{self.name.name}: {needs}{f' ({self.hint})' if self.hint else ''}"


# In the order in which they are tried: the more telling columns first.
FORMATS = (
    Format(RowFormat.verl, trainers.read_verl, (("prompt", "reward_model"),)),
    Format(
        RowFormat.leetcode,
        leetcode.read_leetcode,
        (("prompt", "entry_point", "test"), ("entry_point", "input_output")),
        hint="and entry points such as Solution().twoSum",
    ),
    Format(
        RowFormat.humaneval,
        benchmarks.read_humaneval,
        (("task_id", "prompt", "entry_point", "test"),),
    ),
    Format(
        RowFormat.mbpp,
        benchmarks.read_mbpp,
        (("text", "code", "test_list"), ("prompt", "code", "test_list")),
    ),
    Format(RowFormat.code_contests, benchmarks.read_code_contests, (("problem", "tests"),)),
    Format(
        RowFormat.swebench,
        benchmarks.read_swebench,
        (("instance_id", "base_commit", "problem_statement", "test_patch"),),
    ),
    Format(
        RowFormat.countdown,
        countdown.read_countdown,
        (countdown.COLUMNS,),
        hint="and no answer or label beside them",
    ),
    Format(
        RowFormat.openrlhf,
        trainers.read_openrlhf,
        (("prompt", "label"), ("input", "label")),
        hint="or the columns that data.input_key and data.label_key name",
    ),
    Format(RowFormat.trl, trainers.read_trl, (("prompt",),)),
    Format(RowFormat.messages, conversations.read_messages, (("messages",), ("conversations",))),
    Format(
        RowFormat.instruction,
        conversations.read_instruction,
        (("instruction", "output"), ("instruction", "response")),
    ),
    Format(
        RowFormat.multiple_choice,
        multiple_choice.read_multiple_choice,
        multiple_choice.COLUMNS,
    ),
    Format(
        RowFormat.aime,
        benchmarks.read_aime,
        (("problem", "answer"), ("question", "answer")),
        hint="and a column aime_number, or a file name with aime",
    ),
    Format(RowFormat.math, benchmarks.read_math, (("problem", "answer"), ("problem", "solution"))),
    Format(
        RowFormat.gsm8k,
        benchmarks.read_gsm8k,
        (("question", "answer"),),
        hint="and '#### ' before the final answer",
    ),
    Format(RowFormat.question_answer, trainers.read_question_answer, (("question", "answer"),)),
)


def format_of(file: RawFile, config: DataConfig) -> Format:
    """The format that the config names, else the one that the file's columns show.

    Raises:
        DataError: the columns fit no format, or lack what the named one needs.
    """
    if config.format is not RowFormat.auto:
        named = _by_name(config.format)
        _require(named, file, config)
        return named
    if config.input_key or config.label_key:
        named = _by_name(RowFormat.openrlhf)
        _require(named, file, config)
        return named
    for candidate in FORMATS:
        if _has_columns(candidate, file) and _fits(candidate, file):
            return candidate
    raise DataError(
        f"{file.path}: no row format has the columns {_listed(file)}. Formats and what they need:\n"
        + "\n".join(f"  {known.describe()}" for known in FORMATS)
    )


def _by_name(name: RowFormat) -> Format:
    return next(known for known in FORMATS if known.name is name)


def _has_columns(known: Format, file: RawFile) -> bool:
    return any(set(group) <= set(file.columns) for group in known.columns)


def _fits(known: Format, file: RawFile) -> bool:
    """Whether the file also shows what tells this format from others with its columns."""
    if known.name is RowFormat.aime:
        return "aime_number" in file.columns or _AIME_NAME.search(file.path.name) is not None
    if known.name is RowFormat.gsm8k:
        answers = [row.values.get("answer") for row in file.rows]
        marked = sum(isinstance(answer, str) and "####" in answer for answer in answers)
        return 2 * marked > len(answers)
    if known.name is RowFormat.leetcode:
        return any(leetcode.is_method(row.values.get("entry_point")) for row in file.rows)
    if known.name is RowFormat.countdown:
        return not {"label", *trainers.TRL_ANSWERS} & set(file.columns)
    if known.name is RowFormat.openrlhf:
        # Rows of TRL may have a label beside their answer.
        return not set(trainers.TRL_ANSWERS) & set(file.columns)
    return True


def _require(known: Format, file: RawFile, config: DataConfig) -> None:
    keys = {"data.input_key": config.input_key, "data.label_key": config.label_key}
    named = {setting: key for setting, key in keys.items() if key}
    if known.name is RowFormat.openrlhf and named:
        for setting, key in named.items():
            if key not in file.columns:
                raise DataError(
                    f"{setting}={key!r}: the rows of {file.path} have no such column"
                    f"{instead(key, file.columns)}"
                )
    elif not _has_columns(known, file):
        raise DataError(
            f"{file.path}: the columns are {_listed(file)}, but needed are {known.describe()}"
        )


def _listed(file: RawFile) -> str:
    return ", ".join(file.columns) or "(none)"
