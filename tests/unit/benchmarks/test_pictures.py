"""README's pictures are those that benchmarks/pictures.py draws."""

import json
import re
from xml.etree import ElementTree

import pytest
from pictures import BOXES, dataflow, training_curve

from tests.helpers.places import DOCS

IMAGES = DOCS / "images"


@pytest.fixture
def run(tmp_path):
    steps = [
        {"step": n, "reward/accuracy": n / 10, "completion/mean_tokens": 10 + n}
        for n in range(1, 7)
    ]
    checks = [
        {"step": n, "pass_at_1": n / 10, "low": n / 20, "high": n / 5, "rates": {}} for n in (0, 5)
    ]
    for name, lines in (("metrics", steps), ("heldout", checks)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


def test_the_dataflow_in_the_docs_is_the_one_drawn_now():
    assert (IMAGES / "dataflow.svg").read_text() == dataflow()


def test_no_text_of_the_dataflow_is_wider_than_its_box():
    root = ElementTree.fromstring(dataflow())
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    for box in BOXES:
        # Letters of 13 pixels are about 7 wide.
        assert max(len(box.title), len(box.about)) * 7 < box.width + 2, box


def test_a_runs_curve_has_its_checks_and_no_background(run):
    training_curve(run, run / "a.svg")
    training_curve(run, run / "b.svg")
    text = (run / "a.svg").read_text()
    assert text == (run / "b.svg").read_text()
    assert "held-out, 95 % interval" in text
    assert "#ffffff" not in text.lower()
    filled = re.findall(r'style="fill: (#[0-9a-f]{6})', text)
    assert set(filled) <= {"#7d8590", "#3b82c4", "#d9822b"}


@pytest.mark.parametrize("name", ["dataflow.svg", "training.svg"])
def test_pictures_of_readme_are_small(name):
    assert (IMAGES / name).stat().st_size < 60_000
