"""Network readings are differences of counters over the time between them."""

from app.collector import Counters, Traffic, rates


def found(before, after):
    return {(metric.rpartition(".")[2], interface): value for metric, interface, value in rates(before, after)}


def test_counters_become_rates_per_second():
    before = Counters(10.0, {"eth0": Traffic(1_000, 500, 0)})
    after = Counters(15.0, {"eth0": Traffic(6_000, 500, 10)})

    assert found(before, after) == {
        ("received_bytes_per_s", "eth0"): 1000.0,
        ("sent_bytes_per_s", "eth0"): 0.0,
        ("errors_per_s", "eth0"): 2.0,
    }


def test_an_interface_that_is_new_or_counts_anew_has_no_rate_yet():
    before = Counters(0.0, {"eth0": Traffic(9_000, 9_000, 0)})
    after = Counters(5.0, {"eth0": Traffic(10, 9_000, 0), "wlan0": Traffic(1, 1, 0)})

    assert found(before, after) == {}


def test_no_time_no_rate():
    counters = Counters(1.0, {"eth0": Traffic(1, 1, 1)})

    assert found(counters, counters) == {}
