"""Files in: whole as a frame (`read_file`), or piece by piece into the store (`log_file`).

Reading order: files, queries (one frame) → pieces (a file larger than memory) → progress (what a
process that died had done) → into_store.
"""

from __future__ import annotations

from mondrift.ingest.files import read_file
from mondrift.ingest.into_store import Ingested, label_file, log_file
from mondrift.ingest.queries import read_query

__all__ = ["Ingested", "label_file", "log_file", "read_file", "read_query"]
