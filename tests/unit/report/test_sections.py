"""What is asked of a run stands in its report: a line in the verdict, a section behind it, and the
completions that show it a click away."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlsys.inquiry.sections import ask
from rlsys.report.page import report
from rlsys.report.samples import choose
from rlsys.report.sections import Point, Section, Shown
from tests.helpers.faulty_run import World, faulty_run
from tests.helpers.page_in_node import in_node, needs_node
from tests.helpers.reported_run import make_run, metrics, write_samples
from tests.unit.report.test_page import HOSTILE, Tags, hostile_run

SHOWN = """(async () => {
    const shown = all("article").filter((a) => a.attributes.class === "told");
    const links = all("a").map((a) => [text(a), a.attributes.href]);
    const buttons = shown.flatMap((one) => all("button", one));
    const commands = shown.flatMap((one) => all("span", one))
        .filter((one) => one.attributes.class === "command").map(text);
    const opened = [];
    for (const button of buttons) {
        press(button);
        await settled();
        opened.push([text(button), ...all("h3").map(text).filter((t) => t.startsWith("Step"))]);
    }
    return { links, ids: shown.map((one) => one.attributes.id), opened, commands,
             texts: shown.flatMap((one) => all("bdi", one)).map(text),
             names: ["img", "script", "b"].filter((n) => shown.some((one) => all(n, one).length)) };
})()"""


def asked(text: str = "x", group: int = 101) -> list[Section]:
    """A section with one completion of step 1."""
    point = Point(text, True, [Shown(1, group, 1, text)])
    return [Section("Asked", f"Asked: {text}", True, [text], [point])]


@needs_node
def test_the_verdict_links_to_sections_whose_completions_open(tmp_path: Path) -> None:
    after = replace(World(), right=0.1, slope=0.0, reason="answer server said 503")
    run = faulty_run(tmp_path / "a", World(), after, 20)
    seen = in_node(report([run], sample_bytes=2 * 10**5, ask=ask), tmp_path, SHOWN)
    lines, places = zip(*seen["links"], strict=True)
    assert lines[0].startswith("What changed: reward/mean fell at step 20, from 0.6")
    assert "a verifier: from step 20 on it says what it hardly said before" in lines[0]
    assert [place.removeprefix("#") for place in places] == seen["ids"]
    assert len(seen["opened"]) >= 3
    for button, heading in seen["opened"]:
        step, group, _ = button.split(", ")
        assert heading.startswith(f"Step {step.removeprefix('step ')}, training, {group}")
    assert any("answer server said 503" in text for text in seen["texts"])


@needs_node
@pytest.mark.parametrize("text", HOSTILE[:-1], ids=lambda text: ascii(text[:16]))
def test_no_text_in_a_section_is_more_than_text(text: str, tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "a", text)
    page = report([run], ask=lambda folder: asked(text, 100))
    tags = Tags(page)
    assert not {"img", "b"} & set(tags.tags)
    assert len(tags.scripts) == 1
    seen = in_node(page, tmp_path, SHOWN)
    assert seen["names"] == []
    assert len(seen["texts"]) == 1
    assert len(seen["opened"]) == 1


@needs_node
def test_a_completion_that_is_not_in_the_file_is_named_by_its_command(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1)
    page = report([run], ask=lambda folder: asked(group=999))
    seen = in_node(page, tmp_path, SHOWN)
    assert (seen["opened"], seen["commands"]) == ([], ["rlsys trace a 1 999 1"])


def test_groups_that_are_named_are_in_the_file_wherever_they_stand(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    for step in range(1, 9):
        write_samples(run, step, groups=50)
    plain = choose(run, 10_000)
    chosen = choose(run, 10_000, {3: {349, 330}, 9: {900}})
    assert not {349, 330} & set(plain.index["group"])
    assert {349, 330} <= set(chosen.index["group"])
    assert chosen.index["step"] == sorted(chosen.index["step"])
    assert chosen.bytes <= 10_000


def test_named_groups_for_which_there_is_no_room_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=50)
    every = set(range(100, 150))
    size = choose(run, 1).bytes
    assert len(choose(run, 2 * size, {1: every}).index["group"]) < len(every)


def contents(page: str) -> Any:
    return json.loads("".join(Tags(page).data))


def test_a_report_of_which_nothing_is_asked_has_no_section(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    assert contents(report([run]))["runs"][0]["sections"] == []
