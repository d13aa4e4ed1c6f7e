"""Runs inside the sandbox: copies the tree, runs the listed tests, reports each one's outcome.

Called as `python -I runner.py MESSAGE_FD REPORT_FD`. It imports pytest before anything of the tree
is on the import path. The report's descriptor is none of the standard ones, so that nothing which
is printed reaches it, and every line of it carries the message's token.
"""

import base64
import json
import os
import subprocess
import sys
from typing import Any


def main() -> None:
    """Read the message, run, report, end without waiting for what the tests left running."""
    message_fd, report_fd = int(sys.argv[1]), int(sys.argv[2])
    with open(message_fd, "rb") as pipe:
        message = json.loads(pipe.read())
    os.set_inheritable(report_fd, False)
    reporter = Reporter(report_fd, message["token"], message["tests"])
    try:
        import pytest
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
    arguments = ["-p", "no:cacheprovider", "--color=no", "-q", *message["test_files"]]
    code = pytest.main(arguments, plugins=[reporter])
    reporter.send(event="end", code=int(code))
    sys.stdout.flush()
    os._exit(0)


class Reporter:
    """A pytest plug-in that keeps the listed tests and reports on them."""

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

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Leave out what is not listed, and say which tests stand for each listed one."""
        chosen: list[Any] = []
        others: list[Any] = []
        for item in items:
            names = [name for name in self._tests if stands_for(item.nodeid, name)]
            (chosen if names else others).append(item)
            for name in names:
                self.send(event="test", name=name, node=item.nodeid)
        items[:] = chosen
        self._marked = {i.nodeid for i in chosen if i.get_closest_marker("xfail") is not None}
        config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report one phase (setup, call, teardown) of a test."""
        # Only a mark makes a failure an expected one: code under test can ask for it at run time.
        expected = report.nodeid in self._marked and "wasxfail" in vars(report)
        outcome = "xfailed" if expected and report.outcome == "skipped" else report.outcome
        self.send(event="phase", node=report.nodeid, phase=report.when, outcome=outcome)


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
