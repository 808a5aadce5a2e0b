"""What the requests of some seconds come to: rates, errors and latencies by method and route, and in all."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.telemetry.domain import API_SERIES, Sample

ALL = "*"  # method and route of the series over all requests
UNMATCHED = "unmatched"  # the route of requests that none matches: their paths are whatever strangers write
OTHER = "OTHER"  # the method of requests with a method that HTTP does not know, for the same reason
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = timedelta(minutes=15)  # for so long after its last request a route tells that there are none
_KEPT = 10_000  # latencies of one route between two flushes, for the quantile
_ARGUMENT = re.compile(r"<(?:[^<>:]*:)?([^<>]+)>")
Route = tuple[str, str]  # method, route


@dataclass
class Tally:
    """The requests of one route since the last flush."""

    n: int = 0
    n_errors: int = 0
    total_ms: float = 0.0
    max_ms: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, latency_ms: float, *, failed: bool) -> None:
        """Count a request."""
        self.n += 1
        self.n_errors += failed
        self.total_ms += latency_ms
        self.max_ms = max(self.max_ms, latency_ms)
        if len(self.latencies_ms) < _KEPT:
            self.latencies_ms.append(latency_ms)


def route_of(method: str, rule: str | None) -> Route:
    """The route that a request counts for: method and template, like `/rules/{rule_id}`; None is no route."""
    template = UNMATCHED if rule is None else _ARGUMENT.sub(r"{\1}", rule)
    return (method if method in METHODS else OTHER), template


def samples_of(
    tallies: Mapping[Route, Tally], quiet: Iterable[Route], elapsed: timedelta, host: str, now: datetime
) -> list[Sample]:
    """The samples of the time that has `elapsed`, per second and in ms; `quiet` routes had no request and tell that."""
    seconds = elapsed.total_seconds()
    if seconds <= 0:
        return []
    found = {**{route: Tally() for route in quiet}, **tallies}
    if found:
        found[ALL, ALL] = _sum(tallies.values())
    return [
        Sample(f"{API_SERIES}{name}", {"host": host, "method": method, "route": route}, now, value)
        for (method, route), tally in sorted(found.items())
        for name, value in _readings(tally, seconds)
    ]


def quantile(values: Iterable[float], q: float) -> float:
    """The least of the values that at least the share `q` of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


def _readings(tally: Tally, seconds: float) -> Iterator[tuple[str, float]]:
    yield "rate", tally.n / seconds
    yield "error_rate", tally.n_errors / seconds
    if tally.n:
        yield "latency_ms", tally.total_ms / tally.n
        yield "latency_p95_ms", quantile(tally.latencies_ms, 0.95)
        yield "latency_max_ms", tally.max_ms


def _sum(tallies: Iterable[Tally]) -> Tally:
    found = Tally()
    for one in tallies:
        found.n += one.n
        found.n_errors += one.n_errors
        found.total_ms += one.total_ms
        found.max_ms = max(found.max_ms, one.max_ms)
        found.latencies_ms += one.latencies_ms
    return found
