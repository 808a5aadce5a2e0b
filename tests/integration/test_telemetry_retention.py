"""The window store forgets by itself, and the registry with it."""

from datetime import UTC, datetime, timedelta

import pytest

from app.telemetry import service
from app.telemetry.domain import Sample, Window

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def receive(runtime):
    def send(*samples, now=NOW):
        assert service.receive(runtime.redis, samples, now, runtime.settings) == {}

    return send


def test_every_chunk_expires_after_the_retention(receive, runtime):
    receive(*(Sample("cpu", {}, NOW - timedelta(minutes=n), 1.0) for n in range(0, 60, 3)))
    kept = (runtime.settings.retention_samples + timedelta(minutes=5)).total_seconds()
    chunks = list(runtime.redis.scan_iter("sample:*"))
    assert 12 <= len(chunks) <= 13
    assert all(kept - 60 < runtime.redis.ttl(key) <= kept + 1 for key in chunks)


def test_a_sample_takes_twelve_bytes(receive, runtime):
    receive(*(Sample("cpu", {}, NOW + timedelta(milliseconds=n), 1.0) for n in range(100)))
    assert sum(runtime.redis.strlen(key) for key in runtime.redis.scan_iter("sample:*")) == 1200


def test_a_series_that_went_silent_is_forgotten_and_one_that_sends_is_not(receive, runtime):
    receive(
        Sample("cpu", {"host": "old"}, NOW - timedelta(hours=3), 1.0), Sample("gone", {}, NOW - timedelta(hours=3), 1)
    )
    receive(Sample("cpu", {"host": "new"}, NOW, 1.0))
    later = NOW - timedelta(hours=2) + runtime.settings.retention_samples
    assert service.forget_silent(runtime.redis, later, runtime.settings) == 2
    found, truncated = service.find_series(runtime.redis, None, (), 10)
    assert [dict(one.series.labels) for one in found] == [{"host": "new"}]
    assert truncated is False
    assert service.forget_silent(runtime.redis, later, runtime.settings) == 0


def test_a_late_sample_does_not_make_its_series_look_silent(receive, runtime):
    receive(Sample("cpu", {}, NOW, 1.0))
    receive(Sample("cpu", {}, NOW - timedelta(hours=2), 2.0))
    (found,), _ = service.find_series(runtime.redis, "cpu", (), 10)
    assert found.last_seen_at == NOW


def test_another_process_reads_what_one_wrote(receive, other_runtime):
    receive(Sample("cpu", {"host": "a"}, NOW, 4.5))
    found = service.windows(other_runtime.redis, [Window("cpu", (), timedelta(minutes=1))], NOW)
    assert [dict(one.labels) for one in found.series] == [{"host": "a"}]
    assert found.values.tolist() == [4.5]


def test_arrivals_are_handed_out_once_and_at_most_as_many_as_asked_for(receive, runtime):
    receive(*(Sample("cpu", {"host": str(n)}, NOW, 1.0) for n in range(5)), Sample("cpu", {"host": "0"}, NOW, 2.0))
    taken = [service.take_arrivals(runtime.redis, 3) for _ in range(3)]
    assert [len(one) for one in taken] == [3, 2, 0]
    assert {series.labels["host"] for one in taken for series in one} == set("01234")
