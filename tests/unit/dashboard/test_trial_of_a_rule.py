"""A back-test is told in a sentence, drawn with its threshold and firings, and gives the slider its ends."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.components import trial

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CPU = {"metric": "system.cpu.usage", "operator": "greater_than", "threshold": 90.0, "aggregation": "avg"}


def at(minutes):
    return (SINCE + timedelta(minutes=minutes)).isoformat()


def found(**more):
    series = [
        {"labels": {"host": host}, "points": [[at(n), 40.0 + 10 * n + step] for n in range(6)]}
        for step, host in enumerate(("web-1", "web-2"))
    ]
    return {
        "since": at(0),
        "until": at(10),
        "n_series": 2,
        "n_samples": 1200,
        "n_alerts": 4,
        "n_flaps": 3,
        "firing_s": 240.0,
        "series": series,
        "alerts": [
            {
                "labels": {"host": "web-2"},
                "pending_at": at(4),
                "fired_at": at(5),
                "resolved_at": at(7.5),
                "value": 91.0,
                "reason": "it was high",
            }
        ],
        **more,
    }


@pytest.mark.parametrize(
    ("n_alerts", "n_flaps", "window", "text"),
    [
        (4, 3, "24h", "This would have fired 7 times in the last day (3 flaps)."),
        (1, 0, "1h", "This would have fired once in the last hour."),
        (0, 0, "7d", "This would not have fired in the last 7 days."),
        (1, 1, "6h", "This would have fired 2 times in the last 6 hours (1 flap)."),
    ],
)
def test_the_sentence_says_how_often(n_alerts, n_flaps, window, text):
    assert text in str(trial.sentence(found(n_alerts=n_alerts, n_flaps=n_flaps), window)).replace("</b>", "")


def test_the_sentence_says_on_how_much_it_rests():
    assert "Firing for 4 min altogether, over 1,200 samples of 2 series." in trial.sentence(found(), "24h")
    assert "Over 1,200 samples of 2 series." in trial.sentence(found(n_alerts=0, n_flaps=0), "24h")


def test_the_chart_shows_the_threshold_and_when_it_waited_and_fired():
    html = str(trial.trial_chart(found(), CPU))
    assert "limit 90 %" in html
    assert '<rect class="waiting" x="400.0" y="0" width="100.0"' in html
    assert '<rect class="open" x="500.0" y="0" width="250.0"' in html
    assert html.count('<path class="line') == 2


def test_the_series_that_fired_is_drawn_first_and_named():
    html = str(trial.trial_chart(found(), CPU))
    assert html.index(">web-2<") < html.index(">web-1<")


def test_an_anomaly_shows_what_was_expected_and_no_limit():
    one = {"labels": {}, "points": [[at(0), 1.0], [at(5), 2.0]], "expected": [[at(0), 0.0, 3.0], [at(5), 1.0, 4.0]]}
    html = str(trial.trial_chart(found(series=[one]), {**CPU, "operator": "anomaly", "threshold": 4}))
    assert '<path class="band"' in html
    assert '<line class="limit"' not in html


def test_without_values_there_is_no_chart_but_a_word():
    assert "nothing to draw" in trial.trial_chart(found(series=[]), CPU)


def test_more_series_than_are_drawn_are_counted():
    series = [{"labels": {"n": str(n)}, "points": [[at(0), 1.0], [at(5), 2.0]]} for n in range(7)]
    assert "3 more series" in trial.trial_chart(found(series=series), CPU)


def test_the_slider_covers_every_value_and_the_threshold():
    low, high, step = trial.bounds(found(), CPU)
    assert (low, high) == (0, 100)
    assert 0 < step < 1
    low, high, _ = trial.bounds(found(), {**CPU, "metric": "queue", "threshold": 500.0})
    assert low <= 40
    assert high >= 500


@pytest.mark.parametrize("operator", [None, "absent"])
def test_a_rule_without_a_threshold_has_no_slider(operator):
    assert trial.bounds(found(), {**CPU, "operator": operator, "threshold": None}) is None


def test_the_slider_stands_at_the_threshold_and_within_its_ends():
    assert trial.slider_value(CPU, 0, 100, 1) == 90
    assert trial.slider_value({**CPU, "threshold": 900}, 0, 100, 1) == 100
    assert trial.slider_value({**CPU, "threshold": "many"}, 0, 100, 1) == 99
    assert trial.slider_value({**CPU, "operator": "inside_range", "threshold": [10, 20]}, 0, 100, 1) == (10, 20)


def test_the_list_says_when_how_long_and_why():
    html = trial.fired_list(found(), SINCE)
    assert "12:05:00" in html
    assert "for 2 min" in html
    assert "it was high" in html
    assert "and 6 more" in html
