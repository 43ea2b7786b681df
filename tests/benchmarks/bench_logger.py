"""What a call of `Logger.log` costs the model, and how many rows a second reach the store.

    python tests/benchmarks/bench_logger.py [--quick]

The floor of a call is `queue.Queue.put` of a ready dict, in the same run. Paced calls are 10 000 a
second, with the client's thread at work in the background; the pause between two calls is not
counted. "Durable" is the time until the last row is committed in the embedded PostgreSQL, with
the disk waited for.
"""

from __future__ import annotations

import argparse
import queue
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mondrift import Logger, Schema, embedded
from mondrift.store import Store

PACE = 10_000
FEATURES = {f"x{place}": place / 7 for place in range(15)} | {
    f"c{place}": f"level {place}" for place in range(5)
}
KINDS = {name: "numeric" if name[0] == "x" else "categorical" for name in FEATURES}


def calls(call: Callable[[], object], n: int, pace: float | None) -> list[float]:
    """Microseconds of each of n calls, at `pace` calls a second or as fast as they go."""
    clock, taken = time.perf_counter_ns, []
    start = time.perf_counter()
    for i in range(n):
        if pace:
            ahead = start + i / pace - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
        before = clock()
        call()
        taken.append((clock() - before) / 1000)
    return taken


def told(name: str, rounds: Sequence[Sequence[float]]) -> float:
    """Print the percentiles, each as the median of the rounds and their range; the median p99."""
    line, found = f"{name:34s}", 0.0
    for label, place in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        values = [sorted(each)[int(place * (len(each) - 1))] for each in rounds]
        middle = statistics.median(values)
        found = middle if label == "p99" else found
        line += f"  {label} {middle:8.1f} ({min(values):.1f} to {max(values):.1f}) µs"
    print(line)
    return found


def durable(logger: Logger, n: int, pace: float | None) -> float:
    """Rows a second from the first call to the last commit."""
    before = logger.stats.sent
    start = time.perf_counter()
    calls(lambda: logger.log(FEATURES, prediction=1, probability=0.5), n, pace)
    offered = n / (time.perf_counter() - start)
    while logger.stats.sent < before + n:
        logger.flush(600)
    rate = n / (time.perf_counter() - start)
    kept = logger.stats
    print(
        f"offered {offered:9,.0f}/s   durable {rate:9,.0f}/s   "
        f"(spilled {kept.spilled:,}, dropped {kept.dropped:,} so far)"
    )
    return rate


def main() -> None:
    """Calls with the floor beside them, then sustained rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    n = 5_000 if parser.parse_args().quick else 50_000
    home = Path(tempfile.mkdtemp(prefix="mondrift-"))
    home.chmod(0o755)
    with embedded.attach(home) as servers:
        url = servers.database_url
        with Store.open(url) as store:
            kinds = {**KINDS, "at": "datetime"}
            schema = Schema(timestamp="at", prediction="y", probability="p", kinds=kinds)
            store.register_model("bench", schema, task="binary")
        floor: queue.Queue[dict[str, object]] = queue.Queue()
        with Logger("bench", url=url, spill=home / "spill") as logger:
            logger.log(FEATURES, prediction=1, probability=0.5)
            logger.flush(60)

            def log() -> str:
                return logger.log(FEATURES, prediction=1, probability=0.5)

            puts = [calls(lambda: floor.put(dict(FEATURES)), n, PACE) for _ in range(3)]
            logs = [calls(log, n, PACE) for _ in range(3)]
            logger.flush(600)
            low = told(f"queue.put, {PACE:,} a second", puts)
            high = told(f"Logger.log, {PACE:,} a second", logs)
            print(f"ratio of the p99: {high / low:.1f}; below 100 µs: {high < 100}")
            print("singles, paced at 10 000 a second")
            durable(logger, 4 * n, PACE)
            print("singles, as fast as they go")
            durable(logger, 4 * n, None)


if __name__ == "__main__":
    main()
