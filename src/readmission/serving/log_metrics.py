"""Metrics of the prediction log that no worker counts: what waits for the database, and what the parent has shipped."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import TypeAdapter, ValidationError

from readmission.prediction.log.shipper import ShipperStats
from readmission.prediction.log.waiting import Backlog

PREFIX = "readmission_prediction_log"
_COUNTED = {
    "shipped": "Predictions that the database has taken.",
    "rejected": "Predictions that the database refused; they are in rejected.jsonl.",
    "torn": "Predictions that a process could not write to their end.",
    "failures": "Passes of the shipper that ended early.",
}
_STATS = TypeAdapter(ShipperStats)


class SharedStats:
    """The shipper's counts in a file, which the parent writes and its workers read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, stats: ShipperStats) -> None:
        """Replace the counts. May raise ``OSError``."""
        new = self._path.with_suffix(".new")
        new.write_bytes(_STATS.dump_json(stats))
        new.replace(self._path)

    def read(self) -> ShipperStats:
        """The last counts; zeros before the first."""
        try:
            return _STATS.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return ShipperStats()


class LogCollector(Collector):
    """Measures the log's folder at each scrape. It is the same folder for all workers, so any of them may do it."""

    def __init__(self, folder: Path, stats: SharedStats | None) -> None:
        self._backlog = Backlog(folder)
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """The gauges and counters; no gauges while the folder cannot be read."""
        try:
            waiting = self._backlog.measure()
        except OSError:
            pass
        else:
            yield GaugeMetricFamily(f"{PREFIX}_records", "Predictions that wait for the database.", waiting.records)
            yield GaugeMetricFamily(f"{PREFIX}_bytes", "Size of the predictions that wait.", waiting.bytes)
            oldest = "Age of the oldest segment that waits."
            yield GaugeMetricFamily(f"{PREFIX}_oldest_seconds", oldest, waiting.oldest_seconds)
        counts = asdict(self._stats.read() if self._stats else ShipperStats())
        for name, text in _COUNTED.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, counts[name])
