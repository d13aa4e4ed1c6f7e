"""Patches graded by a repository's tests: right ones, wrong ones, and forgeries."""

import subprocess
import time

import pytest

from rlsys.errors import VerifierError
from tests.helpers.repository_tree import (
    GOLD,
    GOLD_BODY,
    ISOLATIONS,
    instance,
    make_clone,
    needs_bwrap,
    new_file,
    patch_of,
)
from verifiers.base import Completion, Status
from verifiers.repository.verifier import RepositoryVerifier

in_each_sandbox = pytest.mark.parametrize("grade", ISOLATIONS, indirect=True)


@pytest.fixture(scope="module", params=[pytest.param("bubblewrap", marks=needs_bwrap)])
def grade(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkouts")
    _, base = make_clone(folder)
    limits = {"wall_s": 20.0, "disk_mb": 64, "processes": 40}
    verifier = RepositoryVerifier(checkouts=str(folder), isolation=request.param, **limits)

    def verdict(patch, **changes):
        text = f"<think>t</think><answer>\n```diff\n{patch}```\n</answer>"
        return verifier.verify(Completion("", text, None, instance(base, **changes)))

    yield verdict
    verifier.close()


@in_each_sandbox
def test_right_patch_is_paid_and_a_wrong_one_says_which_test_fails(grade):
    right = grade(GOLD)
    assert (right.reward, right.status, right.reason) == (1.0, Status.CORRECT, "")
    broken = grade(patch_of("        return 'b'"))
    assert (broken.reward, broken.status) == (0.0, Status.WRONG)
    assert broken.reason == "2 of 5 tests do not pass: tests/test_stack.py::test_one[1]"
    assert broken.components == {"fail_to_pass": 1.0, "pass_to_pass": 0.5}


@in_each_sandbox
def test_run_forged_through_the_reporter_itself_shows_in_its_canaries(grade):
    code = (
        "import gc, os\n"
        "for found in gc.get_objects():\n"
        "    if type(found).__name__ == 'Reporter':\n"
        "        for name in found._tests:\n"
        "            found.send(event='test', name=name, node=name)\n"
        "            for phase in ('setup', 'call', 'teardown'):\n"
        "                found.send(event='phase', node=name, phase=phase, outcome='passed')\n"
        "        found.send(event='end', code=0)\n"
        "        os._exit(0)\n"
    )
    verdict = grade(patch_of("        return None", before=code))
    assert (verdict.reward, verdict.status) == (0.0, Status.REJECTED)
    assert verdict.reason.startswith("forged: tests/test_stack.py::")


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_endless_tests_end_at_their_limit_with_all_they_started(tmp_path, isolation):
    _, base = make_clone(tmp_path)
    verifier = RepositoryVerifier(checkouts=str(tmp_path), isolation=isolation, wall_s=5.0)
    mark = f"sleep {time.time_ns() % 10**9 + 10**9}"
    code = f"import subprocess\nsubprocess.Popen(['setsid', *{mark.split()!r}])\nwhile True: pass"
    completion = Completion("", patch_of(GOLD_BODY, before=code), None, instance(base))
    began = time.monotonic()
    verdict = verifier.verify(completion)
    assert (verdict.reward, verdict.status) == (0.0, Status.TIMEOUT)
    assert time.monotonic() - began < 5.0 + 1.0
    assert mark not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    verifier.close()


def test_isolation_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(VerifierError, match=r"isolation='docker'; there are: bubblewrap, gvisor"):
        RepositoryVerifier(isolation="docker")


PROTECTED = {
    "tests/test_stack.py": "the test file",
    "conftest.py": "tells the test runner",
    "tests/runtests.py": "tells the test runner",
    "src/shelf/conftest.py": "tells the test runner",
    "pytest.ini": "tells the test runner",
    "evil.egg-info/entry_points.txt": "tells the test runner",
    "../outside.py": "reaches for",
    "/tmp/outside.py": "reaches for",
    ".git/hooks/post-checkout": "reaches for",
}


@pytest.mark.parametrize("path", PROTECTED)
def test_patch_must_not_touch_tests_or_what_runs_them(grade, path):
    content = "x = 1\n"
    verdict = grade(GOLD + new_file(path, content))
    assert verdict.reward == 0.0
    if path != "tests/test_stack.py":  # it is there already, so it cannot be new
        assert (verdict.status, PROTECTED[path] in verdict.reason) == (Status.REJECTED, True)


def test_fault_of_the_row_or_the_machine_is_no_verdict(grade, tmp_path):
    with pytest.raises(VerifierError, match="does not fit"):
        grade(GOLD, test_patch=GOLD.replace("Last in", "Last out"))
    with pytest.raises(VerifierError, match="expected a text in the column base_commit"):
        grade(GOLD, base_commit=None)
    with pytest.raises(VerifierError, match="no checkout of other__x-1"):
        grade(GOLD, instance_id="other__x-1", repo="other/x")
    small = RepositoryVerifier(python="/usr/bin/python-none")
    with pytest.raises(VerifierError, match="no interpreter '/usr/bin/python-none'"):
        small.verify(small.self_test()[0][0])
    small.close()
