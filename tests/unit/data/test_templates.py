"""What is put around a row's prompt, and its token ids."""

import json

import pytest
from jinja2 import TemplateError

from rlsys import schema
from rlsys.config.data import DataConfig, PromptTemplate
from rlsys.data.read import read_rows
from rlsys.data.rows import PromptKind, Row, question
from rlsys.data.templates import (
    CHAT_INSTRUCTION,
    R1_ZERO_PREAMBLE,
    choose,
    conversation_of,
    ends_in_open_turn,
    render,
    to_batch,
    tokenize,
    unheard_warning,
)
from rlsys.errors import ConfigError, DataError

TINYZERO = (
    "A conversation between User and Assistant.\nUser: Reach 98.\n"
    "Assistant: Let me solve this step by step.\n<think>"
)


def row_of(*turns, kind=PromptKind.QUESTION, answer="4", number=1):
    messages = [{"role": role, "content": content} for role, content in turns]
    return Row(
        prompt_id=f"id{number}",
        source="test",
        kind=kind,
        messages=tuple(messages),
        text=messages[0]["content"] if len(messages) == 1 else None,
        expected=answer,
        info={"n": number},
        difficulty=2.0,
        file="rows.jsonl",
        number=number,
    )


def asked(text="2+2?", kind=PromptKind.QUESTION):
    return row_of(("user", text), kind=kind)


def with_template(name, **settings):
    return DataConfig(template=PromptTemplate[name], **settings)


def test_r1_zero_opens_the_thinking(base_tokenizer):
    text = render(asked(), with_template("r1_zero"), base_tokenizer)
    assert text == f"{R1_ZERO_PREAMBLE}\nUser: 2+2?\nAssistant: <think>"


def test_chat_instructs_on_bare_questions_and_opens_the_assistants_turn(chat_tokenizer):
    text = render(asked(), with_template("chat"), chat_tokenizer)
    assert text == f"[system]{CHAT_INSTRUCTION}\n[user]2+2?\n[assistant]"


def test_chat_leaves_a_conversation_as_it_is(chat_tokenizer):
    row = row_of(("system", "Be brief."), ("user", "2+2?"), kind=PromptKind.CONVERSATION)
    assert (
        render(row, with_template("chat"), chat_tokenizer)
        == "[system]Be brief.\n[user]2+2?\n[assistant]"
    )
    row = asked(kind=PromptKind.CONVERSATION)
    assert render(row, with_template("chat"), chat_tokenizer) == "[user]2+2?\n[assistant]"


def test_chat_continues_a_prefilled_answer(chat_tokenizer):
    row = row_of(("user", "2+2?"), ("assistant", "It is"), kind=PromptKind.CONVERSATION)
    assert render(row, with_template("chat"), chat_tokenizer) == "[user]2+2?\n[assistant]It is"


def test_plain_asks_for_a_box_but_not_around_a_program(base_tokenizer):
    config = with_template("plain")
    assert render(asked(), config, base_tokenizer) == (
        "Question: 2+2?\nReason step by step, and put the final answer in \\boxed{}.\nAnswer:"
    )
    program = asked("Write f.", PromptKind.PROGRAM)
    assert render(program, config, base_tokenizer) == "Question: Write f.\nAnswer:"


def test_verbatim_adds_nothing(base_tokenizer):
    assert render(asked("  x \n"), with_template("verbatim"), base_tokenizer) == "  x \n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chat", "[system]Hint.\n[user]2+2?\n[assistant]"),
        ("r1_zero", "Hint.\nUser: 2+2?\nAssistant: <think>"),
        ("plain", "Question: 2+2?\nHint.\nAnswer:"),
    ],
)
def test_system_prompt_replaces_the_rows_and_the_templates_own(chat_tokenizer, name, text):
    row = row_of(("system", "Be brief."), ("user", "2+2?"), kind=PromptKind.CONVERSATION)
    config = with_template(name, system_prompt="Hint.")
    assert render(row, config, chat_tokenizer) == text
    assert render(asked(), config, chat_tokenizer) == text


def test_auto_takes_chat_for_chat_models_and_r1_zero_for_base_models(
    base_tokenizer, chat_tokenizer
):
    assert choose(asked(), DataConfig(), chat_tokenizer) is PromptTemplate.chat
    assert choose(asked(), DataConfig(), base_tokenizer) is PromptTemplate.r1_zero


def test_auto_takes_verbatim_for_texts_and_for_prompts_that_are_already_whole(chat_tokenizer):
    text = asked("The sky is", PromptKind.TEXT)
    whole = asked(TINYZERO, PromptKind.CONVERSATION)
    assert render(text, DataConfig(), chat_tokenizer) == "The sky is"
    assert render(whole, DataConfig(), chat_tokenizer) == TINYZERO


@pytest.mark.parametrize("name", ["chat", "r1_zero", "plain"])
def test_no_template_is_put_around_a_whole_prompt(chat_tokenizer, name):
    with pytest.raises(DataError, match=rf"rows\.jsonl, row 1: data\.template={name}, but .* open"):
        render(asked(TINYZERO, PromptKind.CONVERSATION), with_template(name), chat_tokenizer)


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        (TINYZERO, True),
        ("User: 2+2?\nAssistant:", True),
        ("User: 2+2?\nassistant: <think>\n", True),
        ("<|im_start|>user\n2?<|im_end|>\n<|im_start|>assistant\nLet me see.\n<think>", True),
        ("<｜User｜>2+2?<｜Assistant｜><think>\n", True),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", True),
        ("What is 2+2?", False),
        ("Show your work in <think> </think> tags.", False),
        ("User: hi\nAssistant: hello\nWho spoke last?", False),
        ("The medical assistant: who is she?", False),
        ("<|im_start|>assistant\nFour.\n<|im_start|>user\n2+2?", False),
    ],
)
def test_an_open_assistant_turn_is_recognized(text, is_open):
    assert ends_in_open_turn(text) is is_open


def test_chat_without_a_chat_template_is_a_config_error(base_tokenizer):
    with pytest.raises(ConfigError, match=r"data\.template=chat: .* nearest valid: r1_zero, plain"):
        render(asked(), with_template("chat"), base_tokenizer)


@pytest.mark.parametrize("name", ["r1_zero", "plain", "verbatim"])
def test_several_turns_need_the_chat_template(base_tokenizer, name):
    row = row_of(("user", "a"), ("assistant", "b"), ("user", "c"), kind=PromptKind.CONVERSATION)
    with pytest.raises(DataError, match=r"row 1: data\.template=.* use data\.template=chat"):
        render(row, with_template(name), base_tokenizer)


def test_system_prompt_has_no_place_in_a_verbatim_prompt(base_tokenizer):
    with pytest.raises(ConfigError, match=r"data\.system_prompt is set, but .* row 1 is used verb"):
        render(asked("x", PromptKind.TEXT), DataConfig(system_prompt="Hint."), base_tokenizer)


def test_tokenize_gives_one_prompt_per_row_with_json_columns(base_tokenizer):
    row = row_of(("user", "ab"), answer={"target": 3})
    (prompt,) = tokenize([row], with_template("verbatim"), base_tokenizer).prompts
    assert (prompt.prompt_id, prompt.source, prompt.text) == ("id1", "test", "ab")
    assert prompt.token_ids == [97, 98]
    assert json.loads(prompt.expected) == {"target": 3}
    assert json.loads(prompt.info) == {"question": "ab", "n": 1}
    assert (prompt.difficulty, prompt.token_budget) == (2.0, None)


def test_too_long_prompts_are_left_out_and_counted(base_tokenizer):
    rows = [row_of(("user", "x" * n), number=n) for n in (5, 6, 2)]
    tokenized = tokenize(rows, with_template("verbatim", max_prompt_tokens=5), base_tokenizer)
    assert [len(prompt.token_ids) for prompt in tokenized.prompts] == [5, 2]
    assert [row.number for row in tokenized.rows] == [5, 2]
    assert tokenized.num_too_long == 1


def test_no_short_enough_prompt_is_an_error_with_the_shortest_length(base_tokenizer):
    rows = [asked("x" * 9), asked("x" * 7)]
    with pytest.raises(DataError, match=r"all 2 prompts .*max_prompt_tokens=6; .* has 7 tokens"):
        tokenize(rows, with_template("verbatim", max_prompt_tokens=6), base_tokenizer)


def test_a_prompt_of_no_token_is_named_and_not_called_too_long(make_tokenizer):
    class UsersAlone(make_tokenizer):
        """Its chat template says what users say, and nothing else."""

        def apply_chat_template(self, conversation, **options):
            return "".join(m["content"] for m in conversation if m["role"] == "user")

    rows = [asked("a"), row_of(("bot", "a"), number=2)]
    with pytest.raises(DataError, match=r", row 2: its prompt is no token.* of the role 'bot'"):
        tokenize(rows, with_template("chat"), UsersAlone(chat=True))


def test_bos_comes_first_once_and_eos_never(make_tokenizer):
    tokenizer = make_tokenizer(chat=True, bos=True, eos_after_text=True)
    verbatim = with_template("verbatim")
    assert tokenize([asked("a")], verbatim, tokenizer).prompts[0].token_ids == [2, 97]
    assert tokenize([asked("\x02a")], verbatim, tokenizer).prompts[0].token_ids == [2, 97]
    chat = tokenize([asked("a")], with_template("chat"), tokenizer).prompts[0]
    assert chat.token_ids == [ord(c) for c in chat.text]


def test_prompts_fill_the_prompts_contract(base_tokenizer):
    prompts = tokenize([asked("ab"), asked("c")], with_template("verbatim"), base_tokenizer).prompts
    batch = schema.check(to_batch(prompts), schema.PROMPTS)
    assert batch.column("token_ids").to_pylist() == [[97, 98], [99]]
    assert batch.column("token_budget").null_count == 2


def test_countdown_prompts_are_what_the_file_says(benchmark, chat_tokenizer):
    rows = read_rows(benchmark("countdown/countdown_train.parquet"), DataConfig()).rows[:20]
    tokenized = tokenize(rows, DataConfig(max_prompt_tokens=1000), chat_tokenizer)
    assert [p.text for p in tokenized.prompts] == [r.messages[0]["content"] for r in rows]


def test_question_helper_gives_one_user_message():
    assert question("q") == [{"role": "user", "content": "q"}]


def test_a_hugging_face_tokenizer_fits():
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(WordLevel({"<unk>": 0, "<s>": 1, "user": 2, "hi": 3}, unk_token="<unk>"))
    backend.pre_tokenizer = Whitespace()
    backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", unk_token="<unk>"
    )
    verbatim = with_template("verbatim")
    assert tokenize([asked("user hi")], verbatim, tokenizer).prompts[0].token_ids == [1, 2, 3]
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
        "{% if add_generation_prompt %}hi{% endif %}"
    )
    row = asked("hi", PromptKind.CONVERSATION)
    (prompt,) = tokenize([row], DataConfig(), tokenizer).prompts
    assert (prompt.text, prompt.token_ids) == ("user hi hi", [2, 3, 3])


def test_a_conversations_messages_go_to_info_for_reward_functions(chat_tokenizer):
    row = row_of(("system", "Be brief."), ("user", "2+2?"), kind=PromptKind.CONVERSATION)
    (prompt,) = tokenize([row], DataConfig(), chat_tokenizer).prompts
    assert json.loads(prompt.info)["messages"] == list(row.messages)
    (prompt,) = tokenize([asked()], DataConfig(), chat_tokenizer).prompts
    assert "messages" not in json.loads(prompt.info)


def deaf_to_system(tokenizer):
    """As the templates of some models are: a system message is left out."""
    whole = tokenizer.apply_chat_template
    tokenizer.apply_chat_template = lambda turns, **how: whole(
        [turn for turn in turns if turn["role"] != "system"], **how
    )
    return tokenizer


@pytest.mark.parametrize(
    ("row", "config", "lost"),
    [
        (row_of(("system", "Be brief."), ("user", "2+2?")), DataConfig(), "Be brief."),
        (asked("2+2?"), DataConfig(), CHAT_INSTRUCTION),
        (asked("2+2?"), DataConfig(system_prompt="In French."), "In French."),
    ],
)
def test_a_system_message_that_the_template_leaves_out_is_one_warning(
    chat_tokenizer, row, config, lost
):
    assert (
        unheard_warning([tokenize([row], config, chat_tokenizer)], config, chat_tokenizer) is None
    )
    deaf = deaf_to_system(chat_tokenizer)
    warning = unheard_warning([tokenize([row, row], config, deaf)], config, deaf)
    assert "leaves out the system message of 2 of 2 prompts" in warning
    assert lost[:60] in warning
    assert "\n" not in warning


def test_a_prompt_without_a_system_message_lacks_none(chat_tokenizer):
    deaf = deaf_to_system(chat_tokenizer)
    row = row_of(("user", "2+2?"), kind=PromptKind.CONVERSATION)
    assert unheard_warning([tokenize([row], DataConfig(), deaf)], DataConfig(), deaf) is None


def test_what_a_chat_template_refuses_names_the_row_and_the_roles(chat_tokenizer):
    def refuse(turns, **how):
        raise TemplateError("System role not supported")

    chat_tokenizer.apply_chat_template = refuse
    row = row_of(("system", "Be brief."), ("user", "2+2?"), number=7)
    with pytest.raises(
        DataError, match=r"row 7: the tokenizer's chat template refuses .* system, "
    ):
        tokenize([row], DataConfig(), chat_tokenizer)


@pytest.mark.parametrize(
    ("row", "settings"),
    [
        (asked(), {}),
        (asked(kind=PromptKind.CONVERSATION), {}),
        (row_of(("system", "Be brief."), ("user", "2+2?")), {}),
        (
            row_of(("user", "a"), ("assistant", "b"), ("user", "c"), kind=PromptKind.CONVERSATION),
            {},
        ),
        (asked(), {"system_prompt": "Count."}),
    ],
)
def test_the_conversation_behind_a_chat_renders_to_the_same_prompt(row, settings, chat_tokenizer):
    config = with_template("auto", **settings)
    text = render(row, config, chat_tokenizer)
    heard = conversation_of(row, text, config, chat_tokenizer)
    again = row_of(*((one["role"], one["content"]) for one in heard), kind=PromptKind.CONVERSATION)
    assert render(again, DataConfig(), chat_tokenizer) == text


def test_what_is_no_chat_or_begins_the_answer_has_no_conversation_behind_it(
    base_tokenizer, chat_tokenizer
):
    begun = row_of(("user", "2+2?"), ("assistant", "It is"), kind=PromptKind.CONVERSATION)
    for row, template, tokenizer in (
        (asked(), "r1_zero", base_tokenizer),
        (asked(), "plain", chat_tokenizer),
        (begun, "chat", chat_tokenizer),
    ):
        config = with_template(template)
        text = render(row, config, tokenizer)
        assert conversation_of(row, text, config, tokenizer) is None
