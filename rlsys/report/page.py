"""One HTML file of runs: it opens from a disk, loads nothing, and runs no script but its own.

Completions are text of a policy, and nobody trusts them. They are in the page as base64 of packed
JSON, and what is shown of a run beside them as JSON in a data block, all of it ASCII and without
`<`, `>` and `&`, so no text can end the block or begin a tag; the script puts them on the screen as
text nodes alone; and the page's Content-Security-Policy lets one script run, by its digest, and
nothing be loaded from anywhere.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlsys.report.charts import charts, series
from rlsys.report.folder import RunRecord, alarms, differing, read_record
from rlsys.report.lineage import lineage_of
from rlsys.report.samples import Chosen, as_group, choose, vocabulary
from rlsys.report.sections import Ask, Section, named, nothing
from rlsys.report.times import bands
from rlsys.report.verdict import Verdict, verdict

_HERE = Path(__file__).parent
_SCRIPTS = (
    "page.js",
    "figures.js",
    "timeline.js",
    "lineage.js",
    "chunks.js",
    "sections.js",
    "answers.js",
    "samples.js",
)
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This report is drawn by its own script; allow scripts for this file to see it.</noscript>
<main id="report"></main>
<script type="application/json" id="data">{data}</script>
{chunks}
<script>{script}</script>
</body>
</html>
"""


def report(
    folders: Sequence[Path],
    sample_bytes: int = 12 * 2**20,
    tables: Sequence[dict[str, Any]] = (),
    ask: Ask = nothing,
) -> str:
    """The page of these runs, in this order.

    Args:
        sample_bytes: of packed completions, over all runs; a phone opens the default in seconds.
        tables: above the runs: `title`, `headings`, and `rows` of texts.
        ask: what is asked of each run; the groups that show the answers are in the page, too.

    Raises:
        DataError: a run's metrics cannot be read.
    """
    records = [read_record(folder) for folder in folders]
    drawn = charts(records)
    told = [ask(one.run.folder) for one in records]
    chosen = [
        choose(one.run.folder, sample_bytes // len(records), named(sections))
        for one, sections in zip(records, told, strict=True)
    ]
    runs = [_run(*parts, drawn) for parts in zip(records, told, chosen, strict=True)]
    data = {
        "runs": runs,
        "charts": drawn,
        "settings": [{"key": key, "values": values} for key, values in differing(records)],
        "tables": list(tables),
    }
    title = ", ".join(record.name for record in records)
    return render(title, data, chosen)


def completion_page(
    folder: Path, rows: Sequence[dict[str, Any]], sample: int, told: Sequence[str]
) -> str:
    """The page of one group of a run, opened at one of its completions.

    Args:
        rows: of the samples, all of the group.
        sample: index of the completion.
        told: what is said of it.
    """
    chosen = Chosen(total=len(rows))
    chosen.add([as_group(rows)])
    chosen.close_texts()
    step, group = rows[0]["step"], rows[0]["group_id"]
    headline = f"Step {step}, group {group}, sample {sample}"
    run = {
        "name": folder.name,
        "verdict": asdict(Verdict("unknown", headline, list(told))),
        "series": {"step": [], "s": []},
        "members": {},
        "lineage": [],
        "alarms": {},
        "checks": [],
        "sections": [],
        "samples": samples_of(folder, chosen),
    }
    place = {"run": folder.name, "step": step, "group": group, "sample": sample}
    data = {"runs": [run], "charts": [], "settings": [], "open": place}
    return render(f"{folder.name}, {headline}", data, [chosen])


def render(title: str, data: dict[str, Any], chosen: Sequence[Chosen] = ()) -> str:
    """The page of data, whatever texts are in it.

    Args:
        chosen: each run's completions.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=html.escape(_printable(f"rlsys: {title}")),
        style=style,
        data=to_json(data),
        chunks="\n".join(
            f'<script type="text/plain" id="{kind}-{run}-{number}">{packed}</script>'
            for run, own in enumerate(chosen)
            for kind, column in (("chunk", own.chunks), ("texts", own.texts))
            for number, packed in enumerate(column)
        ),
        script=script,
    )


def to_json(data: Any) -> str:
    """JSON that is safe inside a script element: ASCII, and none of it can be markup.

    A lone surrogate stays an escape, as does U+2028; what is no number is null.
    """
    text = json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _run(
    record: RunRecord,
    sections: Sequence[Section],
    chosen: Chosen,
    drawn: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "name": record.name,
        "verdict": asdict(verdict(record)),
        "series": series(record, drawn),
        "times": bands(record),
        "lineage": lineage_of(record.run.folder),
        "alarms": alarms(record.lines),
        "checks": [
            {"step": c.step, "pass_at_1": c.pass_at_1, "low": c.low, "high": c.high}
            for c in record.checks
        ],
        "sections": [asdict(one) for one in sections],
        "samples": samples_of(record.run.folder, chosen),
    }


def samples_of(folder: Path, chosen: Chosen) -> dict[str, Any]:
    """What the page finds completions by, beside their chunks."""
    return {
        "index": chosen.index,
        "total": chosen.total,
        "unreadable": chosen.unreadable,
        "vocabulary": vocabulary(folder, chosen.token_ids),
    }


def _digest(text: str) -> str:
    """As a Content-Security-Policy names an inline script or style."""
    found = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _printable(text: str) -> str:
    """A folder's name may hold anything that a file system allows."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
