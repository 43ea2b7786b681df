"""Checks against a real store: what is written, what is said, and what is not done twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np
import pandas as pd
import pytest

from mondrift.diagnosis import WORSE, moving_since
from mondrift.errors import ModelError, StoreError, WindowError
from mondrift.incident import Silence
from mondrift.run.check import TELLING, CheckOptions, check, now_of
from mondrift.run.plan import Monitor, Reference
from mondrift.run.summary import NEEDED, metrics_summary
from mondrift.run.windows import Calendar, Length
from mondrift.schema import Schema
from mondrift.severity import AlertRules
from mondrift.store import Store

pytestmark = pytest.mark.servers

START = date(2024, 1, 1)
DAYS = Calendar(Length.parse("1D"), "UTC", START)
N = 400  # rows a day
SCHEMA = Schema(
    timestamp="at",
    target="bought",
    prediction="guess",
    kinds={
        "id": "text",
        "at": "datetime",
        "x": "numeric",
        "guess": "categorical",
        "bought": "categorical",
    },
    id="id",
)
NUMBERS = count()


def day(number: int, *, shift: float = 0.0, wrong: float = 0.2) -> pd.DataFrame:
    """A day of rows: x moved by `shift` standard deviations, a share of the guesses wrong."""
    generator = np.random.default_rng(number)
    x = generator.normal(size=N)
    bought = (generator.permutation(N) < N // 2).astype(int)
    guess = np.where(generator.permutation(N) < wrong * N, 1 - bought, bought)
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return pd.DataFrame(
        {
            "id": [f"{number}-{i}" for i in range(N)],
            "at": pd.date_range(start, periods=N, freq="3min"),
            "x": x + shift,
            "guess": guess,
            "bought": bought,
        }
    )


class World:
    """A model of its own with a baseline (day 0), a monitor, and days that are logged."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.model = f"shop{next(NUMBERS)}"
        store.register_model(self.model, SCHEMA, task="binary", clock="data")
        self.log(day(0))
        store.register_baseline(self.model, [(DAYS.window("2024-01-01"))])
        rules = AlertRules(channels=("webhook",))
        self.monitor = Monitor(self.model, self.model, DAYS, alerts=rules)

    def log(self, rows: pd.DataFrame, *, labels: bool = True) -> None:
        self.store.log(self.model, rows.drop(columns="bought"))
        if labels:
            self.label(rows)

    def label(self, rows: pd.DataFrame) -> None:
        received = rows["at"].max() + timedelta(days=1)
        self.store.label(
            self.model,
            pd.DataFrame({"id": rows["id"], "value": rows["bought"], "received_at": received}),
        )

    def check(self, number: int, **options):
        window = DAYS.window((START + timedelta(days=number)).isoformat())
        return check(self.store, self.monitor, window, CheckOptions(**options))

    def news(self, number: int, **options) -> list[tuple[str, str]]:
        return [(event, alert.kind) for event, alert in self.check(number, **options).news]

    def sent(self) -> int:
        ids = self.store.alerts(self.model)["alert_id"]
        return int(self.store.outbox.to_frame()["alert_id"].isin(ids).sum())


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    yield World(store)


def test_a_quiet_day_is_ok_and_says_nothing(world):
    world.log(day(1))
    result = world.check(1)
    assert (result.verdict.status, result.alerts, result.news) == ("ok", (), ())
    assert (result.run.state, result.run.revision, result.run.status) == ("checked", 1, "ok")
    assert world.sent() == 0


def test_a_drop_is_searched_in_the_rows_and_a_quiet_day_is_not(world):
    rows = day(1)
    worse = (rows["x"] > 0.7) & (np.arange(N) % 5 > 0)
    world.log(rows.assign(guess=np.where(worse, 1 - rows["bought"], rows["guess"])))
    result = world.check(1)
    stored = world.store.comparison(result.run).measurements
    found = [each for each in stored if each.measure == "slice_accuracy"]
    assert found[0].segment.startswith("x from 0.")
    assert found[0].detail["from"] == "rows"
    world.log(day(2))
    quiet = world.check(2).verdict.comparison.measurements
    assert [each for each in quiet if each.measure == "slice_accuracy"] == []


def test_a_check_stores_verdict_alerts_incident_and_one_message(world):
    world.log(day(1, shift=1.0, wrong=0.5))
    result = world.check(1, reports="https://reports.example/")
    assert [(e, a.severity, a.kind) for e, a in result.news] == [
        ("opened", "critical", "performance_degradation"),
        ("opened", "low", "data_drift"),
    ]
    assert world.store.verdict(result.run).to_dict() == result.verdict.to_dict()
    assert {i.kind: i.told for i in world.store.incidents(world.model)} == {
        "performance_degradation": "critical",
        "data_drift": "low",
    }
    assert len(world.store.alerts(world.model)) == 2
    assert world.sent() == 1
    link = f"https://reports.example/{world.monitor.name}/{result.run.run_id}/report.html"
    assert {alert.report_url for alert in result.alerts} == {link}


def test_the_message_is_about_the_worst_and_mentions_the_rest(world):
    world.log(day(1, shift=1.0, wrong=0.5))
    world.check(1)
    ids = set(world.store.alerts(world.model)["alert_id"])
    claimed = [d for d in world.store.outbox.claim(limit=100) if d.alert_id in ids]
    text = claimed[0].payload["text"]
    assert text.startswith(f"[critical] {world.model}: accuracy fell by 30.0 points")
    assert f"Also: [low] {world.model}: x drifted" in text


def test_a_message_is_led_by_what_is_worst_even_when_that_was_told_before(world):
    world.log(day(1, wrong=0.5))
    world.log(day(2, shift=1.0, wrong=0.6))
    world.check(1)
    assert world.news(2) == [("opened", "data_drift")]
    ids = set(world.store.alerts(world.model)["alert_id"])
    claimed = [d for d in world.store.outbox.claim(limit=100) if d.alert_id in ids]
    lines = claimed[-1].payload["text"].splitlines()
    assert lines[0] == f"[critical, still] {world.model}: accuracy fell by 40.0 points"
    assert f"Also: [low] {world.model}: x drifted" in lines


def test_the_same_again_is_a_no_op(world):
    world.log(day(1, shift=1.0))
    first = world.check(1)
    again = world.check(1)
    assert first.run.fresh
    assert again.run == replace(first.run, fresh=False)
    assert (again.alerts, again.news) == ((), ())
    assert again.verdict.to_dict() == first.verdict.to_dict()
    assert len(world.store.runs(monitor=world.monitor.name)) == 1
    assert world.sent() == 1


def test_force_makes_a_revision_that_repeats_no_message(world):
    world.log(day(1, shift=1.0))
    world.check(1)
    again = world.check(1, force=True)
    assert again.run.revision == 2
    assert again.news == () and len(again.alerts) == 1
    assert world.sent() == 1


def test_another_configuration_is_another_run(world):
    world.log(day(1))
    world.check(1)
    world.monitor = replace(world.monitor, parameters={"top": 3})
    assert world.check(1).run.revision == 1
    assert len(world.store.runs(monitor=world.monitor.name)) == 2


def test_late_labels_make_a_revision_that_finds_the_drop(world):
    rows = day(1, wrong=0.5)
    world.log(rows, labels=False)
    before = world.check(1)
    assert before.alerts == ()
    world.label(rows)
    after = world.check(1)
    assert after.run.revision == 2
    assert [alert.kind for alert in after.alerts] == ["performance_degradation"]
    history = world.store.history(world.model, measures="accuracy")
    assert history["revision"].tolist() == [2]


def test_a_window_without_labels_is_checked_and_says_so(world):
    world.log(day(1, shift=1.0), labels=False)
    result = world.check(1)
    [alert] = result.alerts
    assert alert.kind == "data_drift"
    assert "Whether it does harm is not known yet" in alert.text
    accuracy = [f for f in result.verdict.findings if f.check == "accuracy"]
    assert all(f.status == "inconclusive" and f.reason for f in accuracy)


def test_an_empty_window_is_inconclusive_with_a_reason(world):
    result = world.check(5)
    assert result.verdict.status == "inconclusive"
    assert result.verdict.reason
    assert result.alerts == ()
    assert result.verdict.comparison.current.n == 0


def test_an_incident_is_held_and_recovers(world):
    for number, shift in ((1, 1.0), (2, 1.0), (3, 0.0)):
        world.log(day(number, shift=shift))
    assert [world.news(n) for n in (1, 2, 3)] == [
        [("opened", "data_drift")],
        [],
        [("recovered", "data_drift")],
    ]


def test_after_days_that_were_not_checked_it_is_told_again(world):
    for number in (1, 4, 5):
        world.log(day(number, shift=1.0))
    assert [world.news(n) for n in (1, 4, 5)] == [
        [("opened", "data_drift")],
        [("again", "data_drift")],
        [],
    ]
    assert world.sent() == 2


def test_days_without_labels_do_not_close_a_drop_in_accuracy(world):
    world.log(day(1, wrong=0.5))
    world.log(day(2, wrong=0.5), labels=False)
    world.log(day(3))
    assert world.news(1) == [("opened", "performance_degradation")]
    assert world.news(2) == []
    recovered = world.check(3)
    assert [(e, a.kind) for e, a in recovered.news] == [("recovered", "performance_degradation")]
    assert "Accuracy held: 80.0 %, 80.0 % in the reference" in recovered.news[0][1].text


def test_a_silence_holds_the_message_back(world):
    world.log(day(1, shift=1.0))
    silence = Silence(until=datetime(2030, 1, 1, tzinfo=UTC), reason="a move is planned")
    result = world.check(1, silences=[silence])
    assert len(result.alerts) == 1 and result.news == ()
    assert world.sent() == 0


def test_history_says_since_when_and_that_it_does_not_explain_the_drop(world):
    for number in (1, 2, 3):
        world.log(day(number, shift=1.0, wrong=0.5 if number == 3 else 0.2))
    for number in (1, 2):
        world.check(number)
    texts = {alert.kind: alert.text for alert in world.check(3).alerts}
    assert ("x moved, as it has since 2 January; it does not explain the drop.") in texts[
        "performance_degradation"
    ]


def test_the_previous_window_can_be_the_reference(world):
    world.monitor = replace(world.monitor, reference=Reference("previous window"))
    world.log(day(1, shift=1.0))
    world.log(day(2, shift=1.0))
    assert world.check(1).verdict.status == "alarm"
    assert world.check(2).verdict.status == "ok"
    assert world.check(3).verdict.status == "inconclusive"
    assert world.check(5).verdict.status == "inconclusive"  # nor has the day before any rows


def test_the_first_window_has_no_previous_one(world):
    world.monitor = replace(world.monitor, reference=Reference("previous window"))
    with pytest.raises(WindowError, match="begin on 2024-01-01"):
        world.check(0)
    [run] = world.store.runs(monitor=world.monitor.name).to_dict("records")
    assert run["state"] == "failed" and "WindowError" in run["error"]


def test_after_a_failure_the_next_check_is_the_next_revision(world):
    world.monitor = replace(world.monitor, reference=Reference(version=9))
    with pytest.raises(ModelError):
        world.check(1)
    world.log(day(1))
    world.store.register_baseline(world.model, [DAYS.window("2024-01-02")])
    world.monitor = replace(world.monitor, reference=Reference(version=2))
    assert world.check(1).run.state == "checked"


def test_an_unknown_model_is_named(world):
    world.monitor = replace(world.monitor, model="shopp")
    with pytest.raises(ModelError, match="'shopp'"):
        world.check(1)


def test_two_checks_of_one_monitor_do_not_overlap(world):
    with (
        world.store.running(world.monitor.name),
        pytest.raises(StoreError, match="is being run by another process"),
    ):
        world.check(1)


def test_now_is_the_newest_row_for_a_model_of_history(world):
    world.log(day(1))
    assert now_of(world.store, world.monitor) == day(1)["at"].max()
    assert [w.label for w in DAYS.windows(now_of(world.store, world.monitor))] == ["1 January 2024"]


def test_the_summary_holds_what_people_expect_of_metrics_json(world):
    for number, shift in ((1, 0.0), (2, 1.0)):
        world.log(day(number, shift=shift))
        last = world.check(number)
    summary = metrics_summary(
        last.verdict,
        history=world.store.history(world.model, monitor=world.monitor.name),
        alerts=world.store.alerts(world.model),
    )
    assert summary["monitoring_period"] == {
        "start": "2024-01-02T00:00:00+00:00",
        "end": "2024-01-04T00:00:00+00:00",
        "n_batches": 2,
    }
    accuracy = summary["performance_summary"]["accuracy"]
    assert accuracy == {"avg": 0.8, "min": 0.8, "max": 0.8, "std": 0.0, "n_windows": 2}
    assert summary["drift_summary"] == {
        "total": 1, "data_drift": 1, "output_drift": 0, "target_drift": 0,
    }  # fmt: skip
    assert [each["kind"] for each in summary["alerts"]] == ["data_drift"]
    assert len(summary["measurements"]) == len(last.verdict.to_frame())
    json.dumps(summary, allow_nan=False)


def test_the_summary_of_an_earlier_window_leaves_later_ones_out(world):
    for number in (1, 2):
        world.log(day(number))
    earlier = world.check(1)
    world.check(2)
    summary = metrics_summary(
        earlier.verdict,
        history=world.store.history(world.model, monitor=world.monitor.name),
        alerts=world.store.alerts(world.model),
    )
    assert summary["monitoring_period"]["n_batches"] == 1
    assert summary["alerts"] == []


def test_narrow_histories_tell_what_the_full_one_tells(world):
    for number, (shift, wrong) in enumerate([(0.0, 0.2), (1.0, 0.5), (1.0, 0.2), (1.0, 0.5)], 1):
        world.log(day(number, shift=shift, wrong=wrong))
        last = world.check(number)
    verdict, policy = last.verdict, world.monitor.policy
    full, telling, needed = (
        world.store.history(world.model, monitor=world.monitor.name, whole=whole, measures=asked)
        for whole, asked in ((False, None), (True, TELLING), (True, NEEDED))
    )
    after = verdict.comparison.current.end
    assert set(moving_since(full, policy, after)) == {"x", WORSE}
    assert moving_since(telling, policy, after) == moving_since(full, policy, after)
    alerts = world.store.alerts(world.model)
    assert metrics_summary(verdict, history=needed, alerts=alerts) == metrics_summary(
        verdict, history=full, alerts=alerts
    )


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_an_alarm_whose_explanation_overflows_is_told_without_it(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors of 1e160: their mean is a number, their squares are none."""
    model = f"sizes{next(NUMBERS)}"
    rows = [day(number).eval("guess = x\nbought = 1.1 * x") for number in (0, 1)]
    rows[1]["guess"] *= 1e160
    schema = replace(SCHEMA, kinds={**SCHEMA.kinds, "guess": "numeric", "bought": "numeric"})
    store.register_model(model, schema, task="regression", clock="data")
    store.register_baseline(model, rows[0])
    store.log(model, rows[1])
    labels = rows[1].rename(columns={"bought": "value"})[["id", "value"]]
    store.label(model, labels.assign(received_at=datetime(2024, 1, 9, tzinfo=UTC)))
    found = check(store, Monitor(model, model, DAYS), DAYS.window("2024-01-02"))
    assert (found.verdict.status, found.run.state) == ("alarm", "checked")
    assert found.verdict.reason.startswith("MAE rose by")
    assert "the alarm stays unexplained" in caplog.text
    measures = {each.measure for each in found.verdict.comparison.measurements}
    assert not measures & {"concept_drift_effect", "changed_since"}
    assert store.mistakes(
        model, DAYS.edge(1), DAYS.edge(2), every="1h", zone="UTC"
    ).empty  # no sum of squares is possible, and none fails
