"""From rows to prompts: the text around a question, and its token ids.

| template | a bare question becomes | asks for the answer in |
|---|---|---|
| r1_zero | DeepSeek-R1-Zero's prompt (arXiv:2501.12948), `<think>` opened | `<answer>` |
| chat | the tokenizer's own chat template, with an instruction as system message | `<answer>` |
| plain | `Question: ...`, an instruction, `Answer:` | `\\boxed{}` |
| verbatim | the row's text as it stands | what the row says |

auto takes verbatim for rows that are a text to be continued, among them prompts that already end
in an open assistant turn (such as TinyZero's, whose one user message ends in `<think>`); chat
where the tokenizer has a chat template; else r1_zero.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from jinja2 import TemplateError

from rlsys import schema
from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.rows import ChatMessage, PromptKind, Row
from rlsys.errors import ConfigError, DataError

R1_ZERO_PREAMBLE = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant "
    "solves it. The assistant first thinks about the reasoning process in the mind and then "
    "provides the user with the answer. The reasoning process and answer are enclosed within "
    "<think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process "
    "here </think> <answer> answer here </answer>."
)
CHAT_INSTRUCTION = (
    "Reason about the question inside <think> </think>, then give only the final answer inside "
    "<answer> </answer>."
)
PLAIN_INSTRUCTION = "Reason step by step, and put the final answer in \\boxed{}."

BARE_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ message['content'] + '\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% endif %}{% endfor %}"
)
"""The local policy's chat template: it is trained on bare questions, so that the instruction to
answer inside of tags is left out on purpose."""
_SHOWN_CHARACTERS = 60
"""Of a system message, in a warning."""

_OPEN_TURN = re.compile(
    r"(?: (?:^|\n) assistant: | (?:<\|im_start\|>assistant | <[|｜]assistant[|｜]>"
    r"| <\|start_header_id\|>assistant<\|end_header_id\|>) \s* )"
    r"[^\n]* (?:\n\s*<think>)? \s* \Z",
    re.IGNORECASE | re.VERBOSE,
)


class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer."""

    chat_template: Any
    bos_token: Any
    bos_token_id: Any
    eos_token_id: Any

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> Mapping[str, Any]: ...

    def apply_chat_template(
        self,
        conversation: list[dict[str, str]],
        *,
        tokenize: bool,
        add_generation_prompt: bool,
        continue_final_message: bool,
    ) -> Any: ...


@dataclass(frozen=True)
class Prompt:
    """One row of the prompts contract (rlsys.schema.PROMPTS), field for field."""

    prompt_id: str
    source: str
    text: str
    token_ids: list[int]
    expected: str
    """JSON."""
    info: str
    """A JSON object."""
    difficulty: float | None = None
    token_budget: int | None = None
    """Thinking tokens that the answer may take; None: as sampling.max_reasoning_tokens says."""


@dataclass(frozen=True)
class Tokenized:
    """The prompts of some rows, and how many rows were left out as too long."""

    prompts: list[Prompt]
    rows: list[Row]
    """The row of each prompt."""
    num_too_long: int


def ends_in_open_turn(text: str) -> bool:
    """Whether a text ends where an assistant has begun to speak, up to one line into its turn."""
    return _OPEN_TURN.search(text) is not None


def choose(row: Row, config: DataConfig, tokenizer: Tokenizer) -> PromptTemplate:
    """The template for a row: the configured one, or what auto stands for (never auto).

    Raises:
        ConfigError: chat is asked for, but the tokenizer has no chat template.
        DataError: a template is asked for, but the row's prompt already is a whole one.
    """
    template = config.template
    is_open = row.text is not None and ends_in_open_turn(row.text)
    if template is PromptTemplate.auto:
        if is_open or row.kind is PromptKind.TEXT:
            return PromptTemplate.verbatim
        return PromptTemplate.chat if tokenizer.chat_template else PromptTemplate.r1_zero
    if template is PromptTemplate.chat and not tokenizer.chat_template:
        raise ConfigError(
            "data.template=chat: the tokenizer has no chat template; nearest valid: r1_zero, plain"
        )
    if template is not PromptTemplate.verbatim and is_open:
        raise DataError(
            f"{row.where}: data.template={template.name}, but the prompt already ends in an open "
            f"assistant turn ({(row.text or '')[-40:]!r}); use data.template=auto or verbatim"
        )
    return template


def render(row: Row, config: DataConfig, tokenizer: Tokenizer) -> str:
    """The whole text of a row's prompt, up to where the answer begins.

    Raises:
        ConfigError, DataError: as `choose`, and where the row does not fit the template.
    """
    template = choose(row, config, tokenizer)
    if template is PromptTemplate.verbatim:
        return _verbatim(row, config)
    if template is PromptTemplate.chat:
        return _chat(row, config, tokenizer)
    asked, system = _single_question(row, template), _system(row, config)
    if template is PromptTemplate.r1_zero:
        return f"{system or R1_ZERO_PREAMBLE}\nUser: {asked}\nAssistant: <think>"
    instruction = PLAIN_INSTRUCTION if row.kind is PromptKind.QUESTION else ""
    lines = [f"Question: {asked}", system or instruction, "Answer:"]
    return "\n".join(line for line in lines if line)


def conversation_of(
    row: Row, text: str, config: DataConfig, tokenizer: Tokenizer
) -> list[ChatMessage] | None:
    """The conversation behind a prompt, which renders to the same prompt again: with the system
    message, if the model hears it. None where the prompt is a text, or ends in words of the
    assistant that the completion goes on from.

    Args:
        text: the prompt as it was rendered.
    """
    is_chat = choose(row, config, tokenizer) is PromptTemplate.chat
    if not is_chat or row.messages[-1]["role"] == "assistant":
        return None
    system = _said_first(row, config)
    is_heard = bool(system) and system.strip() in text
    return [*([ChatMessage(role="system", content=system)] if is_heard else []), *_turns(row)]


def _nothing_of(row: Row, chat: bool) -> str:
    roles = ", ".join(dict.fromkeys(repr(message["role"]) for message in row.messages))
    cause = f"the tokenizer's chat template says nothing of the role {roles}; " if chat else ""
    return f"{row.where}: its prompt is no token, as it is rendered: {cause}nothing can be asked"


def tokenize(rows: Sequence[Row], config: DataConfig, tokenizer: Tokenizer) -> Tokenized:
    """Render and tokenize rows; those over config.max_prompt_tokens are left out and counted.

    A beginning-of-sequence token is put first where the tokenizer does so by itself, except where
    the chat template, or the text, has one of its own.

    Raises:
        ConfigError, DataError: as `render`; DataError when a row renders to no token, or none is
            short enough.
    """
    texts = [render(row, config, tokenizer) for row in rows]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    beginning = _beginning(tokenizer)
    prompts: list[Prompt] = []
    kept: list[Row] = []
    shortest: int | None = None
    for row, text, token_ids in zip(rows, texts, encoded, strict=True):
        chat = choose(row, config, tokenizer) is PromptTemplate.chat
        if beginning and not chat and not text.startswith(tokenizer.bos_token):
            token_ids = beginning + token_ids
        length = len(token_ids)
        if not length:
            raise DataError(_nothing_of(row, chat))
        shortest = length if shortest is None else min(shortest, length)
        if length <= config.max_prompt_tokens:
            prompts.append(_prompt(row, text, token_ids))
            kept.append(row)
    if rows and not prompts:
        raise DataError(
            f"all {len(rows)} prompts are longer than data.max_prompt_tokens="
            f"{config.max_prompt_tokens}; the shortest has {shortest} tokens"
        )
    return Tokenized(prompts, kept, num_too_long=len(rows) - len(prompts))


def unheard(
    tokenized: Tokenized, config: DataConfig, tokenizer: Tokenizer
) -> list[tuple[Row, str]]:
    """The rows whose prompt lacks its system message, and that message: a chat template may leave
    it out without a word."""
    return [
        (row, system)
        for row, prompt in zip(tokenized.rows, tokenized.prompts, strict=True)
        if (system := _said_first(row, config)).strip() not in prompt.text
        and not (system == CHAT_INSTRUCTION and tokenizer.chat_template == BARE_TEMPLATE)
        and choose(row, config, tokenizer) is PromptTemplate.chat
    ]


def unheard_warning(
    parts: Sequence[Tokenized], config: DataConfig, tokenizer: Tokenizer
) -> str | None:
    """One line, where a system message does not reach the model."""
    lost = [pair for part in parts for pair in unheard(part, config, tokenizer)]
    if not lost:
        return None
    (row, system), total = lost[0], sum(len(part.rows) for part in parts)
    said = system if len(system) <= _SHOWN_CHARACTERS else f"{system[:_SHOWN_CHARACTERS]}..."
    return (
        f"warning: the model's chat template leaves out the system message of {len(lost):,} of "
        f"{total:,} prompts, such as {said!r} ({row.where}), which the model never reads; put it "
        "into the question, or take data.template=r1_zero or plain"
    )


def to_batch(prompts: Sequence[Prompt]) -> pa.RecordBatch:
    """The prompts as one batch of the prompts contract."""
    records = [vars(prompt) for prompt in prompts]
    columns = {name: [record[name] for record in records] for name in schema.PROMPTS.names}
    return schema.build(schema.PROMPTS, columns)


def with_budgets(prompts: pa.RecordBatch, budgets: Sequence[int | None]) -> pa.RecordBatch:
    """The same prompts with other thinking budgets, one for each row."""
    index = prompts.schema.get_field_index("token_budget")
    column = pa.array(budgets, prompts.schema.field(index).type)
    return prompts.set_column(index, prompts.schema.field(index), column)


def _verbatim(row: Row, config: DataConfig) -> str:
    if config.system_prompt:
        raise ConfigError(
            f"data.system_prompt is set, but the prompt of {row.where} is used verbatim and has "
            "no place for it; leave it empty or choose data.template=chat, r1_zero or plain"
        )
    if row.text is None:
        raise DataError(
            f"{row.where}: data.template=verbatim needs a prompt that is one text, got "
            f"{len(row.messages)} messages; use data.template=chat"
        )
    return row.text


def _chat(row: Row, config: DataConfig, tokenizer: Tokenizer) -> str:
    system = _said_first(row, config)
    turns = [{"role": m["role"], "content": m["content"]} for m in _turns(row)]
    messages = [{"role": "system", "content": system}, *turns] if system else turns
    # A conversation that ends in the assistant's words is a prefill: the answer continues it.
    continues = messages[-1]["role"] == "assistant"
    try:
        return str(
            tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=not continues,
                continue_final_message=continues,
            )
        )
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        raise DataError(
            f"{row.where}: the tokenizer's chat template refuses messages of the roles {roles}: "
            f"{error}; use data.template=r1_zero or plain for single questions, or another model"
        ) from error


def _said_first(row: Row, config: DataConfig) -> str:
    """The system message of a chat; empty: none."""
    is_instructed = row.kind in (PromptKind.QUESTION, PromptKind.PROGRAM, PromptKind.PATCH)
    return _system(row, config) or (CHAT_INSTRUCTION if is_instructed else "")


def _single_question(row: Row, template: PromptTemplate) -> str:
    turns = _turns(row)
    if len(turns) != 1 or turns[0]["role"] != "user":
        roles = ", ".join(message["role"] for message in row.messages)
        raise DataError(
            f"{row.where}: data.template={template.name} takes one user message, got the roles "
            f"{roles}; use data.template=chat"
        )
    return turns[0]["content"].strip()


def _system(row: Row, config: DataConfig) -> str:
    """The configured system prompt, else the row's own, else nothing."""
    own = "\n".join(m["content"] for m in row.messages if m["role"] == "system")
    return config.system_prompt or own


def _turns(row: Row) -> list[ChatMessage]:
    return [message for message in row.messages if message["role"] != "system"]


def _beginning(tokenizer: Tokenizer) -> list[int]:
    """What the tokenizer puts before a text by itself; an end-of-sequence token is not that."""
    special = tokenizer([""], add_special_tokens=True)["input_ids"][0]
    return [token for token in special if token == tokenizer.bos_token_id][:1]


def _prompt(row: Row, text: str, token_ids: list[int]) -> Prompt:
    # Verifiers measure an answer's length against what was asked, not against its template.
    asked: dict[str, Any] = {"question": row.messages[-1]["content"]}
    if row.kind is PromptKind.CONVERSATION:
        asked["messages"] = list(row.messages)  # as reward functions of TRL are given them
    return Prompt(
        prompt_id=row.prompt_id,
        source=row.source,
        text=text,
        token_ids=token_ids,
        expected=json.dumps(row.expected),
        info=json.dumps(asked | row.info),
        difficulty=row.difficulty,
    )
