"""The docs name the metrics that the code has."""

import ast
import re

from rlsys.config.load import load
from rlsys.observe.alarms import Alarms
from tests.helpers.documented import documented, pattern_of, undocumented
from tests.helpers.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ANY = "ANY"
"""In place of what a name is completed with."""


def keys(*packages):
    """Every text that is a key of a dict, or is used as one; with ANY for values in it."""
    found = set()
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Dict):
                    found |= {text(key) for key in node.keys}
                elif isinstance(node, ast.DictComp):
                    found.add(text(node.key))
                elif isinstance(node, ast.Subscript):
                    found.add(text(node.slice))
                elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "setdefault":
                    found.add(text(node.args[0]))
    return found


def text(node):
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(p.value if isinstance(p, ast.Constant) else ANY for p in node.values)
    return ""


def made():
    """Names of metrics as the code makes them."""
    groups = {name.partition("/")[0] for name in documented()}
    whole = {key for key in keys("rlsys", "actors") if key.partition("/")[0] in groups}
    of_loss = keys("rlsys/algorithms", "rlsys/learning") - {"", ANY}
    return {
        *(name for name in whole if re.fullmatch(r"\w+/[\w/]+", name)),
        *(f"policy/{name}" for name in of_loss),
        *(f"policy/critic_{name}" for name in of_loss),
        *Alarms(load(ROOT / "configs" / "base.yaml")).metrics(),
    } - {"policy/ANY", "alarm/ANY"}


def test_every_metric_of_the_docs_is_made():
    # `reward/ANY` is a component's name; it must not stand for `reward/accuracy`, too.
    plain = [pattern_of(name) for name in made() if not name.endswith(f"/{ANY}")]
    of_any = [pattern_of(name) for name in made()]
    assert len(documented()) > 60
    for name in documented():
        known = plain if name == name.lower() else of_any
        assert any(pattern.fullmatch(name) for pattern in known), name


def test_every_metric_with_a_group_is_in_the_docs():
    of_groups = {name for name in made() if not name.startswith("policy/")}
    assert len(of_groups) > 30
    assert undocumented({name.replace(ANY, "right") for name in of_groups}) == set()


def test_metrics_that_the_pages_mention_are_in_the_tables():
    groups = "|".join(sorted({name.partition("/")[0] for name in documented()}))
    for page in PAGES:
        for name in re.findall(rf"`((?:{groups})/[\w/ ]+)`", page.read_text()):
            is_one = not undocumented({name})
            is_several = any(pattern_of(name).fullmatch(one) for one in documented())
            assert is_one or is_several, f"{page.name}: {name}"


def test_a_name_that_is_not_there_is_found_out():
    assert undocumented({"policy/temperature", "completion/tokens", "reward/mean"}) == {
        "policy/temperature",
        "completion/tokens",
    }
