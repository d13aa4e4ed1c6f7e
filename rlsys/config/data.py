"""The `data:` section: which rows, in which format, and how they become prompts."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from rlsys.config.ranges import KEY, Range, ranged
from rlsys.errors import ConfigError


class RowFormat(Enum):
    """How a file's rows are laid out; `rlsys.data.formats` says which columns each one needs."""

    auto = "auto"
    verl = "verl"
    trl = "trl"
    openrlhf = "openrlhf"
    messages = "messages"
    instruction = "instruction"
    question_answer = "question_answer"
    multiple_choice = "multiple_choice"
    gsm8k = "gsm8k"
    math = "math"
    aime = "aime"
    countdown = "countdown"
    leetcode = "leetcode"
    humaneval = "humaneval"
    mbpp = "mbpp"
    code_contests = "code_contests"
    swebench = "swebench"


class PromptTemplate(Enum):
    """What is put around a row's prompt; `rlsys.data.templates` holds the texts."""

    auto = "auto"
    r1_zero = "r1_zero"
    chat = "chat"
    plain = "plain"
    verbatim = "verbatim"


@dataclass
class DataConfig:
    """Training and held-out rows, and how they are prompted."""

    train: str = ""
    """File (.parquet, .arrow, .jsonl, .json, .csv, .tsv, the texts also .gz) or folder of such
    files with the training rows; a data set that was saved to disk; or the id of one on the Hugging
    Face hub, as ORG/NAME:SPLIT or ORG/NAME:CONFIG:SPLIT. Several of them stand with commas between
    them. Empty: the arithmetic task that the project generates."""
    test: str = ""
    """As `train`, the held-out rows; empty: `holdout` rows are split off `train`."""
    holdout: int = ranged(256, least=0)
    """Rows split off `train` when `test` is empty, chosen by a hash of their content; 256 give
    pass@1 of one sample each within 0.06 (95% interval). Of a file with no more prompts than
    that, a fifth; 0: none, and pass@1 is not measured."""
    format: RowFormat = RowFormat.auto
    """auto: recognized by the columns of each file."""
    input_key: str = ""
    """Column of the prompt in OpenRLHF and slime rows; empty: `prompt` or `input`."""
    label_key: str = ""
    """Column of the expected answer in OpenRLHF and slime rows; empty: `label`."""
    source: str = ""
    """Name of the data set, by which a verifier is chosen; empty: what the rows say, else the
    format's or the file's name."""
    template: PromptTemplate = PromptTemplate.auto
    """auto: the tokenizer's chat template where it has one, r1_zero where it has none, and
    verbatim for rows whose prompt is already a complete text to be continued."""
    system_prompt: str = ""
    """Replaces the system message, or the template's instruction; empty: the row's own system
    message, else the template's instruction for rows that are bare questions."""
    max_prompt_tokens: int = ranged(384, least=1)
    """Longer prompts are left out, and counted; 384 and sampling.max_tokens=128 fill a context
    of 512 tokens."""
    pass_rate: list[float] = field(default_factory=list, metadata={KEY: Range(least=0, most=1)})
    """[least, most] share of right completions, both included, of the rows to train on, as measured
    by `rlsys sample`: [0.1, 0.9] leaves out what a policy never gets right, and what it always
    does, neither of which teaches it anything. Rows without a rate are left out, too. []: all."""
    rates: str = ""
    """The rates for pass_rate: the rates.jsonl of a run of `rlsys sample`."""
    shuffle: bool = True
    """A new order each epoch; false keeps the order of the rows."""
    skip_unreadable_rows: bool = False
    """true leaves out rows that cannot be read, and counts them; false stops and says which,
    since a row is more often misread than broken."""


def paths_in(setting: str) -> list[str]:
    """The paths that a setting of data names, of which there may be several with commas between
    them. One that is there is one path, commas in its name or not."""
    if Path(setting).expanduser().exists():
        return [setting]
    return [path for part in setting.split(",") if (path := part.strip())]


def validate(config: DataConfig) -> None:
    """Raise ConfigError on a setting that cannot work or would have no effect."""
    keyed = config.input_key or config.label_key
    if keyed and config.format not in (RowFormat.auto, RowFormat.openrlhf):
        raise ConfigError(
            f"data.input_key={config.input_key!r} and data.label_key={config.label_key!r} are for "
            f"OpenRLHF rows, and data.format is {config.format.name}; nearest valid: "
            "data.format=openrlhf"
        )
    if config.system_prompt and config.template is PromptTemplate.verbatim:
        raise ConfigError(
            "data.system_prompt has no place in data.template=verbatim; nearest valid: "
            "data.template=plain"
        )
    _validate_rates(config)


def _validate_rates(config: DataConfig) -> None:
    share, rates = config.pass_rate, config.rates
    if share and not rates:
        raise ConfigError(
            f"data.pass_rate={share}: says nothing of where the rates are; nearest valid: "
            "data.rates=RUN/rates.jsonl, of a run of `rlsys sample`"
        )
    if rates and not share:
        raise ConfigError(
            f"data.rates={rates!r} has no effect without data.pass_rate; nearest valid: "
            "data.pass_rate=[0.1,0.9]"
        )
    if share and (len(share) != 2 or share[0] > share[1]):
        nearest = [min(share), max(share)] if len(share) > 1 else [0.1, 0.9]
        raise ConfigError(
            f"data.pass_rate={share}: expected the least and the most; nearest valid: {nearest}"
        )
