"""Does a patch resolve its issue? The tests of a SWE-bench instance, run in a sandbox."""

import base64
import functools
import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rlsys.config.ranges import among, ranged
from rlsys.errors import VerifierError
from verifiers.base import Completion, Expectation, Status, Verdict
from verifiers.repository import runner
from verifiers.repository.canaries import make_canaries
from verifiers.repository.checkouts import Checkouts
from verifiers.repository.known import SELF_TEST, KnownRepository
from verifiers.repository.patch import (
    Changes,
    Refused,
    apply_patch,
    find_patch,
    refuse_protected,
)
from verifiers.repository.report import Finding, read_report
from verifiers.repository.task import Task, read_task
from verifiers.sandbox.interface import Limits
from verifiers.sandbox.repositories.bubblewrap import Bubblewrap
from verifiers.sandbox.repositories.gvisor import Gvisor
from verifiers.sandbox.repositories.interface import RepositorySandbox

_ISOLATIONS: dict[str, Callable[[], RepositorySandbox]] = {
    "bubblewrap": Bubblewrap,
    "gvisor": Gvisor,
}
_BASE, _RUNNER = "/base", "/runner.py"
_MAX_OTHER_CANARIES = 8
_REPORT_MB = 16.0
_PREFIXES = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix]))"


@dataclass
class RepositoryVerifier:
    """Reward 1 when a patch makes all of an instance's tests pass, else 0.

    The patch is applied outside the sandbox, the test files are those of the row's test patch, and
    FAIL_TO_PASS and PASS_TO_PASS run in a sandbox without a network. When all pass, canaries
    run in a second sandbox: the same tests, changed so that they must fail.
    """

    checkouts: str = ""
    """Folder with a tree, archive or git repository for each instance (docs/verifiers.md)."""
    python: str = ""
    """Interpreter with pytest and what the repository needs; empty: that of the worker.
    {instance_id}, {repo} (owner__name) and {version} stand for the instance's own."""
    mount: str = "/testbed"
    """Where the tree lies in the sandbox, which an editable installation has to point to."""
    wall_s: float = ranged(300.0, above=0)
    """Seconds for one run of all listed tests; a right patch takes two runs."""
    memory_mb: int = ranged(4096, least=1)
    """Address space of each process, MiB."""
    disk_mb: int = ranged(2048, least=1)
    """The tree with what tests write into it, MiB of memory."""
    processes: int = ranged(256, least=1)
    """Processes and threads at a time."""
    isolation: str = among("bubblewrap", _ISOLATIONS)
    """Sandbox: bubblewrap, on the host's kernel, or gvisor, on its own, slower and for root."""
    name: str = field(default="repository", init=False)

    def __post_init__(self) -> None:
        if self.isolation not in _ISOLATIONS:
            raise VerifierError(
                f"repository: isolation={self.isolation!r}; there are: {', '.join(_ISOLATIONS)}"
            )
        if not self.mount.startswith("/") or self.mount in ("/", "/usr", "/tmp", _BASE):
            raise VerifierError(f"repository: mount={self.mount!r}; nearest valid: '/testbed'")
        self._limits = Limits(
            wall_s=self.wall_s,
            cpu_s=self.wall_s * (os.cpu_count() or 1),  # the wall clock decides
            memory_mb=self.memory_mb,
            tmp_mb=self.disk_mb,
            threads=self.processes,
            output_mb=_REPORT_MB,
        )
        self._sandbox = _ISOLATIONS[self.isolation]()
        self._checkouts = Checkouts(Path(self.checkouts or "."))
        self._known = KnownRepository()

    def verify(self, completion: Completion) -> Verdict:
        """Grade a patch.

        Raises:
            VerifierError: the row is no instance, its checkout or interpreter is missing, or the
                tests were never begun. Says nothing about the patch.
            SandboxError: the sandbox failed, which says as little.
        """
        task = read_task(completion.info)
        truncated = completion.finish_reason == "length"
        patch = find_patch(completion.text, completion.prompt, truncated)
        if patch is None:
            return Verdict(0.0, Status.UNPARSABLE, "no patch: expected a unified diff")
        tree = self._tree(task)
        restored = _apply_test_patch(tree, task)
        files = task.test_files(restored)
        try:
            changes = apply_patch(tree, patch)
            refuse_protected(tree, changes, {*restored, *files})
        except Refused as refused:
            status = Status.UNPARSABLE if refused.malformed else Status.REJECTED
            return Verdict(0.0, status, refused.reason)
        changes |= restored
        finding = self._run(task, tree, changes, files, task.names)
        verdict = _verdict(task, finding)
        if verdict.status is Status.CORRECT:
            forged = self._forged(task, tree, changes, files, finding)
            if forged:
                return Verdict(0.0, Status.REJECTED, forged)
        return verdict

    def self_test(self) -> list[tuple[Completion, Expectation]]:
        """A small repository of its own: a right patch, wrong ones, and forgeries."""
        return self._known.cases()

    def close(self) -> None:
        """Remove what was unpacked."""
        self._checkouts.close()
        self._known.close()
        self._sandbox.close()

    def _tree(self, task: Task) -> Path:
        if task.instance_id == SELF_TEST:
            return self._known.tree
        if not self.checkouts:
            raise VerifierError(
                "repository: the option checkouts is empty: it names the folder that holds the "
                f"tree of {task.instance_id}"
            )
        return self._checkouts.tree(task.instance_id, task.repo, task.base_commit)

    def _run(
        self, task: Task, tree: Path, changes: Changes, files: list[str], names: tuple[str, ...]
    ) -> Finding:
        """Run the tests of these names once, in a sandbox of their own."""
        token = secrets.token_hex(16)
        encoded = {
            path: None if content is None else base64.b64encode(content).decode()
            for path, content in changes.items()
        }
        message: dict[str, object] = {
            "token": token,
            "tests": list(names),
            "test_files": files,
            "files": encoded,
        }
        message |= {"base": _BASE, "work": self.mount, "unittest": task.is_of_unittest}
        python = self._interpreter(task)
        prefixes = {prefix: prefix for prefix in _prefixes(python)}
        run = self._sandbox.run(
            [python, "-I", _RUNNER],
            {_BASE: str(tree), _RUNNER: runner.__file__, **prefixes},
            {
                "PATH": f"{Path(python).parent}:/usr/local/bin:/usr/bin:/bin",
                "HOME": "/tmp",
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            json.dumps(message).encode(),
            self._limits,
            writable=(self.mount,),
        )
        return read_report(run, token, self.wall_s)

    def _forged(
        self, task: Task, tree: Path, changes: Changes, files: list[str], real: Finding
    ) -> str:
        """What shows that the tests only look passed; empty when nothing does."""
        names = [name for name in task.fail_to_pass if name not in real.expected_to_fail]
        others = [n for n in task.pass_to_pass if n not in {*names, *real.expected_to_fail}]
        names += random.SystemRandom().sample(others, min(len(others), _MAX_OTHER_CANARIES))
        changed = dict(changes)
        canaries: list[str] = []
        for path in files:
            source = changed.get(path) or (tree / path).read_bytes()
            text, found = make_canaries(source.decode(), path, names)
            changed[path] = text.encode()
            canaries += [name for name in found if name not in canaries]
        if not canaries:
            raise VerifierError(
                f"repository: no canary can be made of the tests of {task.instance_id}: none of "
                f"{', '.join(names[:3])} is defined in {', '.join(files)}"
            )
        finding = self._run(task, tree, changed, files, tuple(canaries))
        passed = sorted(finding.passed - finding.expected_to_fail)
        if passed:
            return f"forged: {passed[0]} passes although it cannot"
        return f"in the canaries {finding.reason}" if finding.fault is not None else ""

    def _interpreter(self, task: Task) -> str:
        if not self.python or (task.instance_id == SELF_TEST and "{" in self.python):
            return sys.executable
        repo = task.repo.replace("/", "__")
        return self.python.format(instance_id=task.instance_id, repo=repo, version=task.version)


def _verdict(task: Task, finding: Finding) -> Verdict:
    if finding.fault is not None:
        return Verdict(0.0, finding.fault, finding.reason)
    missing = [name for name in task.names if name not in finding.passed]
    shares = {
        "fail_to_pass": _share(task.fail_to_pass, finding),
        "pass_to_pass": _share(task.pass_to_pass, finding),
    }
    if missing:
        reason = f"{len(missing)} of {len(task.names)} tests do not pass: {missing[0]}"
        return Verdict(0.0, Status.WRONG, reason, shares)
    return Verdict(1.0, Status.CORRECT, "", shares)


def _share(names: tuple[str, ...], finding: Finding) -> float:
    return sum(name in finding.passed for name in names) / len(names) if names else 1.0


def _apply_test_patch(tree: Path, task: Task) -> Changes:
    try:
        return apply_patch(tree, task.test_patch)
    except Refused as refused:
        raise VerifierError(
            f"repository: the test patch of {task.instance_id} does not fit {tree}: "
            f"{refused.reason}"
        ) from refused


@functools.lru_cache(maxsize=256)
def _prefixes(python: str) -> tuple[str, ...]:
    """Folders without which an interpreter does not run, outermost first."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", _PREFIXES], capture_output=True, text=True, timeout=60
        )
    except OSError as error:
        raise VerifierError(f"repository: no interpreter {python!r}: {error}") from error
    if done.returncode:
        raise VerifierError(f"repository: {python!r} does not run: {done.stderr.strip()[-300:]}")
    prefixes = {prefix for prefix in json.loads(done.stdout) if not prefix.startswith("/usr")}
    return tuple(sorted(prefixes, key=len))
