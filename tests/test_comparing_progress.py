"""Whoever waits for a comparison is told how far it is; the result is the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mondrift.comparing import compare, compare_windows, windows
from mondrift.schema import Schema


def test_every_column_of_every_segment_is_told_once_and_in_order():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("xyz"))
    frame["plan"] = ["a", "b", "c"] * 20
    schema = Schema(segments=("plan",))
    told: list[tuple[int, int]] = []
    before, after = windows(frame, frame, schema=schema)
    comparison = compare_windows(before, after, progress=lambda *each: told.append(each))
    assert told == [(done, 16) for done in range(1, 17)]
    assert comparison.to_dict() == compare(frame, frame, schema=schema).to_dict()
