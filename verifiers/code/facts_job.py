"""What pieces of code define, need and do. Its text is run as a job of the sandbox: Python's parser
can be crashed or held up by hostile text, so it runs nowhere else.

stdin: a literal list of (kind, text, name), kind `code` or `lines`. stdout: for each a line
`FIRST LAST FLAGS|DEFINES|NEEDS`, with names between commas and the flags of `facts_of`; `-` for
what does not parse. FIRST and LAST bound the lines that it is about: all of `code`; of `lines` the
longest run that is a program, or that defines the name.
"""

import ast
import builtins
import sys
from collections.abc import Iterator, Sequence

_MOST_TRIES = 1000
_Facts = tuple[str, set[str], set[str]]
_PASSIVE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def facts_of(tree: ast.AST, text: str) -> _Facts:
    """Flags (a: acts, that is, calls something when it is run; r: reads input; w: writes), names
    defined at the top level, and names that are read and bound nowhere."""
    bound: set[str] = set()
    read: set[str] = set()
    attributes: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.Attribute):
            attributes.add(node.attr)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
    needs = set() if "*" in bound else read - bound - set(dir(builtins)) - {"__name__", "__file__"}
    top = list(_at_top(tree))
    defines = {n.id for n in top if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in top:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defines.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defines |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    reads = "input" in read or "stdin" in attributes | read or "fileinput" in bound
    reads = reads or "open(0" in text or "/dev/stdin" in text
    writes = "print" in read or {"stdout", "write", "writelines"} & (attributes | read)
    acts = any(isinstance(node, ast.Call) for node in top)
    flags = "a" * acts + "r" * bool(reads) + "w" * bool(writes)
    return flags, defines, needs


def _at_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module does: not those inside functions and classes."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _PASSIVE):
            waiting.extend(ast.iter_child_nodes(node))


def parsed(text: str) -> ast.Module | int:
    """The tree of a text, or the number of the line where it stops to be Python."""
    try:
        tree = ast.parse(text)
        compile(tree, "answer", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return tree


def longest_run(lines: Sequence[str], name: str) -> tuple[int, int, _Facts] | None:
    """First and last line (from 0, last excluded) and facts of the longest run of lines that calls
    something that it can know, or that defines the name; None without one."""
    best: tuple[int, int, _Facts] | None = None
    begin = tries = 0
    while begin < len(lines) and tries < _MOST_TRIES:
        if not lines[begin].strip() or lines[begin][0] in " \t":
            begin += 1
            continue
        end, tree = len(lines), None
        while end > begin and tries < _MOST_TRIES:
            tries += 1
            found = parsed("\n".join(lines[begin:end]))
            if isinstance(found, ast.Module):
                tree = found
                break
            end = min(end - 1, begin + found - 1)
        if tree is None:
            begin += 1
            continue
        run = _core(tree, lines, begin, name)
        if run and (best is None or run[1] - run[0] >= best[1] - best[0]):
            best = run
        begin = end
    return best


def _core(
    tree: ast.Module, lines: Sequence[str], begin: int, name: str
) -> tuple[int, int, _Facts] | None:
    """The run of a tree without the words at its ends that happen to parse (`Done`, `Note: it`)."""
    body = list(tree.body)
    while body and _says_nothing(body[0]):
        del body[0]
    while body and _says_nothing(body[-1]):
        del body[-1]
    if not body:
        return None
    first = min([body[0].lineno, *(d.lineno for d in getattr(body[0], "decorator_list", ()))])
    end = begin + (body[-1].end_lineno or 0)
    text = "\n".join(lines[begin + first - 1 : end])
    facts = facts_of(ast.Module(body, []), text)
    if name not in facts[1] if name else "a" not in facts[0] or facts[2]:
        return None
    return begin + first - 1, end, facts


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    active = ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
    return isinstance(statement, ast.Expr) and not any(
        isinstance(node, active) for node in ast.walk(statement)
    )


def main() -> None:
    """Answer each question of stdin by a line."""
    for kind, text, name in ast.literal_eval(sys.stdin.read()):
        if kind == "lines":
            found = longest_run(text.split("\n"), name)
        else:
            tree = parsed(text)
            found = None
            if isinstance(tree, ast.Module):
                found = (0, text.count("\n") + 1, facts_of(tree, text))
        if found is None:
            print("-")
            continue
        first, last, (flags, *names) = found
        print(f"{first} {last} {flags}|" + "|".join(",".join(sorted(some)) for some in names))


if __name__ == "__main__":
    main()
