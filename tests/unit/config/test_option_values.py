"""What options of other programs take, by the annotations in their text."""

from pathlib import Path

import pytest

from rlsys.config.option_values import fields_of, literals_of

TEXT = """
class Other:
    hidden: int = 0

class Options:
    flag: bool = False
    size: int | None = None
    share: Optional[float] = Field(0.5, gt=0, le=1)
    bucket: int = Field(pp_int(5e8), ge=1, alias="stage3_bucket")
    kind: Kind | None = None
    mode: Literal["fast", "slow"] = "fast"
    either: Kind | str = "any"
    later: "int | None" = None
    nested: SomeConfig = get_field("x")
    listed: list[int] | None = None
"""


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "kinds.py").write_text(
        'Base = Literal["b"]\nKind = Literal[\n    "a",\n    Base,\n]\n'
    )
    (tmp_path / "options.py").write_text(TEXT)
    return fields_of(tmp_path / "options.py", ("Options",), literals_of(tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("flag", True, ""),
        ("flag", "maybe", "expected true or false"),
        ("flag", 1, "expected true or false"),
        ("size", 3, ""),
        ("size", 3.0, ""),
        ("size", None, ""),
        ("size", 3.5, "expected a whole number or null"),
        ("size", True, "expected a whole number or null"),
        ("share", 1, ""),
        ("share", 0, "must be above 0.0 and at most 1.0; nearest valid: 1"),
        ("share", 1.5, "must be above 0.0 and at most 1.0; nearest valid: 1.0"),
        ("share", "all", "expected a number or null"),
        ("bucket", None, "expected a whole number"),
        ("stage3_bucket", 0, "must be at least 1.0; nearest valid: 1.0"),
        ("kind", "b", ""),
        ("kind", "c", "no such value; there are: a, b"),
        ("kind", 7, "expected a or b or null"),
        ("mode", "slwo", "no such value; did you mean 'slow'?; there are: fast, slow"),
        ("either", "anything", ""),
    ],
)
def test_a_value_is_one_that_the_option_takes(options, name: str, value: object, said: str) -> None:
    assert options[name].refusal(value) == said


@pytest.mark.parametrize("name", ["later", "nested", "listed"])
def test_what_is_not_understood_is_let_through(options, name: str) -> None:
    assert options[name] is None


def test_fields_of_other_classes_are_none(options) -> None:
    assert "hidden" not in options
