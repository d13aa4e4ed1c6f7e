"""Where the program stands in a completion.

It is looked for after the reasoning, and inside the last `<answer>` where there is one:

1. Blocks whose fence names Python (```python, ```py, ~~~python, {.python}) come before those whose
   fence names nothing; those of another language (```text, ```bash) never count. Of the unnamed
   ones only those count that parse and do something: `15` and `O(1)` are no programs.
2. Of several blocks, for a function the last that defines it; for a program the last that reads
   input and writes, else the last that writes. So a sample's output, a call that shows the use, or
   a transcript after the program is not taken for it.
3. Where that block lacks names that others define (imports or a helper in one, the function in
   another), they are joined, in their order.
4. Without a block that counts: the longest run of lines that parses and does something, in what
   stands between fences; talk before and after falls away. Where there is none, all of it.

A completion that does not define HumanEval's function continues its prompt, bare or in a fence, up
to the first line that is not indented.

Whether text is Python is asked of a job of the sandbox (facts.py), and only where the rules above
need to know: a completion with one block of Python costs nothing.
"""

import re
import textwrap
from collections.abc import Sequence

from verifiers.code.facts import Facts, Look
from verifiers.code.fences import Page, take_apart
from verifiers.code.tests_names import TYPING
from verifiers.extract import graded_scope

_TOP_LEVEL = re.compile(r"^(?![ \t\r\n)\]}]).", re.MULTILINE)
_WORD = re.compile(r"\b[A-Z]\w+")
_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import[ \t]+[\w, \t]+(?:\n|\Z)", re.MULTILINE)
_MOST_BLOCKS = 50
"""Of more blocks only the last ones are looked at."""


def program_of(text: str, look: Look, prompt: str = "", truncated: bool = False) -> str | None:
    """The program that a completion gives.

    Args:
        truncated: the completion was cut at its token limit.

    Returns: None where it gives nothing.
    """
    scope = _scope(text, prompt, truncated)
    page = take_apart(scope, truncated)
    if len(page.tagged) == 1:
        return _at_margin(page.tagged[0])
    blocks = [_at_margin(block) for block in (page.tagged or page.untagged)[-_MOST_BLOCKS:]]
    facts = look([("code", block, "") for block in blocks]) if blocks else []
    best = _best_program(facts)
    if best is None and not page.tagged and not truncated:
        best = _longest(look, page, "")
    return best or _last(blocks, page, scope)


def function_of(
    text: str,
    name: str,
    look: Look,
    prompt: str = "",
    head: str = "",
    preamble: str = "",
    truncated: bool = False,
) -> str | None:
    """The source that defines a function or class, as a completion gives it.

    Args:
        head: what the completion may continue (HumanEval's prompt: imports, helpers, signature and
            docstring).
        preamble: what else stands before the definition, since answers leave imports and helpers
            out; the head as a whole module.

    Returns: None where the completion gives nothing.
    """
    scope = _scope(text, prompt, truncated)
    page = take_apart(scope, truncated)
    head = head.rstrip(" \t")  # the indent that the body begins with is its own
    for blocks in (page.tagged[-_MOST_BLOCKS:], page.untagged[-_MOST_BLOCKS:]):
        blocks = [_at_margin(block) for block in blocks]
        places = [place for place, block in enumerate(blocks) if defines(block, name)]
        if places:
            return _behind(preamble, _joined(look, blocks, places[-1], preamble))
    if any(defines(piece, name) for piece in page.pieces):
        whole = None if truncated else _longest(look, page, name)
        return _behind(preamble, whole or scope)
    if head:
        return _continued(look, page, scope, head)
    return _last(page.tagged or page.untagged, page, scope)


def standing_before(prefix: str, source: str) -> str:
    """A solution behind what it may use without saying so: definitions that the task gives, and
    names of typing, as LeetCode lets answers use them."""
    names = sorted({word for word in _WORD.findall(source) if word in TYPING})
    lines = [f"from typing import {', '.join(names)}"] if names else []
    lines += [prefix] if prefix else []
    futures = _FUTURE.findall(source)
    if futures:  # nothing may stand before these
        lines = ["".join(f"{line.rstrip()}\n" for line in futures), *lines]
        source = _FUTURE.sub("", source)
    return "\n\n".join([*lines, source])


def defines(source: str, name: str) -> bool:
    """Whether a line at the top level defines or assigns a name."""
    word = re.escape(name)
    pattern = rf"^(?:(?:(?:async[ \t]+)?def|class)[ \t]+{word}\b|{word}[ \t]*[:=](?!=))"
    return re.search(pattern, source, re.MULTILINE) is not None


def _scope(text: str, prompt: str, truncated: bool) -> str:
    return graded_scope(text, prompt, truncated).replace("\r\n", "\n").replace("\ufeff", "")


def _last(blocks: list[str], page: Page, scope: str) -> str | None:
    """What is run where nothing looks right: the last block, else all that was said."""
    return blocks[-1] if blocks else scope if page.pieces else None


def _at_margin(block: str) -> str:
    """A block whose lines are all indented, moved to the margin."""
    return textwrap.dedent(block) if block.lstrip("\n")[:1] in (" ", "\t") else block


def _behind(preamble: str, source: str) -> str:
    return f"{preamble.rstrip()}\n\n{source}" if preamble else source


def _longest(look: Look, page: Page, name: str) -> str | None:
    """The longest run of lines between fences that is a program, or that defines the name."""
    pieces = [_at_margin(piece) for piece in page.pieces[-_MOST_BLOCKS:]]
    runs = [run for run in look([("lines", piece, name) for piece in pieces]) if run]
    return max(runs, key=lambda run: run.text.count("\n")).text if runs else None


def _best_program(facts: Sequence[Facts | None]) -> str | None:
    """The last block that reads and writes, else the last that does so with others before it, else
    the last that writes; with the blocks that it needs."""
    chains = [(fact, _chain(facts, place)) for place, fact in enumerate(facts) if fact]
    whole = [(own, chain) for own, chain in chains if chain and any(f.writes for f in chain)]
    whole = [(own, chain) for own, chain in whole if own.acts]
    for wanted in (
        lambda own, chain: own.reads,
        lambda own, chain: any(f.reads for f in chain),
        lambda own, chain: True,
    ):
        for own, chain in reversed(whole):
            if wanted(own, chain):
                return "\n".join(f.text for f in chain)
    return None


def _chain(facts: Sequence[Facts | None], place: int) -> list[Facts]:
    """A block behind the earlier ones that define what it needs; empty where a name is missing."""
    last = facts[place]
    assert last is not None
    chain, missing = [last], last.needs
    for fact in reversed(facts[:place]):
        if fact and fact.defines & missing:
            chain.insert(0, fact)
            missing = (missing - fact.defines) | fact.needs
    return [] if missing else chain


def _joined(look: Look, blocks: list[str], place: int, preamble: str) -> str:
    """The block at a place, with others that define what it lacks."""
    if len(blocks) == 1:
        return blocks[place]
    *facts, known = look([("code", text, "") for text in (*blocks, preamble)])
    own = facts[place]
    missing = own.needs - known.defines if own and known else frozenset()
    chosen = {place}
    # Those before the definition first; a helper may also stand after it.
    for other in (*range(place - 1, -1, -1), *range(place + 1, len(blocks))):
        fact = facts[other]
        if fact and fact.defines & missing:
            chosen.add(other)
            missing = (missing - fact.defines) | (fact.needs if other < place else frozenset())
    return "\n".join(blocks[other] for other in sorted(chosen))


def _continued(look: Look, page: Page, scope: str, head: str) -> str | None:
    """The head with what continues it: of the blocks, or the text before them, the last that makes
    a module of it."""
    before = scope.partition("```")[0]
    bodies = [block for block in (*page.untagged, before, *page.tagged) if block.strip()]
    if not bodies:
        return None
    sources = [head + _continuation(body, head) for body in bodies[-_MOST_BLOCKS:]]
    if len(sources) == 1:
        return sources[0]
    facts = look([("code", source, "") for source in sources])
    return next(
        (s for s, fact in reversed([*zip(sources, facts, strict=True)]) if fact), sources[-1]
    )


def _continuation(body: str, head: str) -> str:
    """The indented lines that continue a function; what follows them is talk or other code."""
    if body[:1] not in " \t\r\n":
        last_line = head.rstrip().rpartition("\n")[2]
        indent = last_line[: len(last_line) - len(last_line.lstrip())]
        indent = indent + "    " if last_line.endswith(":") else indent or "    "
        if re.search(r"^return\b", body.partition("\n")[2], re.MULTILINE):
            return textwrap.indent(body, indent)  # the whole body stands at the margin
        body = indent + body  # samplers and data sets strip the first line's indent
    end = _TOP_LEVEL.search(body)
    return body[: end.start()] if end else body
