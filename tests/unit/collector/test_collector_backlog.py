"""Readings wait for an API that is away, and are forgotten after five minutes."""

from datetime import UTC, datetime, timedelta

from app.collector import BATCH, KEPT_FOR, Backlog

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def sample(value):
    return {"metric": "m", "value": value}


def test_the_oldest_go_first_and_not_more_than_the_api_takes():
    backlog = Backlog()
    backlog.add([sample(n) for n in range(BATCH + 5)], NOON)

    first = backlog.batch()
    backlog.drop(len(first))

    assert [one["value"] for one in first] == list(range(BATCH))
    assert [one["value"] for one in backlog.batch()] == list(range(BATCH, BATCH + 5))


def test_what_was_not_dropped_is_sent_again():
    backlog = Backlog()
    backlog.add([sample(1)], NOON)

    assert backlog.batch() == backlog.batch()


def test_it_forgets_what_is_too_old():
    backlog = Backlog()
    backlog.add([sample(1)], NOON)
    backlog.add([sample(2)], NOON + KEPT_FOR)
    assert len(backlog.batch()) == 2

    backlog.add([sample(3)], NOON + KEPT_FOR + timedelta(seconds=1))

    assert [one["value"] for one in backlog.batch()] == [2, 3]
