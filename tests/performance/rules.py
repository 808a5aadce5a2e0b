"""What rules cost: many of them, each on its own series, and how long a sample takes to become an alert."""

import itertools
import threading
import time

import httpx
import psycopg
import requests

SCALES = (100, 1000, 10_000)
INTERVAL_S = 5.0
MEASURED_S = 40


def idle(system):
    """The part of a core that the evaluating process takes while there is nothing to be done but to look."""
    worker = worker_of(system)
    began, cpu = time.perf_counter(), _cpu(worker)
    time.sleep(MEASURED_S / 2)
    return (_cpu(worker) - cpu) / (time.perf_counter() - began)


def at_scale(system, n_rules, idle_share):
    """Cost and lateness of `n_rules` rules over as many series, sampled and evaluated every 5 s.

    Returns CPU microseconds of the evaluating process for each evaluation beyond what it takes when idle, the part of a
    core that it took in all, how many evaluations were missed, the most rules that were late at a time, and the longest
    that a due rule waited (s).
    """
    rules = [
        {
            "id": f"scale-{n}",
            "name": f"Scale {n}",
            "metric": "scale.load",
            "labels": {"n": str(n)},
            "operator": "greater_than",
            "threshold": 90,
            "severity": "LOW",
            "evaluation_window": "1m",
        }
        for n in range(n_rules)
    ]
    _put(system, rules)
    ended = threading.Event()
    feeding = threading.Thread(target=_feed, args=(system, n_rules, ended))
    feeding.start()
    try:
        time.sleep(3 * INTERVAL_S)  # past the first rounds: series are known, rules are spread over their interval
        worker = worker_of(system)
        missed, cpu = system.get("/alerts/status")["rules"]["n_missed"], _cpu(worker)
        began, oldest, late = time.perf_counter(), 0.0, 0
        while time.perf_counter() - began < MEASURED_S:
            found = system.get("/alerts/status")["rules"]
            oldest, late = max(oldest, found["oldest_due_s"]), max(late, found["late"])
            time.sleep(0.5)
        took = time.perf_counter() - began
        missed = system.get("/alerts/status")["rules"]["n_missed"] - missed
        spent = _cpu(worker) - cpu
    finally:
        ended.set()
        feeding.join()
    _put(system, [{**rule, "enabled": False} for rule in rules])
    return (spent - idle_share * took) / (n_rules * took / INTERVAL_S) * 1e6, spent / took, missed, late, oldest


def worker_of(system):
    """The process that evaluates."""
    for process in system.processes():
        if process.environ().get("SUPERVISOR_PROCESS_NAME") == "worker":
            return process
    raise AssertionError("no worker runs")


def sample_to_alert(system, seconds=30):
    """Seconds from the push of a sample to the commit of its alert, by PostgreSQL's own word (NOTIFY comes with it).

    200 samples a second come in 20 requests of ten; of each fourth request one is beyond the threshold and the first of
    its series.
    """
    rule = {
        "name": "Bench of latency",
        "metric": "bench.delay",
        "operator": "greater_than",
        "threshold": 90,
        "severity": "LOW",
        "aggregation": "last",
        "evaluation_window": "1m",
    }
    answer = system.api("POST", "/rules", json=rule)
    assert answer.status_code == 201, answer.text
    committed, ready, ended = {}, threading.Event(), threading.Event()
    listening = threading.Thread(target=_listen, args=(system, committed, ready, ended))
    listening.start()
    try:
        assert ready.wait(10), "PostgreSQL tells nothing"
        sent = _send(system, seconds)
        deadline = time.perf_counter() + 30
        while len(committed) < len(sent) and time.perf_counter() < deadline:
            time.sleep(0.1)
    finally:
        ended.set()
        listening.join()
    assert set(committed) == set(sent), f"{len(committed)} of {len(sent)} alerts were committed"
    return [committed[n] - at for n, at in sent.items()]


def _send(system, seconds):
    sent, calls = {}, 20
    began = time.perf_counter()
    with httpx.Client(base_url=system.url, headers=_headers(system), trust_env=False) as http:
        for call in range(calls * seconds):
            time.sleep(max(0.0, began + call / calls - time.perf_counter()))
            samples = [{"metric": "bench.delay", "value": 1, "labels": {"quiet": str(n)}} for n in range(10)]
            if call % 4 == 0:
                samples[-1] = {"metric": "bench.delay", "value": 99, "labels": {"n": str(call)}}
                sent[str(call)] = time.perf_counter()
            answer = http.post("/metrics/ingest", json={"samples": samples})
            assert answer.status_code == 202, answer.text
    return sent


def _listen(system, committed, ready, ended):
    url = str(system.settings["DATABASE_URL"]).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_notify('bench', NEW.labels->>'n'); RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER bench AFTER INSERT ON alerts FOR EACH ROW WHEN (NEW.metric = 'bench.delay') "
            "EXECUTE FUNCTION bench_tell()"
        )
        connection.execute("LISTEN bench")
        ready.set()
        while not ended.is_set():
            for told in connection.notifies(timeout=0.2):
                committed.setdefault(told.payload, time.perf_counter())
        connection.execute("DROP TRIGGER bench ON alerts")
        connection.execute("DROP FUNCTION bench_tell")


def _feed(system, n_series, ended):
    """A sample of each series every 5 s, spread evenly, a thousand a call at most."""
    batch = min(1000, max(n_series // 10, 1))
    starts = list(range(0, n_series, batch))
    began = time.perf_counter()
    with httpx.Client(base_url=system.url, headers=_headers(system), trust_env=False, timeout=30) as http:
        for turn in itertools.count():
            if ended.wait(max(0.0, began + turn * INTERVAL_S / len(starts) - time.perf_counter())):
                return
            start = starts[turn % len(starts)]
            samples = [
                {"metric": "scale.load", "value": 50 + turn % 10, "labels": {"n": str(n)}}
                for n in range(start, min(start + batch, n_series))
            ]
            answer = http.post("/metrics/ingest", json={"samples": samples})
            assert answer.status_code == 202, answer.text


def _put(system, rules):
    for start in range(0, len(rules), 5000):
        body = {"rules": rules[start : start + 5000]}
        answer = requests.post(f"{system.url}/rules/import", json=body, headers=_headers(system), timeout=300)
        assert answer.status_code == 200, answer.text
        assert answer.json()["skipped"] == []


def _headers(system):
    return {"Authorization": f"Bearer {system.token}"}


def _cpu(process):
    used = process.cpu_times()
    children = [child.cpu_times() for child in process.children(recursive=True)]
    return used.user + used.system + sum(one.user + one.system for one in children)
