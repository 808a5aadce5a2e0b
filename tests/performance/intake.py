"""How long alerts take on their way in."""

import time


def bulk(system, n_calls):
    """Seconds of calls with 1,000 alerts each: new ones apart, new ones back to back, all again; and the rows then."""
    apart = [_call(system, start, rest_s=2) for start in range(0, n_calls * 1000, 1000)]
    together = [_call(system, start) for start in range(n_calls * 1000, 2 * n_calls * 1000, 1000)]
    time.sleep(5)  # what follows from them is done
    again = [_call(system, start) for start in range(0, 2 * n_calls * 1000, 1000)]
    return apart, together, again, system.get("/alerts/summary")["by_source"]["bench"]


def _call(system, start, rest_s=0.0):
    alerts = [
        {
            "name": "Disk full",
            "severity": "high",
            "source": "bench",
            "value": 97.5,
            "labels": {"host": f"host-{n}", "service": "db", "zone": "eu-1", "mountpoint": "/var"},
            "annotations": {"summary": "The disk is nearly full, and it fills by a gigabyte an hour."},
        }
        for n in range(start, start + 1000)
    ]
    began = time.perf_counter()
    answer = system.api("POST", "/alerts/bulk/create", json={"alerts": alerts})
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    assert answer.json()["rejected"] == 0
    time.sleep(rest_s)  # until the workers have told whoever is to be told
    return seconds
