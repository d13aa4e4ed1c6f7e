"""A Grafana dashboard of runs, by what Prometheus scrapes from Ray (actors/ray_metrics.py).

A row of panels for each question that somebody who looks has: is it learning, what limits it, is
what is trained on sound, does anything need me. Panels name metrics as docs/running.md does.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

UID = "rlsys"
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
"""Of a panel, and of Grafana's grid."""
_RUN = 'run=~"$run"'
_BY_NAME = "{{run}} {{what}}"
"""A legend of metrics that are asked for by how they begin: what stands behind that."""


@dataclass(frozen=True)
class Panel:
    """One plot. `metrics` are names as in metrics.jsonl, one that ends in `/` is all that begin so;
    `queries` are of Prometheus, with their legends, for what is not rlsys's own."""

    title: str
    metrics: Sequence[str] = ()
    unit: str = "short"
    queries: Sequence[tuple[str, str]] = ()


ROWS: dict[str, Sequence[Panel]] = {
    "Does it learn?": (
        Panel("Reward", ("reward/mean", "reward/accuracy")),
        Panel("Held-out pass@1", ("heldout/pass_at_1",)),
        Panel("Completion tokens", ("completion/mean_tokens", "completion/max_tokens")),
        Panel(
            "Right and wrong ones", ("completion/mean_tokens_right", "completion/mean_tokens_wrong")
        ),
        Panel("Groups without a signal", ("reward/groups_without_signal",), "percentunit"),
        Panel("Cut off", ("completion/truncated",), "percentunit"),
    ),
    "What limits it?": (
        Panel("Consumed tokens per second", ("throughput/consumed_tokens_per_s",)),
        Panel("Seconds of a step", ("throughput/step_s", "policy/learn_s"), "s"),
        Panel("Learner", ("time/learner/",), "percentunit"),
        Panel("Rollout workers", ("time/rollout/",), "percentunit"),
        Panel("Verifiers", ("time/verifier/",), "percentunit"),
        Panel("Reference", ("time/reference/",), "percentunit"),
        Panel("Staleness", ("staleness/mean", "staleness/max", "staleness/bound")),
        Panel("New weights", ("weights/pause_s", "weights/total_s"), "s"),
        Panel("Completions in a sampler", ("sampler/running", "sampler/waiting")),
        Panel(
            "Samplers' cache",
            ("sampler/kv_cache_usage", "sampler/prefix_cache_hit_rate", "sampler/preempted"),
            "percentunit",
        ),
        Panel("Event loop late by", ("driver/loop_lag_max_s", "driver/loop_lag_p99_s"), "s"),
    ),
    "Are the data and the steps sound?": (
        Panel("Verdicts", ("status/",), "percentunit"),
        Panel("KL to the reference", ("policy/kl",)),
        Panel("Entropy", ("policy/entropy",)),
        Panel("Effective sample size", ("policy/effective_sample_size",), "percentunit"),
        Panel("Ratio", ("policy/ratio", "policy/ratio_p01", "policy/ratio_p99")),
        Panel("Gradient norm", ("policy/gradient_norm",)),
        Panel("Canary's error, nats", ("weights/canary_error",)),
        Panel("Groups dropped", ("groups/dropped",)),
        Panel("Alarms", ("alarm/",)),
    ),
    "The machines": (
        Panel(
            "GPU memory",
            unit="decmbytes",
            queries=(("ray_node_gram_used", "{{instance}} {{GpuIndex}}"),),
        ),
        Panel(
            "GPU",
            unit="percent",
            queries=(("ray_node_gpus_utilization", "{{instance}} {{GpuIndex}}"),),
        ),
        Panel("CPU", unit="percent", queries=(("ray_node_cpu_utilization", "{{instance}}"),)),
        Panel("Memory", unit="bytes", queries=(("ray_node_mem_used", "{{instance}}"),)),
        Panel(
            "Object store",
            unit="bytes",
            queries=(("sum(ray_object_store_memory) by (Location)", "{{Location}}"),),
        ),
        Panel("Disk", unit="bytes", queries=(("ray_node_disk_free", "{{instance}} free"),)),
    ),
}


def gauge_name(metric: str) -> str:
    """Of a metric in Ray's registry: `reward/mean` is `rlsys_reward_mean`, before which Ray writes
    `ray_`."""
    return "rlsys_" + re.sub(r"[^a-zA-Z0-9_]", "_", metric)


def queries(panel: Panel) -> Iterator[tuple[str, str]]:
    """Prometheus' queries of a panel, each with its legend."""
    for metric in panel.metrics:
        name = f"ray_{gauge_name(metric)}"
        if metric.endswith("/"):
            every = f'{{__name__=~"{name}.+", {_RUN}}}'
            yield f'label_replace({every}, "what", "$1", "__name__", "{name}(.+)")', _BY_NAME
        else:
            yield f"{name}{{{_RUN}}}", f"{{{{run}}}} {metric.partition('/')[2]}"
    yield from panel.queries


def dashboard() -> dict[str, Any]:
    """As Grafana's JSON model has it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for heading, row in ROWS.items():
        at = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
        panels.append({"type": "row", "title": heading, "collapsed": False, "gridPos": at})
        for number, panel in enumerate(row):
            beside, below = number % (_COLUMNS // _WIDTH), number // (_COLUMNS // _WIDTH)
            at = {"h": _HEIGHT, "w": _WIDTH, "x": beside * _WIDTH, "y": top + 1 + below * _HEIGHT}
            panels.append(_plot(panel) | {"gridPos": at})
        top += 1 + -(-len(row) * _WIDTH // _COLUMNS) * _HEIGHT
    for number, one in enumerate(panels, start=1):
        one["id"] = number
    return {
        "uid": UID,
        "title": "rlsys",
        "tags": ["rlsys"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _run()]},
        "annotations": {"list": []},
        "panels": panels,
    }


def to_json() -> str:
    """The file that Grafana reads."""
    return json.dumps(dashboard(), indent=1) + "\n"


_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _plot(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _SOURCE,
                "expr": expr,
                "legendFormat": said,
            }
            for number, (expr, said) in enumerate(queries(panel))
        ],
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "hide": 2}


def _run() -> dict[str, Any]:
    """Which runs are shown; all that Prometheus knows, to begin with."""
    return {
        "name": "run",
        "type": "query",
        "label": "run",
        "datasource": _SOURCE,
        "query": {"query": "label_values(ray_rlsys_throughput_step_s, run)", "refId": "run"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }
