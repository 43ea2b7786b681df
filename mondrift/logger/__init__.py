"""The client in a model's process: it takes predictions at once, and stores them in its own time.

Reading order: record (one prediction, as it waits) → spill (on disk, while the store is away) →
sender (into the store, and what it refuses into quarantine) → client (what a model calls).
"""

from __future__ import annotations

from mondrift.logger.client import Logger
from mondrift.logger.record import Stats

__all__ = ["Logger", "Stats"]
