"""The demo as a play in five acts: a year of real flights, logged, labelled, checked and reported.

Everything goes the public way, as a user's own model would; a second performance finds what the
first one left, and repeats nothing.
"""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from mondrift import demo
from mondrift.appraisal import appraise
from mondrift.briefing import Briefing, brief
from mondrift.errors import ModelError, RunError
from mondrift.notify import Channel, Webhook, channels, deliver
from mondrift.policy import Policy
from mondrift.run.archive import Archive
from mondrift.run.check import check, now_of
from mondrift.run.plan import Monitor, load_monitor
from mondrift.run.runner import Options, Outcome, run_window
from mondrift.run.workspace import Workspace
from mondrift.schema import Schema
from mondrift.severity import SEVERITIES
from mondrift.store import Store
from mondrift.store.runs import config_hash
from mondrift.window import Window

MONITOR = "flights_weekly"
PERFORMANCE = "flights_performance"
TOLD = ("2013-12-02",)  # windows of it that get a page
BASELINE = "four weeks of winter"
_PER_CALL = 10_000
_INDENT = " " * 5


class Say(Protocol):
    """Tells the audience a line; `step` begins an act."""

    def __call__(self, words: str, *, step: bool = False) -> None: ...


def play(store: Store, workspace: Workspace, say: Say) -> Path:
    """Perform the demo; the path of the index of reports.

    Raises RunError when a report failed; the others are made all the same.
    """
    policy = Policy.from_mapping(store.settings.policy_values())
    monitor, outlook = (
        load_monitor(name, workspace.monitors, policy=policy) for name in (MONITOR, PERFORMANCE)
    )
    say("1/5  the model and a year of its predictions", step=True)
    fill(store, say)
    now = now_of(store, monitor) or demo.WEEKS[-1].end
    windows = monitor.windows(now)
    told = [each for week in demo.WEEKS for each in windows if each.start == week.start]
    say(f"2/5  checking {len(windows)} weeks, from the first to the last", step=True)
    with receiver(store) as (mail, into):
        outcomes = _run(store, monitor, windows, told, workspace, say)
        long = [outlook.window(day) for day in TOLD]
        answers = _run(store, outlook, outlook.windows(now), long, workspace, say)
        say("4/5  telling people", step=True)
        sent = deliver(store.outbox, into, clock=store.now)
        say(f"     {sent.sent} messages sent, {sent.failed} not taken")
    say("5/5  what was found", step=True)
    history = store.history(monitor.model, monitor=monitor.name, whole=True)
    alerts = store.alerts(monitor.model)
    for week, outcome in zip(demo.WEEKS, outcomes, strict=True):
        raised = alerts[alerts["run_id"] == outcome.checked.run.run_id]
        tell(week, outcome, brief(outcome.verdict, history=history, alerts=raised), say)
    for outcome in answers:
        tell_answer(store, outcome, say)
    tell_mail(mail, say)
    failed = [outcome.error for outcome in (*outcomes, *answers) if outcome.error]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(outcomes) + len(answers)} reports failed: {failed[0]}"
        )
    return Archive(workspace.reports).index()


def fill(store: Store, say: Say) -> None:
    """The model, its predictions, its labels (later than the predictions), its baseline."""
    schema = Schema(
        target=demo.TARGET, prediction=demo.PREDICTION, probability=demo.PROBABILITY,
        timestamp=demo.TIMESTAMP, id=demo.ID, segments=demo.SEGMENTS,
    )  # fmt: skip
    rows = demo.flights()
    weeks = [(week.start, week.end) for week in demo.REFERENCE]
    reference = pd.concat(
        [
            rows[(rows[demo.TIMESTAMP] >= start) & (rows[demo.TIMESTAMP] < end)]
            for start, end in weeks
        ]
    )
    known = reference.drop(columns=demo.LABELLED_AT)
    store.register_model(demo.MODEL_ID, schema.fit(known), task="binary", clock="data")
    if _is_filled(store, len(rows)):
        say(f"     {len(rows):,} flights and their labels are in the store already")
        return
    predictions = rows.drop(columns=[demo.TARGET, demo.LABELLED_AT])
    stored = 0
    for start in range(0, len(predictions), _PER_CALL):
        stored += store.log(demo.MODEL_ID, predictions.iloc[start : start + _PER_CALL]).stored
    say(f"     {stored:,} predictions logged")
    labels = rows[rows[demo.TARGET].notna()].sort_values(demo.LABELLED_AT)
    names = {demo.ID: "id", demo.TARGET: "value", demo.LABELLED_AT: "received_at"}
    landed = labels[list(names)].rename(columns=names)
    labelled = 0
    for start in range(0, len(landed), _PER_CALL):
        labelled += store.label(demo.MODEL_ID, landed.iloc[start : start + _PER_CALL]).stored
    say(f"     {labelled:,} labels arrived, each at the minute of landing")
    baseline = store.register_baseline(demo.MODEL_ID, weeks, name=BASELINE)
    say(f"     baseline {baseline.version}: {baseline.n:,} flights in {BASELINE}")


def _is_filled(store: Store, many: int) -> bool:
    """Whether an earlier performance came to the end of its first act."""
    try:
        store.baseline(demo.MODEL_ID)
    except ModelError:
        return False
    start, end = pd.Timestamp("2012-12-31", tz="UTC"), pd.Timestamp("2014-01-02", tz="UTC")
    volume = store.volume(demo.MODEL_ID, start, end, every="1D")
    return int(volume["n"].sum()) == many


def _run(
    store: Store,
    monitor: Monitor,
    windows: Sequence[Window],
    told: Sequence[Window],
    workspace: Workspace,
    say: Say,
) -> list[Outcome]:
    """Every window in the order of time, for incidents live in it; a report of those to be told."""
    outcomes: list[Outcome] = []
    known = _checked(store, monitor)
    for window in windows:
        if window not in told:
            if window.start not in known:
                check(store, monitor, window)
            continue
        outcome = run_window(store, monitor, window, workspace, Options())
        word = "report" if outcome.fresh else "report is there"
        say(f"3/5  {window.label}: {word}", step=True)
        outcomes.append(outcome)
    return outcomes


def _checked(store: Store, monitor: Monitor) -> frozenset[datetime]:
    """Starts of the windows that have been checked by the same rules: they are not read again."""
    runs = store.runs(model_id=monitor.model, monitor=monitor.name)
    same = runs["config_hash"] == config_hash(monitor.config())
    done = runs[same & runs["state"].isin(("checked", "finished"))]
    return frozenset(at.to_pydatetime() for at in done["window_start"])


def tell(week: demo.Week, outcome: Outcome, briefing: Briefing, say: Say) -> None:
    """What was found in one week, in plain words, and where the rest of it is told."""
    say("")
    say(f"  {week.name}: {briefing.headline}.")
    for line in briefing.ranked[:1]:
        say(fill_lines(f"{line.severity}: {line.text.splitlines()[0]}"))
    say(f"     {outcome.page}")


def tell_answer(store: Store, outcome: Outcome, say: Say) -> None:
    """Whether the model still worked in one longer window, and where that is told."""
    run, window = outcome.checked.run, outcome.verdict.comparison.current
    history = store.history(run.model_id, monitor=run.monitor, whole=True)
    answer = appraise(brief(outcome.verdict, history=history, zone=demo.ZONE)).answer
    say("")
    say(f"  {window.label}: does the model still work? {answer.title}")
    say(f"     {outcome.page}")


def tell_mail(mail: Sequence[dict[str, Any]], say: Say) -> None:
    """What the webhook got, and the gravest message in full."""
    if not mail:
        return
    say("")
    say(f"  The webhook got {len(mail)} messages, one a week at most. The gravest:")
    worst = max(mail, key=lambda body: _weight(body["alert"], body["event"]))
    for line in str(worst["text"]).splitlines():
        say(fill_lines(line))


def _weight(alert: Mapping[str, Any], event: str) -> tuple[bool, bool, int]:
    return event != "recovered", bool(alert["report_url"]), SEVERITIES.index(alert["severity"])


def fill_lines(text: str) -> str:
    """A paragraph, indented, for a terminal; no line begins with a percent sign."""
    words = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return textwrap.fill(words, 100, initial_indent=_INDENT, subsequent_indent=_INDENT,
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


@contextmanager
def receiver(store: Store) -> Iterator[tuple[list[dict[str, Any]], dict[str, Channel]]]:
    """Channels to deliver into; with no ALERT_WEBHOOK_URL a receiver of our own on loopback."""
    mail: list[dict[str, Any]] = []
    if store.settings.alert_webhook_url is not None:
        yield mail, channels(store.settings)
        return

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            mail.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield mail, {"webhook": Webhook(f"http://127.0.0.1:{server.server_port}/alerts")}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
