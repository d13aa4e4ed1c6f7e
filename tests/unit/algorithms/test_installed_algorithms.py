"""A package that is installed with pip adds a loss and an estimator by its entry points."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from rlsys.algorithms.registry import Registry
from rlsys.algorithms.settings import check_algorithm
from rlsys.cli import app
from rlsys.config.load import load
from rlsys.config.run import RunConfig
from rlsys.errors import AlgorithmError, ConfigError
from rlsys.learning.columns import columns_of
from tests.helpers.algorithms import algorithm_of
from tests.helpers.packages import installed

SOURCE = '''
from rlsys.algorithms.contract import Estimator


def surer(ratio, advantages, teacher_logprobs, *, strength: float = 1.0):
    """Weighs a token by how likely the teacher finds it.

    l = -r A pi_T^strength
    """
    return -ratio * advantages * (strength * teacher_logprobs).exp()


def plain(rewards, groups):
    """The reward as it is."""
    return rewards


whole = Estimator(plain, beyond_groups=True)
'''
POINTS = {
    "rlsys.losses": {"surer": "my_losses:surer"},
    "rlsys.advantages": {"whole": "my_losses:whole"},
}
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package where Python finds it, for the test."""

    def put(name: str = "my-losses", points: dict = POINTS, source: str = SOURCE) -> None:
        folder = installed(tmp_path / name, name, points, my_losses=source)
        monkeypatch.syspath_prepend(folder)

    yield put
    sys.modules.pop("my_losses", None)


def config_of(tmp_path: Path, *overrides: str) -> RunConfig:
    path = tmp_path / "run.yaml"
    path.write_text("algorithm: {loss: {name: surer, options: {strength: 0.5}}}\n")
    return load(path, ["algorithm.kl.coefficient=0", *overrides], check_algorithm)


def test_a_config_names_them_without_a_file(tmp_path: Path, install: Install) -> None:
    install()
    config = config_of(tmp_path, "teacher.path=t", "algorithm.advantage.estimator=whole")
    assert columns_of(config.algorithm, config.teacher) == ("teacher_logprobs",)
    registry = Registry()
    loss, estimator = (registry.loss_of(config.algorithm), registry.estimator_of(config.algorithm))
    assert (loss.package, loss.options) == ("my-losses 1.0", {"strength": 0.5})
    assert estimator.spec.beyond_groups
    ratio, advantages, taught = torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.tensor([[-2.0]])
    columns = {"ratio": ratio, "advantages": advantages, "teacher_logprobs": taught}
    # -2 * 3 * exp(0.5 * -2)
    assert loss.call(columns).item() == pytest.approx(-6 * 0.36787944)


def test_without_the_package_the_name_is_one_error_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"algorithm\.loss\.name: no loss 'surer'"):
        config_of(tmp_path)


def test_a_name_that_is_nearly_a_packages_is_told(tmp_path: Path, install: Install) -> None:
    install()
    with pytest.raises(ConfigError, match=r"no loss 'surrer'; did you mean 'surer'"):
        config_of(tmp_path, "algorithm.loss.name=surrer")


def test_its_names_are_listed_without_importing_it(install: Install) -> None:
    install()
    registry = Registry()
    assert "surer" in registry.losses()
    assert "whole" in registry.estimators()
    assert "my_losses" not in sys.modules


def test_a_loss_of_a_package_that_reads_a_teacher_needs_one(
    tmp_path: Path, install: Install
) -> None:
    install()
    with pytest.raises(ConfigError, match=r"loss\.name=surer: it reads teacher_logprobs"):
        config_of(tmp_path, "algorithm.loss.options={}")


def test_drop_no_signal_is_refused_where_a_packages_estimator_compares_prompts(
    tmp_path: Path, install: Install
) -> None:
    install()
    more = ["algorithm.advantage.estimator=whole", "algorithm.drop_no_signal=true"]
    with pytest.raises(ConfigError, match="under whole a group of equal rewards carries a signal"):
        config_of(tmp_path, "teacher.path=t", *more)


def test_show_and_check_know_it_and_name_the_package(install: Install) -> None:
    install()
    shown = CliRunner().invoke(app, ["algorithms", "show", "surer"], env={"COLUMNS": "200"})
    assert "surer, loss (my-losses 1.0)" in shown.output
    assert "plugins:" not in shown.output
    checked = CliRunner().invoke(app, ["algorithms", "check", "surer"], env={"COLUMNS": "200"})
    assert (checked.exit_code, checked.output.count("FAILED")) == (0, 0)
    assert "surer" in checked.output


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import rlsys_no_such",
            r"package my-losses 1\.0: .*surer = 'my_losses:surer'.* Module",
        ),
        ("raise SystemExit", r"package my-losses 1\.0: .* fails: SystemExit"),
        ("", r"package my-losses 1\.0: .* fails: AttributeError: .*surer"),
        ("surer = 3", r"package my-losses 1\.0: loss 'surer': expected a function, got 3"),
        ("def surer(ratios): ...", r"reads the column 'ratios', .* did you mean 'ratio'"),
    ],
)
def test_what_is_wrong_with_a_package_is_one_error_that_names_it(
    tmp_path: Path, install: Install, source: str, message: str
) -> None:
    install(source=source)
    with pytest.raises(ConfigError, match=rf"algorithm\.loss: .*{message}"):
        config_of(tmp_path)


def test_a_loss_of_a_package_that_raises_is_named_with_its_line(install: Install) -> None:
    install(source="def surer(ratio):\n    return ratio / 'x'\n")
    loss = Registry().loss_of(algorithm_of(loss__name="surer"))
    with pytest.raises(AlgorithmError, match=r"loss 'surer' of my-losses 1\.0: Type.*y:2 in "):
        loss.call({"ratio": torch.ones(1, 1)})


def test_two_packages_of_one_name_are_an_error_that_names_both(
    tmp_path: Path, install: Install
) -> None:
    install()
    install("other-losses")
    with pytest.raises(ConfigError, match=r"several packages: my-losses 1\.0, other-losses 1\.0"):
        config_of(tmp_path)


def test_a_file_of_ones_own_comes_before_a_package(tmp_path: Path, install: Install) -> None:
    install()
    file = tmp_path / "mine.py"
    file.write_text("def mine(ratio): ...\nLOSSES = {'surer': mine}\n")
    assert Registry([str(file)]).loss("surer").columns == ("ratio",)
