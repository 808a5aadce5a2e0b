"""Messages over HTTP: listed with their tries, sent again, summed up per channel."""

import pytest

from app.core.clock import utcnow
from tests.integration.delivering import all_of, deliver, make_channel, make_websocket, plan, subject
from tests.receivers.answering import answering, status


@pytest.fixture
def dead(runtime):
    """A firing notice that its receiver refused, and the receiver, which takes everything from now on."""
    with answering(status(404, b"no hook"), status(200)) as receiver:
        make_channel(runtime, receiver.url)
        plan(runtime, subject())
        deliver(runtime, subject())
        yield receiver


def get(client, headers, path):
    answer = client.get(path, headers=headers("viewer"))
    assert answer.status_code == 200, answer.json
    return answer.json


def test_a_message_is_shown_with_its_tries(client, headers, dead):
    [one] = get(client, headers, "/notifications")["items"]
    assert get(client, headers, f"/notifications/{one['id']}") == one
    assert (one["state"], one["kind"], one["channel"], one["alert_id"]) == ("dead", "firing", "hook", "A1")
    assert one["dead_reason"] == "refused for good: HTTP 404"
    assert one["attempts"][0]["response"] == "no hook"
    assert one["next_attempt_at"] is None
    assert client.get("/notifications/unknown", headers=headers()).status_code == 404


def test_a_message_names_its_channel_while_that_exists(client, headers, runtime, dead):
    client.patch("/channels/hook", json={"name": "Our hook"}, headers=headers())
    [one] = get(client, headers, "/notifications")["items"]
    assert (one["channel"], one["channel_name"]) == ("hook", "Our hook")
    assert client.delete("/channels/hook", headers=headers()).status_code == 204
    [one] = get(client, headers, "/notifications")["items"]
    assert (one["channel"], one["channel_name"]) == ("hook", None)


def test_filters(client, headers, runtime, dead):
    make_websocket(runtime)
    plan(runtime, subject(id="A2", channels=("hook", "websocket")))

    def ids(query):
        return sorted(
            (one["alert_id"], one["channel"]) for one in get(client, headers, f"/notifications?{query}")["items"]
        )

    assert ids("state=dead") == [("A1", "hook")]
    assert ids("state=dead,queued&channel=hook") == [("A1", "hook"), ("A2", "hook")]
    assert ids("channel=websocket") == [("A2", "websocket")]
    assert ids("alert_id=A2&kind=firing") == [("A2", "hook"), ("A2", "websocket")]
    assert ids("kind=resolved") == []
    for query in ("state=lost", "knid=firing", "cursor=x", "limit=0"):
        assert client.get(f"/notifications?{query}", headers=headers()).status_code == 422


def test_pages(client, headers, runtime):
    make_channel(runtime, "http://127.0.0.1:9/")
    plan(runtime, *[subject(id=f"A{n}") for n in range(5)])
    seen, cursor = [], ""
    while cursor is not None:
        page = get(client, headers, f"/notifications?limit=2&cursor={cursor}" if cursor else "/notifications?limit=2")
        seen += [one["alert_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == ["A0", "A1", "A2", "A3", "A4"]


def test_a_dead_message_goes_again_as_a_new_one(client, headers, runtime, dead):
    [first] = all_of(runtime)
    made = client.post(f"/notifications/{first.id}/redrive", headers=headers("responder"))
    assert made.status_code == 201
    assert (made.json["redrive_of"], made.json["state"], made.json["attempts"]) == (first.id, "queued", [])
    again = client.post(f"/notifications/{first.id}/redrive", headers=headers("responder"))
    assert (again.status_code, again.json["id"]) == (200, made.json["id"])
    deliver(runtime, subject())
    assert [one.state for one in all_of(runtime)] == ["dead", "delivered"]
    assert dead.bodies[-1]["id"] == made.json["id"]


def test_only_the_dead_go_again(client, headers, runtime):
    make_channel(runtime, "http://127.0.0.1:9/")
    plan(runtime, subject())
    [one] = all_of(runtime)
    answer = client.post(f"/notifications/{one.id}/redrive", headers=headers())
    assert (answer.status_code, answer.json["current"]) == (409, "queued")
    assert client.post("/notifications/unknown/redrive", headers=headers()).status_code == 404
    assert client.post(f"/notifications/{one.id}/redrive", headers=headers("viewer")).status_code == 403


def test_all_the_dead_of_a_filter_go_again_once(client, headers, runtime):
    with answering(status(404)) as receiver:
        make_channel(runtime, receiver.url)
        make_channel(runtime, receiver.url, "other")
        subjects = [subject(id=f"A{n}", channels=("hook", "other")) for n in range(3)]
        plan(runtime, *subjects)
        deliver(runtime, *subjects)

    def redrive(**wanted):
        return client.post("/notifications/redrive", json={"filter": wanted}, headers=headers("responder")).json

    first = redrive(state="dead", channel="hook")
    assert (first["redriven"], first["skipped"]) == (3, 0)
    assert {one["status"] for one in first["results"]} == {"redriven"}
    assert redrive(channel="hook")["redriven"] == 0
    assert redrive()["redriven"] == 3
    assert client.post("/notifications/redrive", json={}, headers=headers()).status_code == 422
    state = {"filter": {"state": "queued"}}
    assert client.post("/notifications/redrive", json=state, headers=headers()).status_code == 422


def test_what_cannot_go_again_says_why(client, headers, runtime, dead):
    [one] = all_of(runtime)
    client.patch("/channels/hook", json={"enabled": False}, headers=headers())
    answer = client.post(f"/notifications/{one.id}/redrive", headers=headers())
    assert (answer.status_code, answer.json["detail"]) == (409, "it cannot go again: the channel hook is disabled")
    many = client.post("/notifications/redrive", json={"filter": {}}, headers=headers()).json
    assert [(one["status"], one["reason"]) for one in many["results"]] == [("skipped", "the channel hook is disabled")]


def test_health_of_each_channel(client, headers, runtime, dead):
    make_websocket(runtime)
    now = utcnow()
    plan(runtime, subject(id="A2"), subject(id="A3"), now=now)
    deliver(runtime, subject(id="A2"), subject(id="A3"), limit=1)
    health = {one["channel"]: one for one in get(client, headers, "/notifications/health")["items"]}
    hook = health["hook"]
    assert (hook["queue_depth"], hook["queued"], hook["sending"]) == (1, 1, 0)
    assert hook["oldest_waiting_at"] is not None
    assert (hook["succeeded_last_hour"], hook["dead_last_hour"], hook["success_rate"]) == (1, 1, 0.5)
    assert hook["last_error"] == "HTTP 404"
    assert (health["websocket"]["queue_depth"], health["websocket"]["success_rate"]) == (0, None)
