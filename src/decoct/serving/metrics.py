"""What the server counts, as text that Prometheus reads.

Source: the exposition format of Prometheus, version 0.0.4: counters, gauges and histograms.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128)
Labels = tuple[str, ...]


class Counter:
    """A number that only rises, for each set of labels.

    Args:
        name: of the metric.
        help: what it counts.
        labels: their names.
    """

    def __init__(self, name: str, help: str, labels: Labels = ()) -> None:
        self.name, self.help, self.labels = name, help, labels
        self._values: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, *labels: str, n: float = 1) -> None:
        """Count `n` more."""
        self._values[labels] = self._values.get(labels, 0) + n

    def value(self, *labels: str) -> float:
        """Return what was counted."""
        return self._values.get(labels, 0)

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.help, "counter")
        for labels, value in sorted(self._values.items()):
            yield f"{self.name}{_braces(self.labels, labels)} {value:g}"


class Gauge:
    """A number that is looked up when it is asked for.

    Args:
        name: of the metric.
        help: what it is.
        value: returns it.
    """

    def __init__(self, name: str, help: str, value: Callable[[], float]) -> None:
        self.name, self.help, self._value = name, help, value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.help, "gauge")
        yield f"{self.name} {self._value():.15g}"


class Histogram:
    """How often something was at most so much, for each set of labels.

    Args:
        name: of the metric.
        help: what it measures.
        bounds: of the buckets, rising.
        labels: their names.
    """

    def __init__(self, name: str, help: str, bounds: Sequence[float], labels: Labels = ()) -> None:
        self.name, self.help, self.bounds, self.labels = name, help, bounds, labels
        self._counts: dict[Labels, list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))
        self._sums: dict[Labels, float] = defaultdict(float)

    def add(self, value: float, *labels: str) -> None:
        """Count one measurement."""
        self._counts[labels][bisect_left(self.bounds, value)] += 1
        self._sums[labels] += value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.help, "histogram")
        names = (*self.labels, "le")
        for labels, counts in sorted(self._counts.items()):
            so_far = 0
            for bound, count in zip((*self.bounds, "+Inf"), counts, strict=True):
                so_far += count
                yield f"{self.name}_bucket{_braces(names, (*labels, str(bound)))} {so_far}"
            braces = _braces(self.labels, labels)
            yield f"{self.name}_sum{braces} {self._sums[labels]:.9g}"
            yield f"{self.name}_count{braces} {so_far}"


class Metrics:
    """Everything that the server counts; no document's text is a label."""

    def __init__(self) -> None:
        self.requests = Counter(
            "decoct_requests_total", "Requests that have ended.", ("path", "method", "status")
        )
        self.seconds = Histogram(
            "decoct_request_seconds", "From a request's head to its answer's end.", SECONDS,
            ("path",),
        )  # fmt: skip
        self.documents = Counter(
            "decoct_documents_total", "Documents and mentions worked on.", ("operation",)
        )
        self.batches = Histogram("decoct_batch_documents", "Documents of a batch.", DOCUMENTS)
        self.batch_seconds = Histogram("decoct_batch_seconds", "Time of a batch.", SECONDS)
        self.refused = Counter(
            "decoct_refused_total", "Requests that were not accepted, by code.", ("code",)
        )
        self.dropped = Counter(
            "decoct_dropped_documents_total", "Documents whose client had hung up."
        )
        self.bad_lines = Counter("decoct_bad_lines_total", "NDJSON lines that were no document.")
        self.gauges: list[Gauge] = []

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Add a number that is looked up when it is asked for."""
        self.gauges.append(Gauge(name, help, value))

    def render(self) -> str:
        """Return all of it in Prometheus' text format."""
        counted = (self.requests, self.documents, self.refused, self.dropped, self.bad_lines)
        measured = (self.seconds, self.batches, self.batch_seconds)
        lines = (one.lines() for kind in (counted, measured, self.gauges) for one in kind)
        return "".join(f"{line}\n" for some in lines for line in some)


def rss_bytes() -> float:
    """Return this process's resident memory; 0 where the system has no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    import resource

    return float(pages * resource.getpagesize())


def _head(name: str, help: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    """Return `{name="value",...}`; values are ours, but escaped as the format wants it."""
    if not names:
        return ""
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
