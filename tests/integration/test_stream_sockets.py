"""The WebSocket: messages to whoever is connected, kept for whoever is not, confirmed by the client."""

import pytest
import requests

from app.core.clock import utcnow
from app.core.live import SOCKETS, Event, append
from app.notifications import service
from app.telemetry import service as telemetry
from tests.conditions import eventually
from tests.integration.delivering import all_of, claim, deliver, make_websocket, plan, seconds, states, subject
from tests.integration.listening import serving, talking


@pytest.fixture
def address(app, runtime):
    make_websocket(runtime)
    with serving(app) as found:
        yield found


def about(status="ACTIVE", **more):
    return subject(status, **{"channels": ("websocket",), **more})


def round_of_delivery(runtime, *subjects):
    """What the delivery worker does: claim what can go now, send, record."""
    return deliver(runtime, *subjects, types=service.open_types(runtime))


def connected(runtime):
    eventually(lambda: "websocket" in service.open_types(runtime), what="a client to be seen")


def test_a_message_is_sent_and_confirmed(runtime, tokens, address):
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        plan(runtime, about())
        round_of_delivery(runtime, about())
        message = talker.next()
        [one] = eventually(lambda: all_of(runtime, states=("sent",)))
        assert (message["type"], message["id"], message["seq"]) == ("notification", one.id, 1)
        assert (message["kind"], message["title"], message["severity"]) == ("firing", "Disk full", "HIGH")
        assert message["subject"] == {"type": "alert", "id": "A1", "status": "ACTIVE", "version": 3}
        assert message["service"] == "db"
        assert one.delivered_at is None
        talker.say(type="ack", id=message["id"])
        [one] = eventually(lambda: all_of(runtime, states=("delivered",)))
        assert one.delivered_at is not None
        assert [tried.outcome for tried in one.attempts] == ["ok"]


def test_with_nobody_connected_it_waits_and_says_so(runtime, tokens, address):
    plan(runtime, about())
    assert not round_of_delivery(runtime, about()).sending
    [one] = all_of(runtime)
    assert (one.state, one.state_reason) == ("queued", "waits for a connected client")
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        round_of_delivery(runtime, about())
        assert talker.next()["id"] == one.id
        eventually(lambda: states(runtime) == [("firing", "sent")])


def test_what_waits_is_read_again_before_it_goes(runtime, tokens, address):
    plan(runtime, about())
    with talking(address, token=tokens["viewer"]):
        connected(runtime)
        assert not round_of_delivery(runtime, about("ACKNOWLEDGED")).sending
    assert states(runtime) == [("firing", "cancelled")]


def test_what_waits_expires(runtime, address):
    plan(runtime, about())
    claim(runtime, about(), now=all_of(runtime)[0].expires_at, types=service.open_types(runtime))
    assert states(runtime) == [("firing", "dead")]


def test_what_was_sent_and_not_confirmed_comes_again_at_the_next_connect(runtime, tokens, address):
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        plan(runtime, about(), about(id="A2"))
        round_of_delivery(runtime, about(), about(id="A2"))
        first, second = talker.next(), talker.next()
        talker.say(type="ack", id=first["id"])
        eventually(lambda: sorted(state for _, state in states(runtime)) == ["delivered", "sent"])
    with talking(address, token=tokens["viewer"]) as talker:
        again = talker.next()
        assert (again["id"], again["maybe_duplicate"]) == (second["id"], True)
        talker.say(type="ack", id=again["id"])
        eventually(lambda: {state for _, state in states(runtime)} == {"delivered"})


def test_a_beginning_and_its_end_come_in_order(runtime, tokens, address):
    plan(runtime, about())
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        round_of_delivery(runtime, about())
        plan(runtime, about("RESOLVED"))
        eventually(lambda: states(runtime)[0][1] == "sent")
        round_of_delivery(runtime, about("RESOLVED"))
        assert [(message["kind"], message["seq"]) for message in (talker.next(), talker.next())] == [
            ("firing", 1),
            ("resolved", 2),
        ]


def test_every_client_gets_it_once(runtime, tokens, address):
    with talking(address, token=tokens["viewer"]) as one, talking(address, token=tokens["admin"]) as two:
        connected(runtime)
        plan(runtime, about())
        round_of_delivery(runtime, about())
        first = one.next()
        assert two.next()["id"] == first["id"]
        append(runtime.redis, SOCKETS, [Event("notification", first["id"], first)])  # a repeat, after a lease ran out
        one.say(type="ping")
        assert one.next() == {"type": "pong"}


def test_a_message_that_no_client_took_goes_again(runtime, tokens, address):
    with talking(address, "?severity=LOW", tokens["viewer"]):
        connected(runtime)
        plan(runtime, about())
        round_of_delivery(runtime, about())
        [one] = all_of(runtime)
        assert (one.state, one.state_reason) == ("sending", "handed to the connected clients")
        later = one.updated_at + seconds(16)
        claimed = claim(runtime, about(), now=later, types=service.open_types(runtime))
        assert [sending.id for sending in claimed.sending] == [one.id]


def test_filters_can_be_changed(runtime, tokens, address):
    with talking(address, "?severity=LOW", tokens["viewer"]) as talker:
        talker.say(type="subscribe", severity=["HIGH"], service=["db"])
        assert talker.next() == {"type": "subscribed", "severity": ["HIGH"], "service": ["db"]}
        connected(runtime)
        subjects = [about(id="A1", severity="LOW"), about(id="A2"), about(id="A3", body={"service": "web"})]
        plan(runtime, *subjects)
        round_of_delivery(runtime, *subjects)
        assert talker.next()["subject"]["id"] == "A2"


def test_a_bad_message_is_answered_and_the_connection_stays(tokens, address):
    with talking(address, token=tokens["viewer"]) as talker:
        talker.socket.send("what?")
        assert talker.next() == {"type": "error", "detail": "a message is JSON"}
        talker.socket.send(b"\xff")
        assert talker.next()["type"] == "error"
        talker.say(type="ping")
        assert talker.next() == {"type": "pong"}


def test_confirming_what_never_was_changes_nothing(runtime, tokens, address):
    plan(runtime, about())
    [one] = all_of(runtime)
    with talking(address, token=tokens["viewer"]) as talker:
        talker.say(type="ack", id="unknown")
        talker.say(type="ack", id=one.id)
        talker.say(type="ping")
        assert talker.next() == {"type": "pong"}
    assert states(runtime) == [("firing", "queued")]


def test_only_viewers_with_a_good_token_or_ticket(client, headers, tokens, address):
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    for token, code in (("", 401), ("al_nonsense", 401), (tokens["ingest"], 403)):
        sent = {**handshake, "Authorization": f"Bearer {token}"}
        assert requests.get(f"http://{address}/notifications/ws", headers=sent, timeout=10).status_code == code
    ticket = client.post("/auth/stream-ticket", headers=headers("viewer")).json["ticket"]
    with talking(address, f"?ticket={ticket}") as talker:
        talker.say(type="ping")
        assert talker.next() == {"type": "pong"}


def test_a_test_of_the_channel_reaches_the_clients(client, headers, runtime, tokens, address):
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        assert client.post("/channels/websocket/test", headers=headers()).json["outcome"] == "handed"
        message = talker.next()
        assert (message["kind"], message["title"]) == ("test", "A test message")


def test_records_come_together(runtime, tokens, address):
    with talking(address, token=tokens["viewer"]) as talker:
        connected(runtime)
        subjects = [about(id=f"A{n}") for n in range(50)]
        plan(runtime, *subjects)
        round_of_delivery(runtime, *subjects)
        for _ in subjects:
            talker.say(type="ack", id=talker.next()["id"])
        eventually(lambda: {state for _, state in states(runtime)} == {"delivered"})


def test_a_socket_is_one_request_counted_when_it_begins(app, runtime, tokens, address):
    with talking(address, token=tokens["viewer"]):
        connected(runtime)
        app.extensions["alerting.traffic"].flush(utcnow())
        found, _ = telemetry.find_series(runtime.redis, "api.request.latency_ms", (), 10)
        assert "/notifications/ws" in {one.series.labels["route"] for one in found}
