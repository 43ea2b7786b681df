"""A store with a few weeks of the demo's flights, three of them checked: what a notebook reads."""

from __future__ import annotations

from datetime import date

import pandas as pd
from sqlalchemy import create_engine, inspect, text

from mondrift import demo
from mondrift.policy import Policy
from mondrift.run.check import check
from mondrift.run.plan import load_monitor
from mondrift.store import Store
from mondrift.store.connect import address
from tests import flights
from tests.rings import ROOT

CHECKED = ("2013-04-08", "2013-04-15", "2013-04-22")


def fill(store: Store) -> str:
    """Log, label and check; the id of the newest check, the week of 22 April."""
    monitor = load_monitor("flights_weekly", ROOT / "params" / "monitors", policy=Policy())
    weeks = [demo.Week(date.fromisoformat(monday), "") for monday in CHECKED]
    known = flights.SCHEMA.fit(flights.reference())
    store.register_model(demo.MODEL_ID, known, task="binary", clock="data")
    reference = [(week.start, week.end) for week in demo.REFERENCE]
    rows = demo.flights()
    times = rows[demo.TIMESTAMP]
    kept = [*reference, (weeks[0].start, weeks[-1].end)]
    rows = pd.concat([rows[(times >= start) & (times < end)] for start, end in kept])
    store.log(demo.MODEL_ID, rows.drop(columns=[demo.TARGET, demo.LABELLED_AT]))
    names = {demo.ID: "id", demo.TARGET: "value", demo.LABELLED_AT: "received_at"}
    store.label(demo.MODEL_ID, rows[rows[demo.TARGET].notna()][list(names)].rename(columns=names))
    store.register_baseline(demo.MODEL_ID, reference)
    checks = [check(store, monitor, monitor.window(monday)) for monday in CHECKED]
    return checks[-1].run.run_id


def fingerprint(database_url: str) -> dict[str, tuple[int, str]]:
    """{table: (rows, hash of them)}: equal before and after when nothing was written."""
    engine = create_engine(address(database_url))
    with engine.connect() as connection:
        found = {
            name: connection.execute(
                text(
                    "SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
                    f' FROM "{name}" t'
                )
            ).one()
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    return {name: (int(many), digest) for name, (many, digest) in found.items()}
