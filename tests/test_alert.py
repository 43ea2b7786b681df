"""What people are told about the five weeks of the demo, and what must not be said."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from mondrift.alert import Alert, alerts_for, judged_kinds
from mondrift.comparing import compare
from mondrift.policy import Policy
from mondrift.severity import AlertRules
from mondrift.verdict import judge
from tests.flights import APRIL, DECEMBER, FEBRUARY, JULY, SEPTEMBER, unexpected, verdict

RULES = AlertRules()
SINCE = {"weather": datetime(2013, 4, 1, tzinfo=UTC)}


def told(
    week: int, *, labels: bool = True, since: dict[str, datetime] | None = None
) -> dict[str, Alert]:
    alerts = alerts_for(
        verdict(week, labels),
        rules=RULES,
        model_id="flights",
        monitor="flights_weekly",
        since=since,
        report_url="https://reports.example/x",
    )
    return {alert.kind: alert for alert in alerts}


def test_a_quiet_week_says_nothing_above_low() -> None:
    alerts = told(FEBRUARY)
    assert {kind: alert.severity for kind, alert in alerts.items()} == {"data_drift": "low"}
    assert "do not retrain for this" in alerts["data_drift"].text
    assert alerts["data_drift"].groups == ("weather",)


def test_april_is_concept_drift_at_two_airports_against_the_scores() -> None:
    alert = told(APRIL)["performance_degradation"]
    assert alert.severity == "critical"
    assert alert.playbook == "concept drift"
    message, *facts = alert.text.splitlines()
    assert message == (
        "Accuracy fell by 15.9 points, from 79.4 % to 63.4 % (1,340 labels), and surely by more "
        "than 12.6 (99 % confidence): about 214 more wrong answers than at the reference's "
        "accuracy. No input is seen to explain it, which points to concept drift: what the model "
        "learned may not hold in this window."
    )
    assert facts[0].startswith("• It fell in origin=LGA (81.6 % to 52.0 %) and origin=EWR")
    assert facts[0].endswith("; no drop is shown in origin=JFK.")
    assert "• The weather moved with the season; it explains little of the drop." in facts
    assert (
        "• The share of late = 1 rose from 21.6 % to 37.3 %. The model's score moved a little, to "
        "lower values, against the outcomes."
    ) in facts
    assert len(facts) <= 7 and all(len(fact) < 200 for fact in facts)


def test_july_is_drift_with_harm_and_names_no_cause() -> None:
    alert = told(JULY)["performance_degradation"]
    assert alert.severity == "critical"
    assert alert.playbook == "drift with harm"
    assert "score moved far, to lower values" in alert.text
    assert "a single window cannot tell" in alert.text
    assert "concept" not in alert.text and "because" not in alert.text


def test_september_is_drift_without_harm_and_less_severe_than_july() -> None:
    alerts = told(SEPTEMBER)
    assert "performance_degradation" not in alerts
    assert max(alert.severity for alert in alerts.values()) == "medium"
    assert "Accuracy rose: 87.6 %, 79.4 % in the reference" in alerts["output_drift"].text
    assert "do not retrain for this" in alerts["output_drift"].text
    assert alerts["output_drift"].playbook == "drift without harm"


def test_december_does_not_blame_the_weather_that_moved_since_april() -> None:
    alert = told(DECEMBER, since=SINCE)["performance_degradation"]
    assert alert.playbook == "concept drift"
    assert (
        "The weather moved with the season, as it has since April; it does not explain the drop."
    ) in alert.text
    assert "only labels show this" in alert.text
    assert "It ranks about as well as before (ROC AUC 0.70 → 0.66)" in alert.text


@pytest.mark.parametrize("week", [FEBRUARY, APRIL, JULY, SEPTEMBER, DECEMBER])
def test_six_weather_columns_count_as_one_feature(week: int) -> None:
    assert told(week)["data_drift"].severity == "low"


def test_without_a_group_six_weather_columns_are_wide_drift() -> None:
    alerts = {a.kind: a for a in alerts_for(judge(verdict(APRIL).comparison, Policy()))}
    assert alerts["data_drift"].severity == "high"


def test_columns_out_of_range_that_drifted_are_no_news_of_quality() -> None:
    surprised = {a.kind: a for a in alerts_for(unexpected(JULY))}
    for alerts in (told(JULY), surprised):
        assert alerts["data_quality"].columns == ("destination",)
    assert any(f.check == "out_of_range" for f in verdict(JULY).flagged("quality"))


def test_a_few_wild_values_in_a_column_that_did_not_drift_are_told() -> None:
    rows = pd.DataFrame({"x": [float(i % 97) for i in range(2000)]})
    wild = rows.assign(x=rows["x"].where(rows.index % 50 > 0, 9e9))
    kinds = {a.kind: a for a in alerts_for(judge(compare(rows, wild)))}
    assert kinds["data_quality"].columns == ("x",)


def test_before_labels_come_harm_is_not_known() -> None:
    alerts = told(JULY, labels=False)
    assert "performance_degradation" not in alerts
    assert "Whether it does harm is not known yet" in alerts["output_drift"].text
    assert alerts["output_drift"].playbook == "drift, harm unknown"


def test_a_window_without_labels_judges_no_performance() -> None:
    assert "performance_degradation" in judged_kinds(verdict(JULY))
    assert judged_kinds(verdict(JULY, labels=False)) == {
        "data_drift", "output_drift", "data_quality", "estimated_degradation",
    }  # fmt: skip


def test_the_worst_alert_comes_first() -> None:
    assert alerts_for(verdict(APRIL))[0].severity == "critical"


def test_a_rule_set_to_none_tells_nothing() -> None:
    rules = AlertRules.from_mapping({"severities": {"target_drift": "none"}})
    assert "target_drift" not in {a.kind for a in alerts_for(verdict(APRIL), rules=rules)}


def test_an_alert_survives_json() -> None:
    for alert in told(APRIL, since=SINCE).values():
        text = json.dumps(alert.to_dict(), allow_nan=False)
        assert Alert.from_dict(json.loads(text)) == alert


def test_the_same_verdict_gives_the_same_alerts() -> None:
    assert alerts_for(verdict(APRIL), rules=RULES) == alerts_for(verdict(APRIL), rules=RULES)
