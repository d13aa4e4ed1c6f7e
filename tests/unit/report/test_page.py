"""The page holds whatever a policy wrote, and none of it can act."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.disk import write_table
from rlsys.report.page import render, report, to_json
from tests.helpers.page_in_node import in_node, needs_node
from tests.helpers.places import DATA, ROOT
from tests.helpers.reported_run import make_run, metrics, write_samples

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- <script>",
    "]]>",
    "a\u2028b\u2029c",
    "NUL \x00 in it",
    "\u202eesrever\u202c \u2066isolated\u2069",
    "&lt;b&gt; &#60;",
    '"; alert(1); "',
    "{braces} {0} %s ${1} `x`",
    "x" * 100_000,
)


class Tags(HTMLParser):
    """The elements of a page, and what stands in its data block."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.data: list[str] = []
        self.scripts: list[str] = []
        self.chunks: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            name = dict(attrs).get("id") or ""
            kinds = {"data": self.data, "chunk": self.chunks, "texts": self.texts}
            self._open = kinds.get(name.partition("-")[0], self.scripts)

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.append(data)

    @property
    def content(self) -> Any:
        return json.loads("".join(self.data))


def unpacked(chunk: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(chunk)))


def hostile_run(folder: Path, text: str) -> Path:
    """Whose completions, prompts, reasons and sources are this text."""
    run = make_run(folder, [metrics(1)], settings=f"data:\n  source: {json.dumps(text[:99])}\n")
    write_samples(run, 1, text=text, prompt_text=text, reason=text, source=text, dropped=text)
    write_samples(run, 1, text=text, prompt_text=text, reason=text, source=text)
    return run


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:16]))
def test_no_text_adds_an_element_to_the_page(text: str, tmp_path: Path) -> None:
    plain = Tags(report([hostile_run(tmp_path / "plain", "plain")]))
    page = report([hostile_run(tmp_path / "hostile", text)])
    tags = Tags(page)
    assert set(tags.tags) == set(plain.tags)
    packed, plainly = ([*one.chunks, *one.texts] for one in (tags, plain))
    assert tags.tags.count("script") == 2 + len(packed)
    assert len(tags.tags) - len(packed) == len(plain.tags) - len(plainly)
    assert len(tags.scripts) == 1
    groups = [group for chunk in tags.chunks for group in unpacked(chunk)]
    assert {row["text"] for group in groups for row in group["rows"]} == {text}
    assert {group["prompt"] for group in groups} == {text}
    assert all(re.fullmatch("[A-Za-z0-9+/=]+", chunk) for chunk in tags.chunks)
    (run,) = tags.content["runs"]
    assert set(run["samples"]["index"]["source"]) == {text}
    assert "".join(tags.data).isascii()
    assert not re.search("[<>&]", "".join(tags.data))


def test_a_lone_surrogate_and_numbers_that_are_none_reach_the_page() -> None:
    text = to_json({"a": "x\ud800y", "b": [float("nan"), float("inf"), 1.5]})
    assert text == '{"a":"x\\ud800y","b":[null,null,1.5]}'
    assert json.loads(text)["a"] == "x\ud800y"


def test_a_runs_name_is_text_too() -> None:
    page = render("</title><script>alert(1)</script>\ud800", {"runs": []})
    assert Tags(page).tags.count("script") == 2
    page.encode()


def test_the_policy_lets_the_pages_own_script_run_and_nothing_else(tmp_path: Path) -> None:
    page = report([make_run(tmp_path / "a", [metrics(1)])])
    tags = Tags(page)
    policy = next(v for _, v in tags.attributes if v and v.startswith("default-src"))
    (script,) = tags.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    of_style = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'sha256-{of_style}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not {"src", "href", "style", "onclick"} & {name for name, _ in tags.attributes}


def test_the_script_makes_no_markup_and_loads_nothing() -> None:
    for path in (ROOT / "rlsys" / "report").glob("*.js"):
        script = path.read_text()
        risky = (
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch|import\("
        )
        assert not re.search(risky, script), path
        links = set(re.findall(r"https?://[^\"]+", script))
        assert links <= {"http://www.w3.org/2000/svg"}, path
    assert "url(" not in (ROOT / "rlsys" / "report" / "page.css").read_text()


@needs_node
def test_the_page_shows_every_text_as_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    for step, text in enumerate(HOSTILE, 1):
        write_samples(run, step, 1, text, prompt_text=text, reason=text, source=text)
    seen = in_node(
        report([run]),
        tmp_path,
        """(async () => {
            const shown = [], names = new Set();
            const named = (kind) => all("button").filter((b) => text(b) === kind);
            for (const hit of all("button").filter((b) => b.attributes.class === "hit")) {
                press(hit);
                await settled();
                named("token by token").forEach(press);
                named("as text").slice(0, 1).forEach(press);
                const texts = all("p").filter((p) => p.attributes.class === "text");
                shown.push(...texts.map(text));
                for (const name of ["img", "script", "b"]) if (all(name).length) names.add(name);
            }
            return { shown, names: [...names] };
        })()""",
    )
    assert seen["names"] == []
    for text in HOSTILE:
        odd = "[\x00\u2028\u2029\u202c\u202e\u2066\u2069]"
        assert re.sub(odd, lambda c: f"⟨U+{ord(c[0]):04X}⟩", text) in seen["shown"]


@needs_node
def test_a_lone_surrogate_is_shown_by_its_number(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)], settings='data:\n  source: "plain"\n')
    page = report([run]).replace('"plain"', '"\\ud83d and \\ud83d\\ude00"')
    assert "⟨U+D83D⟩ and 😀" in in_node(page, tmp_path, 'all("td").map(text)')


@needs_node
def test_completions_are_found_by_what_they_are(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1), metrics(2)])
    write_samples(run, 1, groups=3, text="Let me think")
    write_samples(run, 2, groups=1, text="other", source="gsm8k")
    write_samples(run, 2, groups=1, heldout=True)
    write_samples(run, 1, groups=1, dropped="stale")
    found = in_node(
        report([run]),
        tmp_path,
        """(async () => {
            const form = all("form")[0];
            const told = all("p").filter((p) => p.attributes.role === "status").slice(-1)[0];
            const count = async () => {
                await SEARCHED;
                const n = Number(text(told).split(" ")[0]);
                for (const one of Object.values(form.elements)) one.value = "";
                return n;
            };
            const asked = {};
            for (const [name, value] of [
                ["most_step", "1"], ["text", "LET ME"], ["source", "gsm8k"], ["kind", "held_out"],
                ["kind", "dropped"], ["least_reward", "0.5"], ["most_tokens", "2"],
                ["status", "wrong"], ["prompt", "p100"], ["finish", "length"],
            ]) { type(form, name, value); asked[`${name}=${value}`] = await count(); }
            type(form, "text", ""); asked[""] = await count();
            return asked;
        })()""",
    )
    assert found == {
        "most_step=1": 8,
        "text=LET ME": 6,
        "source=gsm8k": 2,
        "kind=held_out": 2,
        "kind=dropped": 2,
        "least_reward=0.5": 6,
        "most_tokens=2": 6,
        "status=wrong": 0,
        "prompt=p100": 4,
        "finish=length": 0,
        "": 12,
    }


@needs_node
def test_a_selection_is_saved_as_one_line_of_json_a_completion(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=1, text="a\nb\u2028")
    lines = in_node(report([run]), tmp_path, "toLines(HITS)")
    assert [line.count("\n") for line in lines] == [1, 1]
    rows = [json.loads(line) for line in lines]
    assert [(row["run"], row["step"], row["text"]) for row in rows] == [("a", 1, "a\nb\u2028")] * 2
    assert [row["reward"] for row in rows] == [1.0, 0.0]


@needs_node
def test_a_completion_is_coloured_by_what_is_known_of_each_token(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=1)
    path = run / "samples" / "step-000001.parquet"
    table = pq.read_table(path)
    made = {
        "log_ratio": [[0.0, 0.4, None], [0.0, -0.1]],
        "clip": [[0, 2, None], [0, 1]],
        "advantages": [[1.0, 0.5, 0.0], None],
        "policy_versions": [[3, 3, 4], [3, 3]],
    }
    for name, values in made.items():
        at = table.column_names.index(name)
        column = pa.array(values, type=table.schema.field(name).type)
        table = table.set_column(at, table.schema.field(name), column)
    write_table(table, path)
    seen = in_node(
        report([run]),
        tmp_path,
        """(async () => {
            const tokens = tokensOf((await whole(HITS[0])).row), all = rangesOf(tokens);
            const looks = {};
            for (const [name, look] of Object.entries(LOOKS)) {
                looks[name] = tokens.map((token) => look.of(token, all));
            }
            return { looks, told: tokens.map(tellToken) };
        })()""",
    )
    assert seen["looks"] == {
        "logprob": ["heat1"] * 3,
        "version": ["b0", "b0", "b1"],
        "advantage": ["up4", "up2", ""],
        "ratio": ["", "up4", ""],
        "clip": ["", "b2", ""],
    }
    assert seen["told"][1] == (
        "1: token 6, logprob -0.5, version 3, ratio 1.492, clipped high, advantage 0.5"
    )
    assert seen["told"][2] == "2: token 7, logprob -0.5, version 4"


@needs_node
def test_an_address_opens_a_completion(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=2, text="first")
    write_samples(run, 2, groups=2, text="second")
    opened = in_node(
        report([run]),
        tmp_path,
        'all("h3").map(text).filter((t) => t.startsWith("Step"))',
        "#run=a&step=2&group=201&sample=1",
    )
    assert opened == ["Step 2, training, group 201, test"]


@needs_node
def test_how_a_prompts_completions_changed_stands_in_a_table(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", [metrics(1)])
    write_samples(run, 1, groups=1)
    write_samples(run, 2, groups=1, prompt_id="p100")
    seen = in_node(
        report([run]),
        tmp_path,
        """(async () => {
            type(all("form")[0], "prompt", "p100");
            await SEARCHED;
            return all("tbody").slice(-1)[0].children.map((row) => row.children.map(text));
        })()""",
    )
    assert seen == [
        ["1 training", "2", "100 %", "0.5", "2.5"],
        ["2 training", "2", "100 %", "0.5", "2.5"],
    ]


@needs_node
def test_real_rows_are_shown_as_they_are(tmp_path: Path) -> None:
    files = sorted(DATA.rglob("*.jsonl"))[:4] if DATA.is_dir() else []
    if not files:
        pytest.skip("the folder of real benchmark rows is not beside the repository")
    run = make_run(tmp_path / "a", [metrics(1)])
    texts = []
    for step, file in enumerate(files, 1):
        with file.open(encoding="utf-8") as lines:
            texts.append(next(lines)[:5000])
        write_samples(run, step, groups=1, text=texts[-1])
    page = report([run])
    seen = in_node(
        page, tmp_path, "Promise.all(HITS.map(whole)).then((all) => all.map((hit) => hit.row.text))"
    )
    assert seen == [text for text in texts for _ in range(2)]
