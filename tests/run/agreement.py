"""Whether all that knows of a monitor's runs says the same: the store, folders, records, index."""

from __future__ import annotations

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

from mondrift.run.archive import INDEX, RUNS, Archive
from mondrift.store import Store

FILES = {"run.json", "report.html"}


class _Links(HTMLParser):
    """Where a page leads to, and whether its tags are closed in their order."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input", "path", "rect", "circle", "line"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == "href" and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def agree(store: Store, reports: Path, monitor: str) -> None:
    """AssertionError unless store and archive agree on a monitor whose windows have all been run.

    Nothing is half-done; each page has its run, its record and its line in the index, and says what
    they say; of each window the newest revision alone is finished; each message waits, or was
    sent, once.
    """
    runs = {row.run_id: row for row in store.runs(monitor=monitor).itertuples()}
    assert {row.state for row in runs.values()} <= {"finished", "failed"}

    folders = {path.name: path for path in (reports / monitor).iterdir()}
    assert not [name for name in folders if name.startswith(".")], "nothing is in the making"
    hidden = {path.name for path in reports.iterdir() if path.name.startswith(".")}
    assert hidden <= {".lock"}
    states = {}
    for name, folder in folders.items():
        assert {path.name for path in folder.iterdir()} >= FILES
        states[name] = json.loads((folder / "run.json").read_text())["state"]
        assert "</html>" in (folder / "report.html").read_text()[-20:]
    assert states == {name: row.state for name, row in runs.items()}
    finished = {name: row.report for name, row in runs.items() if row.state == "finished"}
    assert finished == {name: f"{monitor}/{name}/report.html" for name in finished}

    (reports / RUNS).read_text().encode().decode()
    assert all(json.loads(line) for line in (reports / RUNS).read_text().splitlines())
    records = [each for each in Archive(reports).records() if each.monitor == monitor]
    assert {each.run_id: each.state for each in records} == states

    index = _Links((reports / INDEX).read_text())
    assert not index.open
    assert {f"{monitor}/{name}/report.html" for name in states} <= set(index.found)

    windows = Counter(row.window_start for row in runs.values())
    for start in windows:
        revisions = {r.revision: r.state for r in runs.values() if r.window_start == start}
        done = [revision for revision, state in revisions.items() if state == "finished"]
        assert done == [max(revisions)]
        assert sorted(revisions) == list(range(1, len(revisions) + 1))
    messages(store, monitor)


def messages(store: Store, monitor: str) -> int:
    """How many messages of a monitor stand in the outbox, each once: by window, kind and event."""
    alerts = store.alerts().set_index("alert_id")
    alerts = alerts[alerts["monitor"] == monitor]
    outbox = store.outbox.to_frame()
    mine = outbox[outbox["alert_id"].isin(alerts.index)]
    told = alerts.loc[mine["alert_id"], ["window_start", "kind"]].assign(
        channel=list(mine["channel"])
    )
    assert not told.duplicated().any()
    return len(mine)
