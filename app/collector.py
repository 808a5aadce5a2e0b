"""The collector: reads this machine's CPU, memory, disks, load and network, and posts the readings to the API.

`python -m app.collector`. While the API is away the readings are kept, with their times, for five minutes.
"""

import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn

import psutil
import requests
import structlog

from app.core.clock import monotonic, utcnow
from app.core.logs import configure_logs
from app.settings import Settings, load_settings

KEPT_FOR = timedelta(minutes=5)
BATCH = 1000  # samples that the API takes at once
_ASK_S = 5.0
_FIRST_AFTER_S = 1.0  # CPU and network are differences, so the first reading needs a moment
#: File systems that are always full, or are no disk of this machine.
_NO_DISK = frozenset({"squashfs", "iso9660", "udf", "tmpfs", "devtmpfs", "autofs", "proc", "sysfs", "devfs", "nullfs"})
_VIRTUAL_LINKS = ("veth", "br-", "virbr", "cali", "flannel", "cni")  # come and go with containers
Sample = dict[str, Any]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Traffic:
    """An interface's counters since it came up."""

    received_bytes: int
    sent_bytes: int
    errors: int


@dataclass(frozen=True)
class Counters:
    """Every interface's counters at one moment."""

    at: float
    traffic: Mapping[str, Traffic]


@dataclass
class Backlog:
    """Samples that were not accepted yet, oldest first; those older than KEPT_FOR are forgotten."""

    waiting: deque[tuple[datetime, Sample]] = field(default_factory=deque)

    def add(self, samples: list[Sample], now: datetime) -> None:
        """Keep a reading's samples, and forget what is too old."""
        self.waiting.extend((now, sample) for sample in samples)
        while self.waiting and self.waiting[0][0] < now - KEPT_FOR:
            self.waiting.popleft()

    def batch(self) -> list[Sample]:
        """The oldest samples, as many as go in one request."""
        return [sample for _, sample in list(self.waiting)[:BATCH]]

    def drop(self, n_samples: int) -> None:
        """Forget the oldest: they were sent, or can never be."""
        for _ in range(n_samples):
            self.waiting.popleft()


def main() -> None:
    """Read and post until SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    settings = load_settings()
    configure_logs(settings, "collector")
    host = settings.collector_host or socket.gethostname()
    log.info("collector runs", host=host, interval_s=settings.collector_interval.total_seconds(), api=settings.api_url)
    backlog, answered = Backlog(), True
    psutil.cpu_percent()
    before = read_counters()
    due = monotonic() + _FIRST_AFTER_S
    with requests.Session() as http:
        http.headers["Authorization"] = f"Bearer {settings.collector_token}"
        http.trust_env = False  # a proxy of the environment is for the world outside
        while True:
            time.sleep(max(0.0, due - monotonic()))
            # After a suspended machine or a slow answer: no burst to catch up.
            due = max(due + settings.collector_interval.total_seconds(), monotonic())
            now, after = utcnow(), read_counters()
            backlog.add(reading(host, now, before, after), now)
            before = after
            answered = post(http, settings, backlog, answered=answered)


def _stop(number: int, frame: object) -> NoReturn:
    log.info("collector stops", signal=signal.Signals(number).name)
    sys.exit(0)


def reading(host: str, now: datetime, before: Counters, after: Counters) -> list[Sample]:
    """All samples of this machine at `now`; rates are over the time between the counters."""
    stamp = now.isoformat()

    def sample(metric: str, value: float, **labels: str) -> Sample:
        return {"metric": metric, "value": value, "timestamp": stamp, "labels": {"host": host, **labels}}

    memory, swap, load = psutil.virtual_memory(), psutil.swap_memory(), os.getloadavg()
    return [
        sample("system.cpu.usage", psutil.cpu_percent()),
        sample("system.memory.usage", memory.percent),
        sample("system.memory.available_bytes", memory.available),
        sample("system.swap.usage", swap.percent),
        *(sample("system.disk.usage", percent, mountpoint=mountpoint) for mountpoint, percent in disks()),
        sample("system.load.1m", load[0]),
        sample("system.load.5m", load[1]),
        sample("system.load.15m", load[2]),
        sample("system.load.per_core", round(load[0] / (psutil.cpu_count() or 1), 4)),
        *(sample(metric, value, interface=interface) for metric, interface, value in rates(before, after)),
    ]


def disks() -> Iterator[tuple[str, float]]:
    """Mount point and percentage in use of each disk, once each, however often it is mounted."""
    shortest: dict[str, str] = {}
    for part in psutil.disk_partitions(all=False):
        usable = part.fstype not in _NO_DISK and os.path.isdir(part.mountpoint)  # noqa: PTH112 (containers mount files)
        if usable and len(part.mountpoint) < len(shortest.get(part.device, part.mountpoint + "/")):
            shortest[part.device] = part.mountpoint
    for mountpoint in sorted(
        {"/", *shortest.values()}
    ):  # "/" of a container is no partition, and fills up all the same
        try:
            yield mountpoint, psutil.disk_usage(mountpoint).percent
        except OSError:
            continue  # unmounted, or not ours to ask


def read_counters() -> Counters:
    """The counters of the interfaces that reach beyond this machine."""
    states = psutil.net_if_stats()
    return Counters(
        monotonic(),
        {
            name: Traffic(found.bytes_recv, found.bytes_sent, found.errin + found.errout)
            for name, found in psutil.net_io_counters(pernic=True).items()
            if name in states
            and states[name].isup
            and "loopback" not in states[name].flags.split(",")
            and not name.startswith(_VIRTUAL_LINKS)
        },
    )


def rates(before: Counters, after: Counters) -> Iterator[tuple[str, str, float]]:
    """Metric, interface and value per second; nothing for an interface that is new or began to count anew."""
    elapsed = after.at - before.at
    if elapsed <= 0:
        return
    for name, now in after.traffic.items():
        then = before.traffic.get(name)
        if then is None or now.received_bytes < then.received_bytes or now.sent_bytes < then.sent_bytes:
            continue
        yield (
            "system.network.received_bytes_per_s",
            name,
            round((now.received_bytes - then.received_bytes) / elapsed, 3),
        )
        yield "system.network.sent_bytes_per_s", name, round((now.sent_bytes - then.sent_bytes) / elapsed, 3)
        yield "system.network.errors_per_s", name, round(max(now.errors - then.errors, 0) / elapsed, 3)


def post(http: requests.Session, settings: Settings, backlog: Backlog, *, answered: bool) -> bool:
    """Send what waits, oldest first, until the API does not take it; whether it answered. Says so when that changes."""
    n_waited = len(backlog.waiting)
    while batch := backlog.batch():
        try:
            answer = http.post(f"{settings.api_url}/metrics/ingest", json={"samples": batch}, timeout=_ASK_S)
        except requests.RequestException as error:
            if answered:
                log.warning("API does not answer; readings are kept", api=settings.api_url, error=str(error)[:300])
            return False
        if answer.status_code in (401, 403):
            log.error(
                "API refuses the collector's token; run `flask seed`, or give the API and the collector the same "
                "ALERTING_COLLECTOR_TOKEN",
                status=answer.status_code,
            )
            return True
        if answer.status_code == 429 or answer.status_code >= 500:
            log.warning("API cannot take readings now; they are kept", status=answer.status_code)
            return True
        if answer.status_code != 202:
            # The same body would be refused for ever and hold up all that comes after it.
            log.error("API refuses readings; dropped", status=answer.status_code, answer=answer.text[:300])
        elif rejected := answer.json().get("rejected"):
            log.warning("API rejects samples", rejected=len(rejected), first=rejected[0])
        backlog.drop(len(batch))
    if not answered:
        log.info("API answers again; kept readings were sent", samples=n_waited)
    return True


if __name__ == "__main__":
    main()
