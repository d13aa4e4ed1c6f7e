"""Installed packages in a job: there, read-only, and alone."""

import pytest

from rlsys.config.sandbox import SandboxConfig, validate
from rlsys.errors import ConfigError, SandboxError
from verifiers.sandbox.interface import Level, Limits
from verifiers.sandbox.pool import open_sandbox

numpy = pytest.importorskip("numpy")
LIMITS = Limits(wall_s=30.0, cpu_s=10.0, memory_mb=512)


@pytest.fixture
def output(strong):
    def output_of(source):
        outcome = strong.run_program(source, b"", LIMITS)
        assert outcome.exit_code == 0, outcome
        return outcome.stdout.decode()

    return output_of


def test_a_package_of_the_setting_computes(output):
    assert output("import numpy as np\nprint(int((np.ones((9, 9)) @ np.ones(9)).sum()))") == "81\n"
    assert output("import numpy, os\nprint(os.listdir('/packages')[0][:5])") == "numpy\n"


def test_nothing_else_of_the_installation_is_there(output):
    source = (
        "import importlib, os, sys\n"
        "for name in ('psutil', 'yaml', 'pip', 'rlsys', 'pytest'):\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError: print('no', end=' ')\n"
        "print(any('site-packages' in path for path in sys.path))"
    )
    assert output(source) == "no no no no no False\n"


@pytest.mark.parametrize(
    "change",
    [
        "open(numpy.__file__, 'a')",
        "open(folder + '/new.py', 'w')",
        "os.remove(numpy.__file__)",
        "os.rename(folder, folder + '2')",
        "os.chmod(numpy.__file__, 0o777)",
        "os.mkdir('/packages/other')",
        "os.truncate(numpy.__file__, 0)",
    ],
)
def test_a_program_cannot_change_a_package(output, change):
    source = (
        "import numpy, os\nfolder = os.path.dirname(numpy.__file__)\n"
        f"try: {change}\nexcept OSError as error: print(type(error).__name__, error.errno)"
    )
    assert output(source) in ("OSError 30\n", "PermissionError 13\n")


def test_what_a_program_does_to_a_package_in_memory_ends_with_it(output):
    assert output("import numpy\nnumpy.sum = None\nprint(numpy.sum)") == "None\n"
    assert output("import numpy\nprint(int(numpy.sum([1, 2])))") == "3\n"


def test_arrays_and_numbers_of_numpy_cross_as_python_s_own(strong):
    source = (
        "import numpy as np\ndef f(kind):\n    return {'i': np.int64(3), 'f': np.float32(0.5),"
        " 'b': np.bool_(True), 'a': np.arange(4).reshape(2, 2), 's': np.array(['a', 'b']),"
        " 'o': np.array([object()]), 'l': np.longdouble(1) / 3, 'z': np.float64(0.1)}[kind]"
    )
    with strong.open_function(source, "f", LIMITS) as function:
        found = [function.call((kind,), {}) for kind in "ifbasz"]
        found = [value.tolist() if isinstance(value, numpy.ndarray) else value for value in found]
        assert found == [3, 0.5, True, [[0, 1], [2, 3]], ["a", "b"], 0.1]
        assert [type(value) for value in found[:3]] == [int, float, bool]
        for kind in "ol":
            with pytest.raises(Exception, match=r"ndarray|longdouble|float128"):
                function.call((kind,), {})


def test_a_package_that_is_not_installed_is_named_before_anything_starts():
    with pytest.raises(SandboxError, match=r"sandbox\.packages: 'no_such_package'"):
        open_sandbox(SandboxConfig(zygotes=1, packages=["no_such_package"]))
    with pytest.raises(ConfigError, match="'a-b' is not the name"):
        validate(SandboxConfig(packages=["a-b"]))


def test_without_the_setting_there_is_no_package(sandbox):
    if sandbox.level is not Level.STRONG:
        pytest.skip(f"level {sandbox.level}")
    with open_sandbox(SandboxConfig(zygotes=1, packages=[])) as bare:
        outcome = bare.run_program(
            "import os\nprint(os.path.exists('/packages'))\nimport numpy", b"", LIMITS
        )
    assert outcome.stdout == b"False\n"
    assert "No module named 'numpy'" in outcome.reason


def test_an_interpreter_without_namespaces_shows_the_package_where_it_is_installed():
    from verifiers.sandbox import levels, pool

    located = pool._locate(["numpy"])
    try:
        zygote = levels.start_zygote(Level.RESTRICTED, packages=located)
    except SandboxError as error:
        pytest.skip(str(error))
    try:
        source = "import numpy\nprint(int(numpy.sum([1, 2])))\nopen(numpy.__file__, 'a')"
        from verifiers.sandbox import protocol

        outcome = zygote.start(protocol.pack_program(source), b"", LIMITS, None).finish()
    finally:
        zygote.close()
    assert outcome.stdout == b"3\n", outcome
    assert "Error" in outcome.reason
