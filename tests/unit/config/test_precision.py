"""What `dtype: auto` comes to, on GPUs, on CPUs with instructions for bfloat16, and on others."""

from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load, to_yaml
from rlsys.config.precision import ROLES, cpu_has_bfloat16, decided, is_open
from rlsys.config.run import Precision, RunConfig

BF16, F32, AUTO = Precision.bfloat16, Precision.float32, Precision.auto


def precisions(config: RunConfig) -> list[Precision]:
    return [getattr(config, role).dtype for role in ROLES]


def read(*overrides: str) -> RunConfig:
    return load(CONFIGS / "base.yaml", list(overrides))


def test_on_cpus_it_is_open_until_they_are_known() -> None:
    config = read()
    assert precisions(config) == [AUTO] * 4
    assert is_open(config)


@pytest.mark.parametrize(("has_it", "wanted"), [(True, BF16), (False, F32)])
def test_cpus_with_the_instructions_compute_in_bfloat16_and_others_in_float32(
    has_it: bool, wanted: Precision
) -> None:
    config = decided(read(), has_it)
    assert precisions(config) == [wanted] * 4
    assert not is_open(config)


def test_a_role_with_gpus_has_bfloat16_at_once() -> None:
    config = read("learner.gpus=1", "rollout.gpus=1")
    assert precisions(config) == [BF16, BF16, AUTO, AUTO]
    assert precisions(decided(config, False)) == [BF16, BF16, F32, F32]


def test_what_is_named_stays() -> None:
    config = decided(read("learner.dtype=bfloat16", "reference.dtype=float32"), False)
    assert precisions(config) == [BF16, F32, F32, F32]


def test_whatever_is_open_follows_a_learner_in_float32() -> None:
    """Else its samplers would round otherwise than it does."""
    config = read("learner.dtype=float32", "teacher.dtype=bfloat16", "rollout.gpus=1")
    assert precisions(config) == [F32, F32, F32, BF16]


def test_a_run_leaves_what_was_decided(tmp_path: Path) -> None:
    """So that a resumed one computes as it did, whatever its machine has."""
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(decided(read(), True)))
    assert precisions(decided(load(file), False)) == [BF16] * 4


@pytest.mark.parametrize(
    ("line", "has_it"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 avx2", True),
        ("flags\t\t: fpu amx_tile amx_bf16", True),
        ("flags\t\t: fpu avx2 avx512f", False),
        ("Features\t: fp asimd", False),
    ],
)
def test_the_cpu_says_what_it_has(tmp_path: Path, line: str, has_it: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\nbugs\t\t: avx512_bf16\n")
    assert cpu_has_bfloat16(cpuinfo) is has_it
    assert cpu_has_bfloat16(tmp_path / "elsewhere") is False
