"""Back-tests over HTTP: over samples that are given and over those that are stored, and every mistake at its field."""

import pytest

from tests.integration.evaluating import evaluate_all, keep

RULE = {
    "name": "Queue is long",
    "metric": "queue.length",
    "operator": "greater_than",
    "threshold": 10,
    "severity": "HIGH",
    "aggregation": "last",
}
T0 = 1_769_860_800
ANSWER = {
    *("since", "until", "n_series", "n_samples", "n_evaluations", "n_alerts", "n_flaps", "firing_s", "alerts"),
    *("series", "failures", "truncated"),
}


def samples(*values, start=T0, **labels):
    """A value a minute."""
    return [{"timestamp": start + 60 * n, "value": value, "labels": labels} for n, value in enumerate(values)]


@pytest.fixture
def post(client, headers):
    def send(role="viewer", **body):
        return client.post("/rules/backtest", json=body, headers=headers(role))

    return send


@pytest.fixture
def tested(post):
    def send(**body):
        answer = post(**{"rule": RULE, **body} if "rule_id" not in body else {**body})
        assert answer.status_code == 200, answer.text
        return answer.json

    return send


def test_samples_tell_when_it_would_have_fired_and_resolved(tested):
    found = tested(samples=samples(1, 12, 13, 2, host="a"), step="1m")
    assert set(found) == ANSWER
    assert (found["n_series"], found["n_samples"], found["n_evaluations"]) == (1, 4, 4)
    assert (found["n_alerts"], found["n_flaps"], found["firing_s"]) == (1, 0, 120)
    assert found["alerts"] == [
        {
            "labels": {"host": "a"},
            "annotations": {},
            "pending_at": None,
            "fired_at": "2026-01-31T12:01:00Z",
            "resolved_at": "2026-01-31T12:03:00Z",
            "value": 12,
            "reason": "last of queue.length over 5m is 12, greater than 10 (2 samples)",
            "reopened": False,
        }
    ]
    assert [value for _, value in found["series"][0]["points"]] == [1, 12, 13, 2]
    assert (found["failures"], found["truncated"]) == ([], False)


def test_a_csv_says_the_same(tested):
    given = samples(1, 12, 13, 2, host="a")
    lines = "\n".join(f"{one['timestamp']},{one['value']},a" for one in given)
    assert tested(csv=f"timestamp,value,host\n{lines}\n") == tested(samples=given)


def test_it_changes_nothing(tested, client, headers, runtime):
    tested(samples=samples(12))
    for path in ("/rules", "/alerts"):
        assert client.get(path, headers=headers()).json["items"] == []
    assert evaluate_all(runtime) == 0


def test_flaps_are_counted(tested):
    found = tested(samples=samples(12, 1, 12, 1, 12))
    assert (found["n_alerts"], found["n_flaps"]) == (1, 2)
    assert [one["reopened"] for one in found["alerts"]] == [False, True, True]
    assert found["alerts"][-1]["resolved_at"] is None


def test_labelled_windows_are_scored(tested):
    windows = [
        {"start": "2026-01-31T12:01:30Z", "end": "2026-01-31T12:02:00Z"},
        {"start": "2026-01-31T12:09:00Z", "end": "2026-01-31T12:10:00Z"},
    ]
    found = tested(samples=samples(1, 12, 1, 1, 12, 1, 1, 1, 1, 1), labelled=windows)
    rate = found["score"].pop("false_alarms_per_series_day")
    assert found["score"] == {"n_windows": 2, "n_hits": 1, "n_missed": 1, "n_false_alarms": 1}
    assert rate == pytest.approx(24 * 60 / 9)


def test_a_stored_rule_over_what_is_stored_says_what_became_of_it(tested, client, headers, runtime):
    client.post("/rules", json={**RULE, "id": "queue", "interval": "1m"}, headers=headers())
    keep(runtime, "queue.length", (240, 1), (180, 12), (120, 13), (60, 2), host="a")
    keep(runtime, "queue.length", (240, 1), host="b")
    keep(runtime, "queue.other", (240, 99))
    found = tested(rule_id="queue", window="10m")
    assert (found["n_series"], found["n_alerts"]) == (2, 1)
    (fired,) = found["alerts"]
    assert (fired["labels"], fired["value"]) == ({"host": "a"}, 12)
    assert tested(rule_id="queue", since=fired["resolved_at"])["alerts"] == []
    assert tested(rule=RULE, until=fired["fired_at"])["alerts"][0]["resolved_at"] is None


def test_without_a_span_the_last_day_is_looked_at(tested, runtime):
    keep(runtime, "queue.length", (23 * 3600, 12), (23 * 3600 - 60, 1), (60, 1))
    found = tested()
    assert found["n_alerts"] == 1
    assert found["n_samples"] == 3


def test_nothing_stored_is_nothing_fired(tested):
    found = tested()
    assert (found["n_series"], found["n_samples"], found["alerts"]) == (0, 0, [])


def test_where_nothing_is_stored_absence_would_have_fired_all_along(tested):
    absent = {**{name: value for name, value in RULE.items() if name != "threshold"}, "operator": "absent"}
    found = tested(rule=absent, window="1h")
    assert [(one["fired_at"], one["resolved_at"]) for one in found["alerts"]] == [(found["since"], None)]


def test_an_anomaly_rule_shows_its_band(tested):
    rule = {**RULE, "operator": "anomaly", "threshold": 4}
    found = tested(rule=rule, samples=samples(*[100] * 120, 500))
    assert [one["value"] for one in found["alerts"]] == [500]
    (curve,) = found["series"]
    at, low, high = curve["expected"][-1]
    assert at == curve["points"][-1][0]
    assert low < 100 < high < 500


def test_a_log_rule_counts_the_entries_that_are_given(tested):
    rule = {"name": "Errors", "severity": "LOW", "source": "log", "operator": "greater_than", "threshold": 2}
    entries = [{"timestamp": T0 + n, "value": 1} for n in (0, 1, 2, 600)]
    found = tested(rule={**rule, "pattern": "error"}, samples=entries)
    assert [one["value"] for one in found["alerts"]] == [3]


def test_what_cannot_be_computed_is_told(tested):
    found = tested(rule={**RULE, "aggregation": "sum", "threshold": 1.5e308}, samples=samples(1e308, 1e308))
    assert found["failures"] == ["sum of queue.length over 5m is beyond what can be computed"]


def test_curves_are_thinned_out_with_their_peaks(tested):
    values = [1] * 500
    values[250] = 99
    found = tested(samples=samples(*values), max_points=10)
    shown = [value for _, value in found["series"][0]["points"]]
    assert len(shown) <= 10
    assert max(shown) == 99


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rule": None}, ["rule"]),
        ({"rule": RULE, "rule_id": "queue"}, ["rule"]),
        ({"rule": {**RULE, "operator": "above"}}, ["rule", "operator"]),
        ({"rule": {**RULE, "threshold": [1, 2]}}, ["rule", "threshold"]),
        ({"rule": {**RULE, "evaluation_window": "9d"}}, ["rule", "evaluation_window"]),
        ({"rule": RULE, "samples": [], "csv": ""}, ["csv"]),
        ({"rule": RULE, "samples": "many"}, ["samples"]),
        ({"rule": RULE, "samples": [{"timestamp": 0, "value": 1}, {"timestamp": 0}]}, ["samples", "1"]),
        ({"rule": RULE, "samples": [{"timestamp": "9999-12-31T23:00:00-23:00", "value": 1}]}, ["samples", "0"]),
        ({"rule": RULE, "samples": [{"timestamp": 0, "value": 1, "labels": {"a": 1}}]}, ["samples", "0"]),
        ({"rule": RULE, "csv": "timestamp,value\n0,1\nnow,1\n"}, ["samples", "3"]),
        ({"rule": RULE, "csv": "a,b\n"}, ["samples"]),
        ({"rule": RULE, "csv": f"timestamp,value,x\n0,1,{'x' * 140_000}\n"}, ["samples"]),
        ({"rule": RULE, "step": 0}, ["step"]),
        ({"rule": RULE, "step": "often"}, ["step"]),
        ({"rule": RULE, "step": "1ms", "csv": "timestamp,value\n0,1\n1769860800,1\n"}, ["step"]),
        ({"rule": RULE, "window": "1h", "since": "2026-01-31T12:00:00Z"}, ["window"]),
        ({"rule": RULE, "since": "9000-01-01T00:00:00Z"}, ["since"]),
        ({"rule": RULE, "since": "2026-01-31T12:00:00Z", "until": "2026-01-31T11:00:00Z"}, ["since"]),
        ({"rule": RULE, "labelled": [{"start": "2026-01-31T12:00:00Z"}]}, ["labelled", "0", "end"]),
        (
            {"rule": RULE, "labelled": [{"start": "2026-01-31T12:00:00Z", "end": "2026-01-31T11:00:00Z"}]},
            ["labelled", "0", "end"],
        ),
        ({"rule": RULE, "max_points": 1}, ["max_points"]),
        ({"rule": RULE, "sampels": []}, ["sampels"]),
        (
            {"rule": {**RULE, "operator": "anomaly"}, "csv": "timestamp,value\n0,1\n8999-01-01,1\n"},
            ["samples"],
        ),
    ],
)
def test_a_mistake_is_told_at_its_field(post, body, path):
    answer = post(**{name: value for name, value in body.items() if value is not None})
    assert answer.status_code == 422, answer.text
    found = answer.json["errors"]
    for name in path:
        found = found[name]
    assert found


def test_a_rule_that_asks_a_server_is_refused_with_the_reason(post):
    rule = {"name": "Down", "severity": "HIGH", "source": "prometheus", "query": "up == 0"}
    for body in ({}, {"samples": samples(1)}, {"csv": "timestamp,value\n0,1\n"}):
        answer = post(rule=rule, **body)
        assert answer.status_code == 422
        assert answer.json["errors"] == {
            "source": ["the samples of a query are with its server; back-test a rule over a metric"]
        }


def test_a_rule_that_never_was_is_not_found(post):
    assert post(rule_id="never").status_code == 404


def test_it_is_for_viewers(post):
    assert post(role="ingest", rule=RULE).status_code == 403
