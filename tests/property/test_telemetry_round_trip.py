"""What is written into the window store comes back: in order, once a time, in any number of batches."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.core.labels import parse_matcher
from app.settings import Settings
from app.telemetry import service
from app.telemetry.domain import Sample, Window, milliseconds

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTINGS = Settings()
SAMPLES = st.lists(
    st.builds(
        Sample,
        metric=st.sampled_from(["cpu", "queue"]),
        labels=st.sampled_from([{}, {"host": "a"}, {"host": "b"}, {"host": "ü\n\"'"}]),
        # Whole seconds over several chunks, so that times meet; and a little of the future.
        at=st.integers(-30, 900).map(lambda ago: NOW - timedelta(seconds=ago)),
        value=st.floats(allow_nan=False, allow_infinity=False),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def redis(redis_url):
    with Redis.from_url(redis_url) as client:
        yield client


def expected(samples, metric, labels, length):
    """Time -> value of the samples in (NOW - length, NOW], the last written winning."""
    chosen = [one for one in samples if one.metric == metric and one.labels == labels and NOW - length < one.at <= NOW]
    return dict(sorted((milliseconds(one.at), one.value) for one in {one.at: one for one in chosen}.values()))


def read(redis, metric, matchers, length):
    found = service.windows(redis, [Window(metric, matchers, length)], NOW)
    answer = {}
    for position in found.selected[0]:
        times = found.times[found.starts[position] : found.starts[position + 1]].tolist()
        values = found.values[found.starts[position] : found.starts[position + 1]].tolist()
        assert times == sorted(set(times))
        first, last = milliseconds(NOW - length), milliseconds(NOW)
        inside = {at: value for at, value in zip(times, values, strict=True) if first < at <= last}
        answer[tuple(found.series[position].labels.items())] = inside
    return answer


@given(st.lists(SAMPLES, max_size=4), st.integers(1, 900))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_windows_hold_what_was_written(redis, batches, seconds):
    redis.flushdb()
    for batch in batches:
        assert service.receive(redis, batch, NOW, SETTINGS) == {}
    written = [sample for batch in batches for sample in batch]
    length = timedelta(seconds=seconds)
    for metric in ("cpu", "queue"):
        hosts = {tuple(one.labels.items()): one.labels for one in written if one.metric == metric}
        found = read(redis, metric, (), length)
        assert found == {key: expected(written, metric, labels, length) for key, labels in hosts.items()}


@given(SAMPLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_batch_sent_again_changes_nothing(redis, batch):
    redis.flushdb()
    service.receive(redis, batch, NOW, SETTINGS)
    day = timedelta(minutes=15)
    before = [read(redis, metric, (), day) for metric in ("cpu", "queue")]
    service.receive(redis, batch, NOW, SETTINGS)
    assert [read(redis, metric, (), day) for metric in ("cpu", "queue")] == before


@given(SAMPLES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_many_windows_at_once_are_what_each_is_alone(redis, batch):
    redis.flushdb()
    service.receive(redis, batch, NOW, SETTINGS)
    wanted = [
        Window("cpu", (), timedelta(minutes=10)),
        Window("cpu", (parse_matcher('host="a"'),), timedelta(seconds=10)),
        Window("queue", (parse_matcher('host!="a"'),), timedelta(minutes=3)),
        Window("nobody.sends", (), timedelta(minutes=3)),
    ]
    together = service.windows(redis, wanted, NOW)
    for position, window in enumerate(wanted):
        labels = [dict(together.series[one].labels) for one in together.selected[position]]
        alone = service.windows(redis, [window], NOW)
        assert sorted(labels, key=str) == sorted((dict(one.labels) for one in alone.series), key=str)
