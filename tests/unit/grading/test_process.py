"""The verifiers' process, with verifiers that hang, crash, eat memory or return nonsense."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from rlsys.config.sandbox import SandboxConfig
from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import PluginError, VerifierError
from rlsys.grading.batches import grades_batch, verdicts_of
from rlsys.grading.process import VerifierProcess
from rlsys.plugins import read_plugins
from verifiers.base import Completion, Status, Verdict

# What it does is what the completion says; "right" is worth 1.
PLUGIN = """
import os, re, signal, sys, time

from verifiers.base import Completion, Status, Verdict


class Obedient:
    name = "obedient"

    def __init__(self, at_self_test: str = "right") -> None:
        self.at_self_test = at_self_test

    def verify(self, completion):
        match completion.text:
            case "hang":
                re.match(r"(a+)+$", "a" * 64 + "!")  # never lets go of the interpreter
            case "sleep":
                time.sleep(3600)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case name if name.startswith("/"):
                # Crashes where nobody did so before.
                if not os.path.exists(name):
                    open(name, "x").close()
                    os.kill(os.getpid(), signal.SIGKILL)
                return Verdict(1.0, Status.CORRECT)
            case "exit":
                sys.exit(3)
            case "raise":
                raise ValueError("out of order")
            case "eat":
                eaten = []
                while True:
                    eaten.append(b"x" * 2**22)
            case "lambda":
                return Verdict(1.0, Status.CORRECT, components={"f": lambda: 0})
            case "none":
                return None
            case "high":
                return Verdict(2.0, Status.CORRECT)
            case "nan":
                return Verdict(float("nan"), Status.CORRECT)
            case "text":
                return Verdict("1", Status.CORRECT)
            case "right":
                return Verdict(1.0, Status.CORRECT, components={"pid": float(os.getpid())})
            case "fork":
                return Verdict(float(os.fork() != 0), Status.CORRECT)
            case "half":
                return Verdict(1.0, Status.CORRECT, "\\ud800 and more")
        return Verdict(0.0, Status.WRONG)

    def self_test(self):
        return [(Completion("", self.at_self_test, ""), 1.0), (Completion("", "wrong", ""), 0.0)]


class Whole(Obedient):
    name = "whole"

    def verify_all(self, completions):
        return [self.verify(one) for one in completions]


VERIFIERS = {"obedient": Obedient, "whole": Whole}
"""


def settings(folder: Path, name: str = "obedient", **options: str) -> VerifiersConfig:
    file = folder / "obedient.py"
    file.write_text(PLUGIN)
    return VerifiersConfig(
        plugins=[str(file)],
        rewards=[RewardConfig(name, options=options)],
        timeout_s=1.0,
        memory_mb=120,
    )


@pytest.fixture
def process(tmp_path: Path) -> Iterator[VerifierProcess]:
    made = VerifierProcess(settings(tmp_path), SandboxConfig())
    yield made
    made.close()


def graded(process: VerifierProcess, *texts: str) -> list[Verdict]:
    return process.grade([Completion("", text, "") for text in texts])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hang", "obedient: no verdict within verifiers.timeout_s=1, at {file}:16 in verify"),
        ("sleep", "obedient: no verdict within verifiers.timeout_s=1, at {file}:18 in verify"),
        ("crash", "obedient: the verifier's process was killed by signal 11"),
        ("exit", "obedient: the verifier's process ended with status 3"),
        ("eat", "more than verifiers.memory_mb=120, at {file}:"),
        ("raise", "obedient: ValueError: out of order, at {file}:30 in verify: raise"),
        ("none", "obedient: returned a NoneType, not a Verdict: None"),
        ("high", "obedient: returned the reward 2, outside [0, 1], at {file}:13; the range"),
        ("nan", "ValueError: reward nan is no finite number, at {file}:42 in verify: return"),
        ("text", "TypeError: must be real number, not str, at {file}:44 in verify: return Ver"),
        ("lambda", "the verdict's component 'obedient.f' cannot be sent: TypeError"),
    ],
)
def test_only_the_row_that_broke_the_verifier_has_no_verdict(
    process: VerifierProcess, tmp_path: Path, text: str, reason: str
) -> None:
    verdicts = graded(process, "right", "wrong", text, "right", "wrong")
    assert [v.reward for v in verdicts] == [1.0, 0.0, None, 1.0, 0.0]
    assert verdicts[2].status is Status.INFRASTRUCTURE
    assert reason.format(file=tmp_path / "obedient.py") in verdicts[2].reason
    assert graded(process, "right")[0].reward == 1.0


def test_a_process_that_a_verifier_forks_and_forgets_gives_no_verdicts(
    process: VerifierProcess,
) -> None:
    verdicts = process.grade([Completion("", text, "") for text in ("fork", "wrong", "right")] * 3)
    assert [verdict.reward for verdict in verdicts] == [1.0, 0.0, 1.0] * 3


def test_a_reason_with_half_a_character_goes_into_a_table(process: VerifierProcess) -> None:
    (verdict,) = process.grade([Completion("", "half", "")])
    assert (verdict.reward, verdict.reason) == (1.0, "? and more")


def test_a_batch_of_bad_rows_ends_in_a_bounded_time(process: VerifierProcess) -> None:
    verdicts = graded(process, *["sleep"] * 20, "right")
    assert process.starts == 4
    assert "no verdict within" in verdicts[2].reason
    assert all("3 completions before it ended the verifiers" in v.reason for v in verdicts[3:])


def test_a_row_that_ends_a_verifier_of_batches_is_found_among_the_others(tmp_path: Path) -> None:
    process = VerifierProcess(settings(tmp_path, "whole"), SandboxConfig())
    verdicts = graded(process, "right", "crash", "right")
    process.close()
    assert [v.reward for v in verdicts] == [1.0, None, 1.0]


def test_the_process_ends_with_the_worker_even_in_an_endless_verifier(tmp_path: Path) -> None:
    config = settings(tmp_path)
    config.timeout_s = 600.0
    worker = os.fork()
    if worker == 0:
        process = VerifierProcess(config, SandboxConfig())
        (tmp_path / "pid").write_text(str(process.pid))
        graded(process, "hang")
        os._exit(0)
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    os.kill(worker, 9)
    os.waitpid(worker, 0)
    child.wait(timeout=30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wrong", ["verifier 'obedient' fails its self-test", "got reward 0.0, expected 1.0"]),
        ("crash", ["self-test of verifier 'obedient'", "['crash', 'wrong']", "signal 11, 2 times"]),
        ("raise", ["verifier 'obedient' fails its self-test", "'raise'", "out of order"]),
    ],
)
def test_a_failing_self_test_names_the_verifier_and_the_case(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    with pytest.raises(VerifierError) as caught:
        VerifierProcess(settings(tmp_path, at_self_test=text), SandboxConfig())
    for word in words:
        assert word in str(caught.value)


def test_a_process_that_is_lost_in_its_self_test_is_started_once_more(tmp_path: Path) -> None:
    config = settings(tmp_path, at_self_test=str(tmp_path / "crashed"))
    process = VerifierProcess(config, SandboxConfig())
    assert process.starts == 2
    assert graded(process, "right")[0].reward == 1.0
    process.close()


def test_a_plugin_goes_to_a_worker_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    config.plugins = ["obedient.py"]
    plugins = read_plugins(config.plugins)
    (tmp_path / "obedient.py").unlink()
    monkeypatch.chdir("/")
    process = VerifierProcess(config, SandboxConfig(), plugins)
    assert graded(process, "right")[0].reward == 1.0
    process.close()


def test_a_missing_plugin_file_is_an_error_that_says_the_nearest(tmp_path: Path) -> None:
    settings(tmp_path)
    with pytest.raises(PluginError, match=r"did you mean .*obedient\.py"):
        read_plugins([str(tmp_path / "obediant.py")])


def test_verdicts_survive_the_way_through_a_scores_batch() -> None:
    verdicts = [
        Verdict(0.5, Status.CORRECT, "fine", {"a": 0.5}, 0.25),
        Verdict(None, Status.INFRASTRUCTURE, "gone", {}, 1.0),
    ]
    rows = pa.record_batch({"group_id": [1, 1], "sample_index": [0, 1]})
    assert verdicts_of(grades_batch(rows, verdicts)) == verdicts
