"""`make bench`: starts the real system on SQLite and on PostgreSQL and prints what it measures as tables."""

import argparse
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.e2e.system import System
from tests.performance import intake, rules
from tests.receivers.answering import answering, status
from tests.stores import private_postgresql


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--pushes", type=int, default=100, help="metrics pushed for the way to the webhook")
    parser.add_argument("--calls", type=int, default=10, help="bulk calls of 1,000 alerts")
    parser.add_argument("--only", choices=["sqlite", "postgresql"], help="one database")
    parser.add_argument("--rules", type=int, nargs="*", default=rules.SCALES, help="how many rules, each time")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {psutil.cpu_count()} cores, {time.strftime('%Y-%m-%d')}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="al-", ignore_cleanup_errors=True) as directory:
        if options.only != "postgresql":
            measure("SQLite, embedded", Path(directory) / "s", options)
        if options.only != "sqlite":
            with private_postgresql() as url:
                measure("PostgreSQL", Path(directory) / "p", options, DATABASE_URL=url)


def measure(title, home, options, **settings):
    """All figures on one database."""
    system = System(home, COLLECTOR_INTERVAL="5s", **settings)
    print(f"## {title}\n", flush=True)
    began = time.perf_counter()
    system.start()
    first = time.perf_counter() - began
    system.stop()
    began = time.perf_counter()
    system.start()
    try:
        again = time.perf_counter() - began
        print("| start to healthy | seconds |\n|---|---|")
        print(f"| first, installed already | {first:.1f} |\n| again | {again:.1f} |\n", flush=True)
        print_memory(system)
        print("| what | median ms | p95 ms | p99 ms | max ms |\n|---|---|---|---|---|", flush=True)
        print_times("metric pushed -> webhook received", way_to_webhook(system, options.pushes))
        if "DATABASE_URL" in settings:
            print_times("sample pushed, 200 a second -> its alert committed", rules.sample_to_alert(system))
        apart, together, again, n_rows = intake.bulk(system, options.calls)
        print_times("1,000 new alerts in one call, the system at rest", apart)
        print_times(f"1,000 new alerts in each of {options.calls} calls, back to back", together)
        print_times("1,000 known alerts in one call, back to back", again)
        print(f"\n{2 * options.calls} calls, then all of them again: {n_rows:,} rows\n", flush=True)
        print_scales(system, options.rules)
    finally:
        system.stop()


def print_scales(system, scales):
    """What rules cost by how many there are."""
    print(
        "| rules, each on its own series, every 5 s | CPU us a rule | of one core | missed | late | waited at most s |"
    )
    print("|---|---|---|---|---|---|", flush=True)
    idle = rules.idle(system)
    print(f"| none | | {idle:.0%} | | | |", flush=True)
    for n_rules in scales:
        cost, share, missed, late, oldest = rules.at_scale(system, n_rules, idle)
        print(f"| {n_rules:,} | {cost:.0f} | {share:.0%} | {missed} | {late} | {oldest:.1f} |", flush=True)


def way_to_webhook(system, n_pushes):
    """Seconds from the push of a metric over its threshold to the webhook's arrival, each for a series of its own."""
    arrived = {}
    news = threading.Condition()

    def take(handler):
        now = time.perf_counter()
        status(200)(handler)
        with news:
            arrived.update((alert["labels"].get("n"), now) for alert in handler.server.bodies[-1]["alerts"])
            news.notify_all()

    seconds = []
    with answering(take) as server:
        channel = {"name": "bench", "type": "webhook", "settings": {"url": server.url, "secret": "bench" * 5}}
        rule = {
            "name": "Bench",
            "metric": "bench.latency",
            "operator": "greater_than",
            "threshold": 90,
            "severity": "HIGH",
            "aggregation": "last",
            "evaluation_window": "1m",
            "notification_channels": ["bench"],
        }
        for path, body in (("/channels", channel), ("/rules", rule)):
            answer = system.api("POST", path, json=body)
            assert answer.status_code == 201, answer.text
        for n in range(n_pushes):
            sample = {"metric": "bench.latency", "value": 99, "labels": {"n": str(n)}}
            began = time.perf_counter()
            answer = system.api("POST", "/metrics/ingest", json={"samples": [sample]})
            assert answer.status_code == 202, answer.text
            with news:
                assert news.wait_for(lambda key=str(n): key in arrived, timeout=30), f"push {n} never arrived"
            seconds.append(arrived[str(n)] - began)
            time.sleep(0.1)  # one at a time: this is a latency, not a load
    return seconds


def print_memory(system):
    """Memory of each process: PSS, which counts what processes share once."""
    time.sleep(10)  # past the start: idle
    total = 0.0
    print("| process | idle MB |\n|---|---|")
    for process in sorted(system.processes(), key=lambda one: one.pid):
        used = process.memory_full_info().pss / 2**20
        total += used
        print(f"| {name_of(process)} | {used:.0f} |")
    print(f"| all | {total:.0f} |\n", flush=True)


def name_of(process):
    """What a process is, in one or two words."""
    words = process.cmdline()
    name = process.environ().get("SUPERVISOR_PROCESS_NAME") or (
        "supervisord" if "supervisord" in str(words) else "launcher"
    )
    parent = process.parent()
    inner = parent is not None and parent.environ().get("SUPERVISOR_PROCESS_NAME") == name and name != "launcher"
    return f"{name} (child)" if inner and name != "supervisord" else name


def print_times(what, seconds):
    """A table's row."""
    ordered = sorted(second * 1000 for second in seconds)
    p95, p99 = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.95, 0.99))
    print(f"| {what} | {statistics.median(ordered):.0f} | {p95:.0f} | {p99:.0f} | {ordered[-1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
