"""What a killed process left half-done is put right, before its monitor runs again.

Four things know of a run: its row in the store, its folder, its line in the records, and the index
made from them. The row is written first and last, so a death leaves one of: a row without a page, a
page in the making, a page that the row does not know of, a page that the records do not know of.
"""

from __future__ import annotations

from mondrift.errors import MondriftError
from mondrift.run.archive import CRASHED, Archive
from mondrift.store import Store


def reconcile(store: Store, archive: Archive, monitor: str) -> None:
    """Make store and archive agree on a monitor; call it while holding `store.running(monitor)`.

    A page in the making becomes the page of a failed run. A page that is whole counts, so the run
    is finished, or failed, as the page says.
    """
    for record in archive.reconcile(monitor):
        try:
            run = store.run(record.run_id)
        except MondriftError:  # of another store; the page is there all the same
            continue
        if run.state in ("started", "checked"):
            store.fail_run(run, record.error)
    archived = [each.run_id for each in archive.records() if each.monitor == monitor]
    for run in store.runs_left_open(monitor, archived):
        record_of = archive.record(run.run_id, monitor)
        if run.state == "checked" and record_of is not None and record_of.state == "finished":
            store.finish_run(run, report=record_of.report)
        elif record_of is not None and record_of.stopped:
            store.stop_run(run, record_of.error)
        elif run.state == "started" or (record_of is not None and record_of.state == "failed"):
            store.fail_run(run, (record_of and record_of.error) or CRASHED)
