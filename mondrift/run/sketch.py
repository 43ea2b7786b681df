"""A monitor's file for a model that has none: written from what the store knows, with comments.

What is written can be run as it stands; what only people know is left as a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template

import yaml

from mondrift.run.notebook import read_notebook
from mondrift.run.parameters import Parameter, parameters_of
from mondrift.schema import Schema
from mondrift.store import Store

_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday
_ENOUGH = 1000  # rows of a window from which on small changes can be told from chance
_RUN_ID = "run_id"  # a run gives it
_SHOWN = 12


_FILE = Template("""\
# A monitor: what to watch, how often, and whom to tell. Its name is the file's name.
# `mondrift monitors check` tells every mistake in it, with its line; `mondrift check` looks at the
# last window that is over, `mondrift run` makes a report of it, too.

$roles
model: $model
title: $title

# The notebook that becomes the report, and the parameters that it takes:
notebook: $notebook
parameters:
$parameters

# What each window is measured against: baseline (the newest registered), {baseline: 2}, "previous
# window", or {previous weeks: 4} (their same weekdays and hours).
${unknown}reference: $reference

# How time is cut: 15min, 6h, 1D, 2W ... in this zone, from the first day on ($volume).
window:
  length: $length
  zone: UTC                     # e.g. Europe/Berlin: where your days begin
  start: $start

${segments}# When windows that are over are run by `mondrift schedule`: minute, hour, day, month,
# weekday, in the zone above.
schedule: "$schedule"

# When is a change a finding? Whatever is not said here comes from params/thresholds.yaml, then from
# what is built in (mondrift config show).
# policy:
#   groups:                     # told, and counted, as one
#     a_name: $group

# Who is told. The address is no matter for a file: set ALERT_WEBHOOK_URL.
alerts:
  channels: $channels

# How long reports are kept: `mondrift archive prune`.
# retention:
#   reports: 90d
#   alarms: 1y
""")


@dataclass(frozen=True)
class Facts:
    """What the store knows of a model.

    `first` is the day of its first row (None: no row yet), `daily` how many rows come on a day.
    """

    model_id: str
    schema: Schema
    first: date | None
    daily: float
    baselines: int
    channel: bool = False


def facts_of(store: Store, model_id: str) -> Facts:
    """Look it up; ModelError, naming the models there are, when the store does not know it."""
    model = store.model(model_id)
    latest = store.latest(model_id)
    first, daily = None, 0.0
    if latest is not None:
        weeks = store.volume(model_id, _EPOCH, latest + timedelta(seconds=1), every="7D")
        begin = weeks.loc[weeks["n"] > 0, "start"].min().to_pydatetime()
        days = store.volume(model_id, begin, begin + timedelta(days=7), every="1D")
        since = days.loc[days["n"] > 0, "start"].min().to_pydatetime()
        first, span = since.date(), (latest - since) / timedelta(days=1)
        daily = float(weeks["n"].sum()) / max(span, 1.0)
    channel = store.settings.alert_webhook_url is not None
    return Facts(model_id, model.schema, first, daily, len(store.baselines(model_id)), channel)


def notebook_for(schema: Schema, notebooks: Path) -> str:
    """The notebook that fits: of performance where there are targets, if it is there, or of drift.

    >>> notebook_for(Schema(), Path("."))
    'drift_report'
    """
    about = "performance_report"
    known = schema.target is not None and (notebooks / f"{about}.ipynb").is_file()
    return about if known else "drift_report"


def length_for(daily: float) -> str:
    """Of windows with enough rows: days, weeks, or four weeks.

    >>> [length_for(rows) for rows in (20_000, 300, 4)]
    ['1D', '7D', '28D']
    """
    return "1D" if daily >= _ENOUGH else "7D" if daily * 7 >= _ENOUGH else "28D"


def sketch(facts: Facts, notebooks: Path, today: date) -> str:
    """The text of the file; `today` is the first day of a model without rows."""
    schema, length = facts.schema, length_for(facts.daily)
    start = facts.first or today
    if length != "1D":
        start -= timedelta(days=start.weekday())
    notebook = notebook_for(schema, notebooks)
    unknown = "" if facts.baselines else "# (none is registered yet: mondrift baseline register)\n"
    filled = {
        "roles": "\n".join(_roles(schema)),
        "model": _text(facts.model_id),
        "title": _text(f"{facts.model_id}, by the {_words(length)}"),
        "notebook": notebook,
        "parameters": "\n".join(_parameters(notebooks / f"{notebook}.ipynb", notebook)),
        "unknown": unknown,
        "reference": "baseline" if facts.baselines else "previous window",
        "volume": f"about {facts.daily:,.0f} rows a day" if facts.first else "no rows yet",
        "length": length,
        "start": start.isoformat(),
        "segments": _segments(schema),
        "schedule": "0 6 * * *" if length == "1D" else "0 6 * * 1",
        "group": _list(schema.features[:2]),
        "channels": "[webhook]" if facts.channel else "[]   # [webhook], once it is set",
    }
    return _FILE.substitute(filled)


def default_name(facts: Facts) -> str:
    """A name for the monitor: the model's, as far as a file may bear it, and how time is cut."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in facts.model_id.lower())
    often = {"1D": "daily", "7D": "weekly", "28D": "four_weekly"}[length_for(facts.daily)]
    return f"{plain.strip('_')[:48] or 'model'}_{often}"


def _roles(schema: Schema) -> list[str]:
    """The columns with a role, and the features, as comments."""
    roles = {
        "target": schema.target, "prediction": schema.prediction, "timestamp": schema.timestamp,
        "cluster": schema.cluster, "latency": schema.latency, "version": schema.version,
    }  # fmt: skip
    told = [f"{role} {_plain(name)}" for role, name in roles.items() if name]
    names = [_plain(name) for name in schema.features]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [
        f"# The model, as it is registered: {', '.join(told) or 'no column with a role'}.",
        f"# Features: {', '.join(names[:_SHOWN]) or 'none'}{more}.",
    ]


def _parameters(path: Path, name: str) -> Iterable[str]:
    """The notebook's own parameters with their defaults, as comments."""
    declared = parameters_of(read_notebook(path), f"notebooks/{name}.ipynb")
    lines = [_parameter(each) for each in declared if each.name != _RUN_ID]
    return lines or ["  # it takes none"]


def _parameter(each: Parameter) -> str:
    written = f"  # {each.name}: {json.dumps(each.default)}"
    return f"{written:<30}# {_plain(each.help)}" if each.help else written


def _segments(schema: Schema) -> str:
    if not schema.segments:
        return ""
    words = "# The segment columns that are looked at apart; left out: all that the model has."
    return f"{words}\nsegments: {_list(schema.segments)}\n\n"


def _list(names: Iterable[str]) -> str:
    return yaml.safe_dump(list(names), default_flow_style=True, width=10_000).strip()


def _text(value: str) -> str:
    """A scalar of YAML on one line, in quotes where it needs them."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000).strip()[1:-1]


def _plain(text: str) -> str:
    """A stranger's word in a comment: on one line, with nothing that YAML refuses."""
    return "".join(c if c.isprintable() else " " for c in text)


def _words(length: str) -> str:
    return {"1D": "day", "7D": "week", "28D": "four weeks"}[length]
