"""What clients of the WebSocket may say, what a filter lets through, and a client that does not read."""

import json

import pytest

from app.core.clock import monotonic, utcnow
from app.streaming.hub import BUFFER, STALLED_S, Client, Wanted, new_item
from app.streaming.sockets import Ack, Ping, Unclear, parse_message


@pytest.mark.parametrize(
    "raw, said",
    [
        ('{"type":"ack","id":"N1"}', Ack("N1")),
        (b'{"type":"ping"}', Ping()),
        ('{"type":"subscribe"}', Wanted()),
        (
            '{"type":"subscribe","severity":["page","HIGH"],"service":["db"]}',
            Wanted(frozenset({"CRITICAL", "HIGH"}), frozenset({"db"})),
        ),
        ('{"type":"subscribe","severity":"high,low"}', Wanted(frozenset({"HIGH", "LOW"}))),
    ],
)
def test_what_a_client_says(raw, said):
    assert parse_message(raw) == said


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "hello",
        "[]",
        "5",
        "null",
        '{"type":"ack"}',
        '{"type":"ack","id":5}',
        '{"type":"ack","id":""}',
        '{"type":"fly"}',
        '{"type":{}}',
        '{"type":"subscribe","severity":["awful"]}',
        '{"type":"subscribe","service":{"a":1}}',
        b"\xff\xfe",
        None,
    ],
)
def test_what_cannot_be_understood_is_answered(raw):
    assert isinstance(parse_message(raw), Unclear)


def test_a_filter_lets_through_what_it_names():
    wanted = Wanted(frozenset({"HIGH"}), frozenset({"db"}))
    assert wanted.lets({"severity": "HIGH", "service": "db"})
    assert not wanted.lets({"severity": "HIGH", "service": "web"})
    assert not wanted.lets({"severity": "LOW", "service": "db"})
    assert not wanted.lets({})
    assert Wanted().lets({})


def client(kind="sse", **more):
    return Client(kind, "token:a", "::1", utcnow(), more.pop("cut", lambda: None), **more)


ITEM = new_item("1-0", "alert.opened", "A1", {}, "{}")


def fill(one):
    for _ in range(BUFFER):
        one.offer(ITEM)


def test_a_client_that_does_not_read_is_cut_off_at_its_buffer():
    cuts = []
    deaf = client(cut=lambda: cuts.append(1), took_at=monotonic() - STALLED_S - 1)
    fill(deaf)
    assert not deaf.dropped
    deaf.offer(ITEM)
    deaf.offer(ITEM)
    assert deaf.dropped
    assert cuts == [1]
    assert deaf.waiting.qsize() == BUFFER


def test_a_burst_larger_than_the_buffer_leaves_a_reader_behind_but_connected():
    reader = client()
    fill(reader)
    reader.offer(ITEM)
    assert (reader.behind, reader.dropped) == (True, False)
    assert len(reader.take(0.01)) == 100
    reader.offer(ITEM)
    assert reader.waiting.qsize() == BUFFER - 100


def test_a_socket_has_no_replay_so_a_full_buffer_ends_it():
    full = client("websocket")
    fill(full)
    full.offer(ITEM)
    assert full.dropped


def test_a_frame_keeps_separators_that_json_may_hold():
    text = json.dumps({"name": "a\u2028b\x85c"}, ensure_ascii=False)
    item = new_item("1-0", "alert.opened", "A1", {}, text)
    assert item.frame.decode() == f"event: alert.opened\nid: 1-0\ndata: {text}\n\n"
