"""The life of an incident: opened once, held, escalated, recovered; silences."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from mondrift.alert import Alert
from mondrift.incident import Incident, Silence, Step, recovery, step
from mondrift.severity import Severity
from mondrift.window import Window

START = datetime(2013, 4, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)


def week(number: int) -> Window:
    return Window(START + number * WEEK, START + (number + 1) * WEEK)


def alert(number: int, severity: Severity = "low") -> Alert:
    return Alert(
        "data_drift", severity, "flights: x drifted", "", "flights", "weekly", week(number)
    )


def at(number: int) -> datetime:
    return START + (number + 1) * WEEK


def weeks(
    *severities: Severity | None, recover_after: int = 1
) -> tuple[list[str], Incident | None]:
    """The events of consecutive weeks, each with an alert of a severity or none."""
    now = Step(None)
    events = []
    for number, severity in enumerate(severities):
        now = step(
            now.incident,
            alert(number, severity) if severity else None,
            at(number),
            recover_after=recover_after,
        )
        events.append(now.event)
    return events, now.incident


def test_no_alert_opens_nothing() -> None:
    assert weeks(None, None) == (["", ""], None)


def test_it_is_told_once_and_then_held() -> None:
    assert weeks("low", "low", "low")[0] == ["opened", "", ""]


def test_it_is_told_again_when_it_gets_worse() -> None:
    assert weeks("low", "high", "critical", "high")[0] == ["opened", "escalated", "escalated", ""]


def test_it_is_not_told_again_when_it_gets_better_and_worse_again() -> None:
    assert weeks("high", "low", "high")[0] == ["opened", "", ""]


def test_recovery_is_told_once() -> None:
    events, incident = weeks("low", None, None)
    assert events == ["opened", "recovered", ""]
    assert incident is not None and incident.closed_at == at(1)


def test_after_recovery_it_opens_anew() -> None:
    events, incident = weeks("critical", None, "low")
    assert events == ["opened", "recovered", "opened"]
    assert incident is not None and incident.opened_at == week(2).start
    assert incident.severity == "low"


def test_it_holds_until_enough_quiet_windows_in_a_row() -> None:
    events, _ = weeks("low", None, "low", None, None, recover_after=2)
    assert events == ["opened", "", "", "", "recovered"]


def test_a_window_that_could_not_judge_is_no_recovery() -> None:
    opened = step(None, alert(0), at(0))
    held = step(opened.incident, None, at(1), judged=False)
    assert held == Step(opened.incident)


def test_an_older_window_changes_nothing() -> None:
    opened = step(None, alert(3), at(3))
    assert step(opened.incident, None, at(1)) == Step(opened.incident)
    closed = step(opened.incident, None, at(4))
    assert step(closed.incident, alert(2, "critical"), at(2)) == Step(closed.incident)


def test_after_windows_that_nobody_looked_at_it_is_told_again() -> None:
    opened = step(None, alert(0), at(0))
    again = step(opened.incident, alert(5), at(5))
    assert again.event == "again"
    assert again.incident is not None and again.incident.opened_at == START
    assert step(again.incident, alert(6), at(6)).event == ""


def test_the_same_window_again_is_told_once() -> None:
    opened = step(None, alert(0), at(0))
    assert step(opened.incident, alert(0), at(0)) == Step(opened.incident)


def test_a_corrected_window_without_the_alert_recovers() -> None:
    opened = step(None, alert(0), at(0))
    assert step(opened.incident, None, at(0)).event == "recovered"


def test_a_silence_holds_messages_back_until_it_ends() -> None:
    silences = [Silence(until=at(1), reason="known", model_id="flights")]
    quiet = step(None, alert(0), at(0), silences=silences)
    assert quiet.event == "" and quiet.incident is not None and quiet.incident.is_open
    assert step(quiet.incident, alert(1), at(1), silences=silences).event == "opened"


def test_a_silence_of_something_else_holds_nothing_back() -> None:
    silences = [Silence(until=at(9), reason="known", kind="output_drift")]
    assert step(None, alert(0), at(0), silences=silences).event == "opened"


def test_what_nobody_was_told_of_recovers_without_a_word() -> None:
    silences = [Silence(until=at(1), reason="known")]
    quiet = step(None, alert(0), at(0), silences=silences)
    closed = step(quiet.incident, None, at(1))
    assert closed.event == "" and closed.incident is not None and not closed.incident.is_open


def test_the_steps_leave_their_inputs_alone() -> None:
    opened = step(None, alert(0), at(0)).incident
    assert opened is not None
    before = opened.to_dict()
    step(opened, alert(1, "critical"), at(1))
    assert opened.to_dict() == before


def test_an_incident_survives_json() -> None:
    for _, incident in (weeks("low"), weeks("low", None)):
        assert incident is not None
        assert Incident.from_dict(json.loads(json.dumps(incident.to_dict()))) == incident


def test_a_recovery_says_what_is_over_and_since_when() -> None:
    _, incident = weeks("low", None)
    assert incident is not None
    message = recovery(incident, week(1), now="Accuracy is 79 %.")
    assert message.title == "flights: recovered: x drifted"
    assert message.text == '"X drifted", open since 1 April, is over. Accuracy is 79 %.'
