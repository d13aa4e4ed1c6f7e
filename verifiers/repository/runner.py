"""Runs inside the sandbox: copies the tree, runs the listed tests, reports each one's outcome.

Called as `python -I runner.py MESSAGE_FD REPORT_FD`. It imports pytest or unittest before anything
of the tree is on the import path. The report's descriptor is none of the standard ones, so that
nothing which is printed reaches it, and every line of it carries the message's token.
"""

import base64
import json
import os
import runpy
import subprocess
import sys
import unittest
from typing import Any

_PHASES = ("setup", "call", "teardown")
_DJANGO = os.path.join("tests", "runtests.py")


def main() -> None:
    """Read the message, run, report, end without waiting for what the tests left running."""
    message_fd, report_fd = int(sys.argv[1]), int(sys.argv[2])
    with open(message_fd, "rb") as pipe:
        message = json.loads(pipe.read())
    os.set_inheritable(report_fd, False)
    reporter = Reporter(report_fd, message["token"], message["tests"])
    run = run_unittest if message["unittest"] else run_pytest
    if run is run_pytest:
        try:
            import pytest  # noqa: F401
        except ImportError as error:
            reporter.send(event="fault", reason=f"cannot import pytest: {error}")
            return
    fault = _lay_out(message["base"], message["work"], message["files"])
    if fault:
        reporter.send(event="fault", reason=fault)
        return
    reporter.send(event="ready")
    os.chdir(message["work"])
    source = os.path.join(message["work"], "src")
    sys.path[:0] = [message["work"], *([source] if os.path.isdir(source) else [])]
    reporter.send(event="end", code=run(reporter, message["test_files"]))
    sys.stdout.flush()
    os._exit(0)


def run_pytest(reporter: "Reporter", files: list[str]) -> int:
    """Run the files' listed tests; pytest's exit status."""
    import pytest

    arguments = ["-p", "no:cacheprovider", "--color=no", "-q", *files]
    return int(pytest.main(arguments, plugins=[PytestHooks(reporter)]))


def run_unittest(reporter: "Reporter", files: list[str]) -> int:
    """Run the files' listed tests; 0 when those passed. Django's tests are run by its own program,
    which makes settings and databases for them and hands its tests to unittest's runner."""

    class Runner(unittest.TextTestRunner):
        resultclass = UnittestResult  # type: ignore[assignment]

        def run(self, test: Any) -> Any:
            return super().run(reporter.choose(test))

        def _makeResult(self) -> Any:
            result: Any = super()._makeResult()
            result.reporter = reporter
            return result

    unittest.TextTestRunner = Runner  # type: ignore[misc]
    modules = [os.path.splitext(path)[0].replace(os.sep, ".") for path in files]
    if not os.path.isfile(_DJANGO):
        suite = unittest.defaultTestLoader.loadTestsFromNames(modules)
        return 0 if Runner().run(suite).wasSuccessful() else 1
    sys.path.insert(0, os.path.abspath("tests"))
    labels = [module.removeprefix("tests.") for module in modules]
    sys.argv = [_DJANGO, "--verbosity", "0", "--parallel", "1", *labels]
    try:
        runpy.run_path(os.path.abspath(_DJANGO), run_name="__main__")
    except SystemExit as error:
        return int(bool(error.code))
    return 0


class Reporter:
    """Writes the report: which tests stand for each listed one, and how each phase of them went."""

    def __init__(self, descriptor: int, token: str, tests: list[str]) -> None:
        self._descriptor = descriptor
        self._token = token
        self._tests = tests
        self._marked: set[str] = set()

    def send(self, **fields: Any) -> None:
        """Write one line of the report."""
        line = json.dumps({"token": self._token, **fields}).encode() + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]

    def lists(self, node: str, names: set[str], is_marked: bool) -> bool:
        """Whether a test with these names is listed, which is reported.

        is_marked: it is expected to fail. Only a mark counts, and only now: code under test can
        ask for as much at run time.
        """
        listed = [name for name in self._tests if name in names or stands_for(node, name)]
        for name in listed:
            self.send(event="test", name=name, node=node)
        if listed and is_marked:
            self._marked.add(node)
        return bool(listed)

    def phase(self, node: str, phase: str, outcome: str, is_expected: bool) -> None:
        """Report a phase; is_expected: it failed, as the test's mark may say."""
        expected = is_expected and node in self._marked
        self.send(event="phase", node=node, phase=phase, outcome="xfailed" if expected else outcome)

    def choose(self, suite: Any) -> Any:
        """A suite of unittest without the tests that are not listed."""
        if not isinstance(suite, unittest.TestSuite):
            names, is_marked = _names_of(suite), _is_expected_to_fail(suite)
            return suite if self.lists(suite.id(), names, is_marked) else unittest.TestSuite()
        return unittest.TestSuite(self.choose(test) for test in suite)


class PytestHooks:
    """A plug-in that keeps the listed tests and reports on them."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Leave out what is not listed."""
        chosen: list[Any] = []
        others: list[Any] = []
        for item in items:
            is_marked = item.get_closest_marker("xfail") is not None
            is_listed = self._reporter.lists(item.nodeid, set(), is_marked)
            (chosen if is_listed else others).append(item)
        items[:] = chosen
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report one phase (setup, call, teardown) of a test."""
        is_expected = "wasxfail" in vars(report) and report.outcome == "skipped"
        self._reporter.phase(report.nodeid, report.when, report.outcome, is_expected)


class UnittestResult(unittest.TextTestResult):
    """Reports each test when it has ended, as unittest sees it after its clean-ups."""

    reporter: Reporter

    def startTest(self, test: Any) -> None:
        self._outcome = "passed"
        super().startTest(test)

    def addError(self, test: Any, err: Any) -> None:
        self._outcome = "failed"
        super().addError(test, err)

    def addFailure(self, test: Any, err: Any) -> None:
        self._outcome = "failed"
        super().addFailure(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        self._outcome = "failed" if err is not None else self._outcome
        super().addSubTest(test, subtest, err)

    def addSkip(self, test: Any, reason: str) -> None:
        self._outcome = "skipped"
        super().addSkip(test, reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self._outcome = "expected"
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._outcome = "failed"
        super().addUnexpectedSuccess(test)

    def stopTest(self, test: Any) -> None:
        is_expected = self._outcome == "expected"
        outcome = "failed" if is_expected else self._outcome
        for phase in _PHASES:
            self.reporter.phase(test.id(), phase, outcome, is_expected)
        super().stopTest(test)


def _names_of(test: Any) -> set[str]:
    """A test as unittest prints it: by its method and class, in both forms that Python has had,
    and by the first line of its docstring."""
    of_class, _, method = test.id().rpartition(".")
    names = {f"{method} ({of_class})", f"{method} ({of_class}.{method})"}
    described = test.shortDescription()
    return names | {described} if described else names


def _is_expected_to_fail(test: Any) -> bool:
    """Whether the test or its class has the mark of unittest.expectedFailure."""
    mark = "__unittest_expecting_failure__"
    method = getattr(test, test.id().rpartition(".")[2], None)
    return getattr(method, mark, False) or getattr(type(test), mark, False)


def stands_for(node: str, name: str) -> bool:
    """Whether a pytest node id is meant by a test's name in the data.

    Names may lack the file (`test_add`), and end at the first space of a parameter.
    """
    if node == name or node.partition(" ")[0] == name:
        return True
    return "::" not in name and node.partition("::")[2] == name


def _lay_out(base: str, work: str, files: dict[str, str | None]) -> str:
    """Copy the tree without its history, then put changed files into it; what went wrong, or ''."""
    entries = [os.path.join(base, name) for name in os.listdir(base) if name != ".git"]
    done = subprocess.run(
        ["cp", "-R", "--preserve=mode,timestamps,links", "--", *entries, work],
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        return f"the tree cannot be copied: {done.stderr[:300]}"
    for path, content in files.items():
        target = os.path.join(work, path)
        mode = os.stat(target).st_mode if os.path.isfile(target) else 0o644
        if os.path.lexists(target):
            os.remove(target)  # it may be read-only
        if content is not None:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(base64.b64decode(content))
            os.chmod(target, mode)
    return ""


if __name__ == "__main__":
    main()
