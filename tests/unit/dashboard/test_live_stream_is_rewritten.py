"""The API's events reach the page as unnamed events that carry their kind; its comments as a sign of life."""

import asyncio
import json

import pytest

from dashboard.live import rewritten


def rewrite(text, size=10_000):
    """What the stream `text` becomes, when it comes in chunks of `size`."""

    async def chunks():
        for start in range(0, len(text), size):
            yield text[start : start + size].encode()

    async def collect():
        return b"".join([piece async for piece in rewritten(chunks())]).decode()

    return asyncio.run(collect())


def test_an_event_keeps_its_id_and_its_kind_moves_into_the_data():
    out = rewrite('id: 5-1\nevent: alert.opened\ndata: {"id":"a","name":"x: y"}\n\n')
    assert out.endswith("\n\n")
    assert "event:" not in out
    assert out.startswith("id: 5-1\n")
    carried = json.loads(out.split("data: ", 1)[1])
    assert carried == {"kind": "alert.opened", "data": {"id": "a", "name": "x: y"}}


def test_an_event_without_a_name_is_a_message():
    assert json.loads(rewrite("data: {}\n\n").removeprefix("data: ")) == {"kind": "message", "data": {}}


def test_a_kind_does_not_leak_into_the_next_event():
    out = rewrite("event: resync\ndata: {}\n\ndata: {}\n\n")
    assert [json.loads(line.removeprefix("data: "))["kind"] for line in out.split("\n") if line] == [
        "resync",
        "message",
    ]


def test_a_comment_becomes_a_ping_and_retry_is_passed_on():
    assert rewrite("retry: 2000\n: hi\n\n") == "retry: 2000\nevent: ping\ndata: {}\n\n"


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_where_the_network_cuts_the_stream_makes_no_difference(size):
    first = 'retry: 2000\n: hi\n\nid: 1\nevent: alert.opened\ndata: {"id":"a"}\n\n'
    text = first + ': ping\n\nid: 2\ndata: {"name":"\u00fc"}\n\n'
    assert rewrite(text, size) == rewrite(text)


def test_an_event_that_is_not_whole_yet_waits():
    assert rewrite('data: {"id":"a"}\n') == ""
