"""Verifiers by name."""

import re
import sys
import textwrap
import time

import pytest

from rlsys import faults
from rlsys.errors import VerifierError
from rlsys.plugins import PluginFile
from tests.helpers.packages import installed
from verifiers.base import Completion
from verifiers.math.verifier import MathVerifier
from verifiers.registry import Registry

PLUGIN = """
    from verifiers.base import Completion, Status, Verdict

    class Short:
        name = "short"

        def __init__(self, limit: int = 10) -> None:
            self.limit = limit

        def verify(self, completion):
            right = len(completion.text) <= self.limit
            return Verdict(float(right), Status.CORRECT if right else Status.WRONG)

        def self_test(self):
            return [(Completion("", "yes", None), 1.0)]

    VERIFIERS = {"short": Short}
"""


@pytest.fixture
def write(tmp_path):
    def write_plugin(source, name="plugin.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return str(path)

    return write_plugin


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_plug_ins_number_must_be_finite_where_it_states_no_range(write, value):
    source = PLUGIN.replace("limit: int = 10", "limit: float = 10.0")
    with pytest.raises(VerifierError, match=r"limit=.*not a finite number.*nearest valid: 10\.0"):
        Registry([write(source)]).check("short", {"limit": value})


def test_built_in_verifiers_are_made_by_name():
    assert set(Registry().names()) >= {"countdown", "format", "math", "reasoning"}
    made = Registry().create("math", {"deadline_s": 1})
    assert isinstance(made, MathVerifier)
    assert (made.name, made.deadline_s) == ("math", 1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("maths", {}, "no verifier 'maths'; did you mean 'math'?"),
        ("zzz", {}, "no verifier 'zzz'; there are: budget, "),
        ("math", {"dedline_s": 1}, "no option 'dedline_s'; did you mean 'deadline_s'?"),
        ("format", {"strict": True}, "no option 'strict'; there are: none"),
        (
            "math",
            {"deadline_s": "2"},
            "deadline_s='2' must be a float, not a str; options: deadline_s",
        ),
        ("math", {"deadline_s": "1"}, "deadline_s='1' must be a float, not a str"),
        ("reasoning", {"min_steps": 1.5}, "min_steps=1.5 must be a int, not a float"),
        ("reasoning", {"extra_connectives": "ergo"}, "extra_connectives='ergo' must be a list"),
        ("math", {"name": "other"}, "no option 'name'"),
        ("math", {"deadline_s": 0}, "option deadline_s=0: must be above 0; nearest valid: 2.0"),
        (
            "math",
            {"memory_mb": 10},
            "option memory_mb=10: must be at least 256; nearest valid: 256",
        ),
        ("language", {"min_share": 1.5}, "must be at least 0 and at most 1; nearest valid: 1"),
    ],
)
def test_unknown_name_or_option_is_one_error_with_the_nearest(name, options, message):
    with pytest.raises(VerifierError) as caught:
        Registry().create(name, options)
    assert message in str(caught.value)


def test_plugin_file_adds_its_verifiers(write):
    loaded = Registry([write(PLUGIN)])
    assert "short" in loaded.names()
    short = loaded.create("short", {"limit": 3})
    assert short.verify(Completion("", "yes", None)).reward == 1.0
    assert short.verify(Completion("", "longer", None)).reward == 0.0
    with pytest.raises(VerifierError, match="did you mean 'limit'"):
        loaded.create("short", {"limits": 3})


@pytest.mark.parametrize("name", ["1", "''", "' '"])
def test_a_verifiers_name_is_a_text(write, name):
    source = PLUGIN.replace('{"short"', "{" + name)
    with pytest.raises(VerifierError, match=rf"VERIFIERS\[{name}\]: expected a text"):
        Registry([write(source)])


def test_a_plug_in_that_is_not_in_utf8_is_one_error_that_names_it(tmp_path):
    path = tmp_path / "latin.py"
    path.write_bytes(b"# \xe9\n")
    with pytest.raises(VerifierError, match=r"latin\.py: expected a Python file in UTF-8"):
        Registry([str(path)])


def test_a_plug_in_may_change_where_python_looks(write):
    source = "import sys\nsys.path.clear()\n" + textwrap.dedent(PLUGIN)
    before = list(sys.path)
    try:
        assert "short" in Registry([write(source)]).names()
    finally:
        sys.path[:] = before


def test_plugin_file_may_hold_dataclasses_with_postponed_annotations(write):
    source = """
        from __future__ import annotations
        from dataclasses import dataclass

        @dataclass
        class Data:
            limit: int = 3

            def verify(self, completion): ...

            def self_test(self): ...

        VERIFIERS = {"data": Data}
    """
    loaded = Registry([write(source)])
    loaded.check("data", {"limit": 4})
    with pytest.raises(VerifierError, match="must be a int"):
        loaded.check("data", {"limit": "4"})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("X = 1", "expected VERIFIERS"),
        ("import sys; sys.exit(1)", "SystemExit: 1, at .*plugin.py:1"),
        (
            "class B:\n    def verify(self, one): ...\n    def self_test(self): ...\n"
            "VERIFIERS = {'math': B}",
            "the name 'math' is already taken",
        ),
        ("VERIFIERS = {'mine': 3}", r"VERIFIERS\['mine'\]: expected a class, got 3"),
        ("class B: ...\nVERIFIERS = {'mine': B}", "the class B has no verify"),
        (
            "class B:\n    def verify(self, one): ...\nVERIFIERS = {'mine': B}",
            "the class B has no self_test",
        ),
    ],
)
def test_broken_plugin_file_is_one_error_that_names_it(write, source, message):
    path = write(source)
    with pytest.raises(VerifierError, match=f"plugin.py: .*{message}"):
        Registry([path])


def test_a_missing_plugin_file_in_a_folder_without_any_names_the_folder(tmp_path):
    with pytest.raises(VerifierError) as caught:
        Registry([str(tmp_path / "x.py")])
    assert str(caught.value) == (
        f"no plug-in file {tmp_path}/x.py: there is no Python file in {tmp_path}"
    )
    with pytest.raises(VerifierError, match=f"y/x.py: there is no folder {tmp_path}/y"):
        Registry([str(tmp_path / "y" / "x.py")])


def test_a_plugin_imports_what_lies_beside_it(write, tmp_path):
    write("def helped(): return 0.25", "rlsys_test_helper.py")
    source = "from rlsys_test_helper import helped\ndef score(completions): return [helped()]"
    assert Registry([write(source)]).names()
    assert str(tmp_path) not in sys.path
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "__init__.py").write_text("VALUE = 1")
    assert Registry([write("import inside\n" + textwrap.dedent(PLUGIN))]).names()


def test_two_plugins_have_each_its_own_helper_of_one_name(tmp_path):
    found = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "helpers.py").write_text(f"VALUE = {number}")
        source = "import helpers\nclass V:\n    def verify(self, one): return helpers.VALUE\n"
        source += "    def self_test(self): return []\n"
        (folder / f"plugin_{number}.py").write_text(source + f"VERIFIERS = {{'v{number}': V}}")
        path = str(folder / f"plugin_{number}.py")
        found.append(Registry([path]).create(f"v{number}").verify(None))
    assert found == [1, 2]


def test_an_import_that_is_not_there_says_what_may_be_imported(write, tmp_path):
    with pytest.raises(VerifierError) as caught:
        Registry([write("import rlsys_test_nothing")])
    message = str(caught.value)
    assert "ModuleNotFoundError: No module named 'rlsys_test_nothing'" in message
    assert message.endswith(f"; a plug-in imports what is installed, and what lies in {tmp_path}")
    elsewhere = PluginFile("/on/another/node.py", "import rlsys_test_nothing")
    with pytest.raises(VerifierError, match="on other nodes than its own a plug-in imports only"):
        Registry([elsewhere])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import time\ntime.sleep(2)\nVERIFIERS = {'slow': print}",
            "still importing the plug-in .*plugin.py, after 0.05 s: at .*plugin.py:2 in <module>: "
            r"time.sleep\(2\)\n",
        ),
        (
            "import time\nclass Slow:\n  def __init__(self):\n    time.sleep(2)\n"
            "  verify = self_test = print\nVERIFIERS = {'slow': Slow}",
            "still making the verifier 'slow', after 0.05 s: at .*plugin.py:4 in __init__: "
            r"time.sleep\(2\)\n",
        ),
    ],
)
def test_a_plugin_that_takes_long_is_named_with_the_line_it_is_at(
    write, source, message, monkeypatch, capfd
):
    monkeypatch.setattr(faults, "_SLOW_S", 0.05)
    Registry([write(source)]).create("slow")
    assert re.fullmatch(message, capfd.readouterr().err)


def test_a_plugin_that_is_quick_is_not_mentioned(write, monkeypatch, capfd):
    monkeypatch.setattr(faults, "_SLOW_S", 0.05)
    Registry([write("VERIFIERS = {'quick': print}")])
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_missing_plugin_file_names_the_nearest(write):
    path = write(PLUGIN, "my_verifier.py")
    with pytest.raises(VerifierError, match=r"did you mean '.*my_verifier\.py'"):
        Registry([path.replace("verifier", "verifer")])


def test_an_installed_package_adds_its_verifiers(tmp_path, monkeypatch):
    points = {"rlsys.verifiers": {"boxed": "verifiers.form.format:FormatVerifier"}}
    monkeypatch.syspath_prepend(installed(tmp_path, "my-boxes", points))
    assert "boxed" in Registry().names()
    assert Registry().create("boxed").name == "format"


def test_a_package_that_cannot_be_imported_is_one_error_that_names_it(tmp_path, monkeypatch):
    points = {"rlsys.verifiers": {"boxed": "my_boxes:Boxed"}}
    monkeypatch.syspath_prepend(installed(tmp_path, "my-boxes", points, my_boxes="1 / 0"))
    with pytest.raises(
        VerifierError, match=r"package my-boxes 1\.0: .*boxed = 'my_boxes:Boxed'.* ZeroD"
    ):
        Registry().check("boxed", {})
