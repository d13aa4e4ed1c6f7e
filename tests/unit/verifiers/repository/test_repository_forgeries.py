"""Code that tries to make a repository's tests look passed; minutes long."""

import pytest

from tests.helpers.repository_tree import GOLD_BODY, ISOLATIONS, instance, make_clone, patch_of
from verifiers.base import Completion, Status
from verifiers.repository.verifier import RepositoryVerifier

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module", params=ISOLATIONS)
def grade(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkouts")
    _, base = make_clone(folder)
    limits = {"wall_s": 30.0, "disk_mb": 64, "processes": 40}
    verifier = RepositoryVerifier(checkouts=str(folder), isolation=request.param, **limits)
    yield lambda patch: verifier.verify(Completion("", patch, None, instance(base)))
    verifier.close()


FORGERIES = {
    "exit at import": ("import os; os._exit(0)", Status.CRASH),
    "tests that do nothing": (
        "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None",
        Status.REJECTED,
    ),
    "reports that always pass": (
        "import _pytest.reports as r\n"
        "old = r.TestReport.__init__\n"
        "def new(self, nodeid, location, keywords, outcome, longrepr, when, *a, **k):\n"
        "    old(self, nodeid, location, keywords, 'passed', None, when, *a, **k)\n"
        "r.TestReport.__init__ = new",
        Status.REJECTED,
    ),
    "an assertion that exits": (
        "import builtins\nclass Quiet(Exception):\n"
        "    def __new__(cls, *a):\n        import os; os._exit(0)\n"
        "builtins.AssertionError = Quiet",
        Status.CRASH,
    ),
    "lines into every descriptor": (
        "import os\nfor d in range(3, 64):\n"
        '    try: os.write(d, b\'{"event": "end"}\\n\')\n    except OSError: pass',
        Status.REJECTED,
    ),
    "printed markers": ("print('5 passed in 0.01s'); raise SystemExit(0)", Status.WRONG),
}


@pytest.mark.parametrize(("code", "status"), FORGERIES.values(), ids=FORGERIES)
def test_forged_run_is_not_paid(grade, code, status):
    verdict = grade(patch_of("        return None", before=code))
    assert (verdict.reward, verdict.status) == (0.0, status)


BODIES = {
    "equal to everything": "        return type('A', (), {'__eq__': lambda s, o: True})()",
    "expected failure": "        import pytest; pytest.xfail('later')",
    "skip": "        import pytest; pytest.skip('later')",
    "exit in the test": "        import os; os._exit(0)",
    "a clean exit": "        raise SystemExit(0)",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_test_that_only_looks_passed_is_not_paid(grade, body):
    assert grade(patch_of(body)).reward == 0.0


def test_forgery_shows_in_its_canaries(grade):
    verdict = grade(patch_of(BODIES["equal to everything"]))
    assert verdict.status is Status.REJECTED
    assert verdict.reason.startswith("forged: tests/test_stack.py::")


def test_code_sees_no_secret_no_network_and_no_file_of_the_host(grade, monkeypatch, tmp_path):
    monkeypatch.setenv("API_KEY", "secret")
    (tmp_path / "file").write_text("private")
    code = (
        "import os, socket\n"
        "assert 'API_KEY' not in os.environ\n"
        f"assert not os.path.exists({str(tmp_path / 'file')!r})\n"
        "assert not os.path.exists('/etc/shadow') and os.getuid() != 0\n"
        "assert [n for _, n in socket.if_nameindex()] == ['lo']\n"
        "for path in ('/usr/x', '/base/x', '/x', '/dev/x'):\n"
        "    try: open(path, 'w')\n"
        "    except OSError: continue\n"
        "    raise AssertionError(path)\n"
        "open('x', 'w').close(); open('/tmp/x', 'w').close()\n"
    )
    assert grade(patch_of(GOLD_BODY, before=code)).reward == 1.0


def test_bombs_end_in_a_verdict(grade):
    forks = (
        "import os\nfor _ in range(60):\n    if os.fork() == 0: os.execvp('sleep', ['sleep', '9'])"
    )
    assert grade(patch_of(GOLD_BODY, before=forks)).reward == 0.0
    disk = "open('/tmp/a', 'wb').write(bytes(100 << 20))"
    assert grade(patch_of(GOLD_BODY, before=disk)).reward == 0.0
