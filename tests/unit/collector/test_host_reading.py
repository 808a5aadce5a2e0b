"""A reading of this machine holds what the starter rules ask for."""

from datetime import UTC, datetime

from app.collector import Counters, Traffic, reading

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_reading_has_every_metric_with_the_host_and_its_time():
    before, after = Counters(0.0, {"eth0": Traffic(0, 0, 0)}), Counters(1.0, {"eth0": Traffic(10, 10, 0)})

    samples = reading("here", NOON, before, after)

    assert {sample["metric"] for sample in samples} == {
        "system.cpu.usage",
        "system.memory.usage",
        "system.memory.available_bytes",
        "system.swap.usage",
        "system.disk.usage",
        "system.load.1m",
        "system.load.5m",
        "system.load.15m",
        "system.load.per_core",
        "system.network.received_bytes_per_s",
        "system.network.sent_bytes_per_s",
        "system.network.errors_per_s",
    }
    assert {sample["labels"]["host"] for sample in samples} == {"here"}
    assert {sample["timestamp"] for sample in samples} == {"2026-01-01T12:00:00+00:00"}
    assert all(sample["value"] >= 0 for sample in samples)
    usages = [sample for sample in samples if sample["metric"] == "system.disk.usage"]
    assert "/" in {sample["labels"]["mountpoint"] for sample in usages}
    assert all(sample["value"] <= 100 for sample in usages)
