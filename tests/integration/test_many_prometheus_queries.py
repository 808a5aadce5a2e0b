"""Many queries at once: bounded, fair among servers, and a dead server costs one time-out."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from app.telemetry.datasources.domain import Datasource, QueryFailed, SourceFailed
from app.telemetry.prometheus import Answer, Asked, Sessions, ask_all
from tests.conditions import eventually
from tests.receivers.answering import silence
from tests.receivers.answering import status as reply
from tests.receivers.prometheus import failure, prometheus, scalar

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def opened():
    with Sessions() as made:
        yield made


def source(server, id_="p", timeout=5.0):
    return Datasource(id_, id_, server.url, timedelta(seconds=timeout))


def test_every_query_is_answered_at_its_position(opened):
    with prometheus({f"q{n}": scalar(str(n)) for n in range(40)}) as server:
        asked = [Asked(source(server), f"q{n}") for n in range(40)]
        found = dict(ask_all(opened, asked, AT, 10))
    assert found == {n: [Answer({}, float(n))] for n in range(40)}


def test_nothing_asked_is_nothing_answered(opened):
    assert list(ask_all(opened, [], AT, 10)) == []


def test_no_more_than_so_many_are_under_way(opened):
    together = threading.Barrier(3)

    def with_two_others(handler):
        together.wait(10)  # broken, and so the test, unless three are under way at once
        reply(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')(handler)

    with prometheus({"q": with_two_others}) as server:
        found = dict(ask_all(opened, [Asked(source(server), "q")] * 9, AT, 3))
        assert all(outcome == [Answer({}, 1.0)] for outcome in found.values())
        assert server.n_most_open == 3


def test_a_bad_query_fails_alone(opened):
    with prometheus({"q": scalar("1"), "bad": failure(400, "bad_data", "parse error")}) as server:
        asked = [Asked(source(server), query) for query in ("q", "bad", "q", "bad", "q")]
        found = dict(ask_all(opened, asked, AT, 1))
    assert [isinstance(found[n], QueryFailed) for n in range(5)] == [False, True, False, True, False]


def test_a_silent_server_costs_one_time_out_and_the_rest_fail_with_its_message(opened):
    with prometheus({"q": silence}) as server:
        asked = [Asked(source(server, timeout=0.3), "q")] * 30
        found = dict(ask_all(opened, asked, AT, 4))
        assert len(server.asked) == 4
    assert sorted(found) == list(range(30))
    assert {str(outcome) for outcome in found.values()} == {"data source p: no answer within 300ms"}


def test_other_servers_go_on_while_one_is_silent(opened):
    with prometheus({"slow": silence}) as dead, prometheus({"q": scalar("1")}) as well:
        asked = [Asked(source(dead, "dead", 2.0), "slow")] * 20 + [Asked(source(well, "well"), "q")] * 20
        answers = ask_all(opened, asked, AT, 4)
        first = [next(answers) for _ in range(20)]
        # All that the other server was asked is answered before the silent one has used up its time.
        assert sorted(position for position, _ in first) == list(range(20, 40))
        assert dead.n_most_open == 2
        rest = dict(answers)
    assert sorted(rest) == list(range(20))
    assert all(isinstance(outcome, SourceFailed) for outcome in rest.values())


def test_the_last_server_that_has_queries_left_may_use_all(opened):
    together = threading.Barrier(4)

    def with_three_others(handler):
        together.wait(10)
        reply(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')(handler)

    with prometheus({"q": with_three_others}) as many, prometheus({"r": scalar("1")}) as few:
        asked = [Asked(source(few, "few"), "r"), *[Asked(source(many, "many"), "q")] * 8]
        found = dict(ask_all(opened, asked, AT, 4))
    assert all(outcome == [Answer({}, 1.0)] for outcome in found.values())


def test_a_query_that_the_server_gives_up_fails_alone(opened):
    with prometheus({"q": scalar("1"), "heavy": failure(503, "timeout", "query timed out")}) as server:
        asked = [Asked(source(server), query) for query in ("q", "heavy", "q", "heavy", "q")]
        found = dict(ask_all(opened, asked, AT, 1))
    assert [isinstance(found[n], SourceFailed) for n in range(5)] == [False, True, False, True, False]


def test_a_server_that_gives_up_one_query_after_the_other_is_left_alone(opened):
    with prometheus({"heavy": failure(503, "timeout", "query timed out")}) as server:
        found = dict(ask_all(opened, [Asked(source(server), "heavy")] * 10, AT, 1))
        assert len(server.asked) == 2
    assert all("query timed out" in str(outcome) for outcome in found.values())


def test_a_query_that_takes_too_long_fails_alone_while_others_are_answered(opened):
    with prometheus({"heavy": silence, "q": scalar("1")}) as server:
        answered_since = threading.Event()

        def late(handler):
            answered_since.wait(10)
            reply(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')(handler)

        server.answers["late"] = late
        asked = [Asked(source(server, timeout=0.3), "heavy")]
        asked += [Asked(source(server, timeout=10), query) for query in ("q", "late", "q", "q")]
        found = {}
        for position, outcome in ask_all(opened, asked, AT, 2):
            found[position] = outcome
            if position == 0:
                answered_since.set()
    assert [isinstance(found[n], SourceFailed) for n in range(5)] == [True, False, False, False, False]


def test_whoever_stops_listening_leaves_nothing_under_way(opened):
    with prometheus({f"q{n}": scalar("1") for n in range(10)}) as server:
        answers = ask_all(opened, [Asked(source(server), f"q{n}") for n in range(10)], AT, 2)
        next(answers)
        answers.close()
        eventually(lambda: server.n_open == 0, what="the queries under way to end")
        assert len(server.asked) < 10


def test_sessions_are_kept_from_one_batch_to_the_next(opened):
    with prometheus({"q": scalar("1")}) as server:
        for _ in range(3):
            list(ask_all(opened, [Asked(source(server), "q")] * 6, AT, 2))
        assert len(server.connections) <= 2
