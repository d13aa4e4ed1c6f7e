"""Where the program stands in a completion, found by regular expressions alone.

Nothing here parses the program: Python's own parser can be crashed or held up by hostile text, so
that happens in the sandbox only.
"""

import re

from verifiers.extract import graded_scope

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*([\w+.-]*)[^\n`]*$", re.MULTILINE)
_CODE_LANGUAGES = ("", "python", "python3", "py", "py3")
_TOP_LEVEL = re.compile(r"^(?![ \t\r\n)\]}]).", re.MULTILINE)


def fenced_blocks(text: str, truncated: bool = False) -> list[str]:
    """The contents of all fenced blocks of Python or of no named language, in order.

    Args:
        truncated: the completion was cut at its token limit, so a block that is still open is not
            a program. Otherwise it is: samplers remove a stop text such as the closing fence.
    """
    blocks, begin, language = [], None, ""
    for fence in _FENCE.finditer(text):
        if begin is None:
            begin, language = fence.end() + 1, fence[1].lower()
        elif not fence[1]:
            if language in _CODE_LANGUAGES:
                blocks.append(text[begin : fence.start()])
            begin = None
    if begin is not None and not truncated and language in _CODE_LANGUAGES:
        blocks.append(text[begin:])
    return blocks


def program_of(text: str, prompt: str = "", truncated: bool = False) -> str | None:
    """The program that a completion gives: its last fenced block, else all that it says.

    It is looked for after the reasoning, and inside the last `<answer>` where there is one.

    Returns: None where that is empty.
    """
    scope = graded_scope(text, prompt, truncated)
    blocks = fenced_blocks(scope, truncated)
    program = blocks[-1] if blocks else scope
    return program if program.strip() else None


def function_of(
    text: str,
    name: str,
    prompt: str = "",
    head: str = "",
    preamble: str = "",
    truncated: bool = False,
) -> str | None:
    """The source that defines a function, as a completion gives it.

    Of several fenced blocks, the last one that defines the name counts.

    Args:
        head: what the completion may continue (HumanEval's prompt: imports, helpers, signature and
            docstring). One that does not define the name itself does so, up to its first line that
            is not indented.
        preamble: what else stands before the definition, since answers leave imports and helpers
            out; the head as a whole module.

    Returns: None where the completion gives nothing.
    """
    scope = graded_scope(text, prompt, truncated)
    blocks = fenced_blocks(scope, truncated)
    defining = [block for block in blocks if defines(block, name)]
    body = (defining or blocks or [scope])[-1]
    if not body.strip():
        return None
    if not head:
        return body
    if defines(body, name):
        return f"{preamble.rstrip()}\n\n{body}"
    return head + _continuation(body)


def defines(source: str, name: str) -> bool:
    """Whether a line at the top level defines or assigns a name."""
    word = re.escape(name)
    pattern = rf"^(?:(?:async[ \t]+)?def[ \t]+{word}\b|{word}[ \t]*[:=](?!=))"
    return re.search(pattern, source, re.MULTILINE) is not None


def _continuation(body: str) -> str:
    """The indented lines that continue a function; what follows them is talk or other code."""
    if body[:1] not in " \t\r\n":
        body = f"    {body}"  # samplers and data sets strip the first line's indent
    end = _TOP_LEVEL.search(body)
    return body[: end.start()] if end else body
