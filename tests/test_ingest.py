"""Files become frames; codes stay codes, times get a zone or are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from mondrift.errors import ColumnError, InputError
from mondrift.ingest import read_file

TEXT = "zip,at,x\n01234,2024-01-01T00:00:00Z,1\n99999,2024-01-02T00:00:00+01:00,2\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_keeps_codes_with_a_leading_zero(tmp_path: Path) -> None:
    rows = read_file(written(tmp_path / "x.csv", TEXT))
    assert rows["zip"].tolist() == ["01234", "99999"]
    assert rows["x"].tolist() == [1, 2]


def test_decimals_below_one_are_numbers(tmp_path: Path) -> None:
    rows = read_file(written(tmp_path / "x.csv", "x\n0.5\n0\n-0.25\n"))
    assert rows["x"].tolist() == [0.5, 0.0, -0.25]


def test_packed_text_json_lines_and_parquet_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    frame = pd.DataFrame({"zip": ["01234"], "x": [1.5]})
    frame.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    assert read_file(tmp_path / "x.csv.gz")["zip"].tolist() == ["01234", "99999"]
    assert read_file(tmp_path / "x.jsonl")["zip"].tolist() == ["01234"]
    pytest.importorskip("pyarrow")
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_file(tmp_path / "x.parquet")["x"].tolist() == [1.5]


def test_timestamps_of_several_offsets_become_utc(tmp_path: Path) -> None:
    rows = read_file(written(tmp_path / "x.csv", TEXT), timestamps=("at",))
    assert [f"{at:%d %H:%M %Z}" for at in rows["at"]] == ["01 00:00 UTC", "01 23:00 UTC"]


def test_timestamps_without_a_zone_are_refused_or_declared(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "at\n2024-06-01 12:00\n")
    with pytest.raises(InputError, match="without a time zone.*--zone"):
        read_file(path, timestamps=("at",))
    rows = read_file(path, timestamps=("at",), zone="Europe/Berlin")
    assert f"{rows['at'][0]:%H:%M %Z}" == "10:00 UTC"
    with pytest.raises(InputError, match="cannot be read in zone 'Europe/Berlim'"):
        read_file(path, timestamps=("at",), zone="Europe/Berlim")


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'.*x.xlsx' is of no kind that can be read"):
        read_file(tmp_path / "x.xlsx")
    with pytest.raises(InputError, match="No such file"):
        read_file(tmp_path / "x.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_file(written(tmp_path / "empty.csv", ""))
    with pytest.raises(InputError, match="cannot be read"):
        read_file(written(tmp_path / "bad.jsonl", "{no json"))
    with pytest.raises(InputError, match="no ISO 8601"):
        read_file(written(tmp_path / "t.csv", "at\nyesterday\n"), timestamps=("at",))
    with pytest.raises(ColumnError, match="Did you mean 'at'"):
        read_file(written(tmp_path / "u.csv", "at\n2024\n"), timestamps=("att",))
