"""What rules cost: many of them, each on its own series, and how long a sample takes to become an alert."""

import itertools
import json
import threading
import time

import httpx
import requests

SCALES = (100, 1000, 10_000)
INTERVAL_S = 5.0
MEASURED_S = 40


def at_scale(system, n_rules):
    """Cost and lateness of `n_rules` rules over as many series, sampled and evaluated every 5 s.

    Returns CPU microseconds of the evaluating process for each evaluation, the part of a core that it took, how many
    evaluations were missed, the most rules that were late at a time, and the longest that a due rule waited (s).
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
    return spent / (n_rules * took / INTERVAL_S) * 1e6, spent / took, missed, late, oldest


def worker_of(system):
    """The process that evaluates."""
    for process in system.processes():
        if process.environ().get("SUPERVISOR_PROCESS_NAME") == "worker":
            return process
    raise AssertionError("no worker runs")


def sample_to_alert(system, seconds=30):
    """Seconds from the push of a sample to the event that tells of its alert, which follows the commit.

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
    rule_id = answer.json()["id"]
    arrived, ready, ended = {}, threading.Event(), threading.Event()
    listening = threading.Thread(target=_listen, args=(system, arrived, ready, ended), daemon=True)
    listening.start()
    assert ready.wait(10), "the stream never began"
    sent, calls = {}, 20
    began = time.perf_counter()
    with httpx.Client(base_url=system.url, headers=_headers(system), trust_env=False) as http:
        for call in range(calls * seconds):
            time.sleep(max(0.0, began + call / calls - time.perf_counter()))
            samples = [{"metric": "bench.delay", "value": 1, "labels": {"quiet": str(n)}} for n in range(9)]
            samples.append({"metric": "bench.delay", "value": 99, "labels": {"n": str(call)}})
            if call % 4:
                samples[-1] = {"metric": "bench.delay", "value": 1, "labels": {"quiet": "9"}}
            else:
                sent[str(call)] = time.perf_counter()
            answer = http.post("/metrics/ingest", json={"samples": samples})
            assert answer.status_code == 202, answer.text
    deadline = time.perf_counter() + 30
    while len(arrived) < len(sent) and time.perf_counter() < deadline:
        time.sleep(0.1)
    ended.set()
    found = [arrived[alert_id] - sent[n] for alert_id, n in _labels_of(system, rule_id).items() if alert_id in arrived]
    assert len(found) >= 0.99 * len(sent), f"{len(found)} of {len(sent)} alerts were told of"
    return found


def _labels_of(system, rule_id):
    """The label n of each alert of a rule, by the alert's id."""
    found, cursor = {}, None
    while True:
        page = system.get(f"/alerts/history?rule_id={rule_id}&limit=200" + (f"&cursor={cursor}" if cursor else ""))
        found.update((one["id"], one["labels"]["n"]) for one in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _listen(system, arrived, ready, ended):
    timeout = httpx.Timeout(5, read=30)
    with (
        httpx.Client(base_url=system.url, headers=_headers(system), trust_env=False, timeout=timeout) as http,
        http.stream("GET", "/alerts/stream") as stream,
    ):
        ready.set()
        for line in stream.iter_lines():
            now = time.perf_counter()
            if line.startswith("data:") and '"opened"' in line:
                arrived.setdefault(json.loads(line[5:])["id"], now)
            if ended.is_set():
                return


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
