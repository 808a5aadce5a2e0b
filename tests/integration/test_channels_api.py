"""Channels over HTTP: made, read with secrets masked, changed, tested, deleted."""

from app.core.clock import utcnow
from app.notifications import service
from tests.integration.delivering import all_of, make_websocket, plan, subject
from tests.receivers.answering import answering, silence, status

HOOK = {"id": "hook", "name": "Our hook", "type": "webhook", "settings": {"url": "https://example.org/x"}}
SECRETS = {"secret": "the secret", "headers": {"Authorization": "Bearer hidden"}, "timeout": "5s"}


def make(client, headers, **more):
    answer = client.post("/channels", json={**HOOK, **more}, headers=headers())
    assert answer.status_code == 201, answer.json
    return answer.json


def test_a_channel_is_made_and_read_with_its_secrets_masked(client, headers):
    made = make(client, headers, settings={**HOOK["settings"], **SECRETS}, default=True)
    assert made["id"] == "hook"
    assert (made["enabled"], made["default"], made["version"]) == (True, True, 1)
    assert made["settings"] == {
        "url": "https://example.org/x",
        "secret": "********",
        "headers": {"Authorization": "********"},
        "timeout": "5s",
    }
    read = client.get("/channels/hook", headers=headers("viewer"))
    assert read.json == made
    assert client.get("/channels", headers=headers("viewer")).json == {"items": [made], "next_cursor": None}


def test_an_id_is_made_when_none_is_given(client, headers):
    made = make(client, headers, id=None)
    assert client.get(f"/channels/{made['id']}", headers=headers()).json["name"] == "Our hook"


def test_ids_and_names_are_taken_once(client, headers):
    make(client, headers)
    assert client.post("/channels", json={**HOOK, "name": "Other"}, headers=headers()).status_code == 409
    assert client.post("/channels", json={**HOOK, "id": "other"}, headers=headers()).status_code == 409
    make(client, headers, id="third", name="Third")
    assert client.patch("/channels/third", json={"name": "Our hook"}, headers=headers()).status_code == 409


def test_types_to_come_say_what_is_there(client, headers):
    for type_ in ("email", "slack", "pager"):
        answer = client.post("/channels", json={"name": "x", "type": type_}, headers=headers())
        assert answer.status_code == 422
        assert "supported are webhook, websocket" in answer.json["errors"]["type"][0]


def test_bad_settings_are_refused_by_name(client, headers):
    answer = client.post(
        "/channels", json={**HOOK, "settings": {"url": "file:///etc", "secert": "x"}}, headers=headers()
    )
    assert answer.status_code == 422
    assert set(answer.json["errors"]["settings"]) == {"url", "secert"}


def test_a_patch_changes_what_it_names(client, headers):
    make(client, headers, settings={**HOOK["settings"], **SECRETS})
    changed = client.patch("/channels/hook", json={"enabled": False, "settings": {"timeout": None}}, headers=headers())
    assert changed.status_code == 200
    assert (changed.json["enabled"], changed.json["version"]) == (False, 2)
    assert changed.json["settings"] == {
        "url": "https://example.org/x",
        "secret": "********",
        "headers": {"Authorization": "********"},
    }
    again = client.patch("/channels/hook", json={"enabled": False}, headers=headers())
    assert (again.status_code, again.json["version"]) == (200, 2)


def test_a_put_replaces_all_and_keeps_masked_secrets(client, headers, runtime):
    make(client, headers, settings={**HOOK["settings"], **SECRETS})
    body = {"name": "New", "type": "webhook", "settings": {"url": "https://example.org/y", "secret": "********"}}
    changed = client.put("/channels/hook", json=body, headers=headers()).json
    assert changed["settings"] == body["settings"]
    with runtime.reading() as session:
        assert runtime.secrets.decrypt(service.channel(session, "hook").sealed) == '{"secret":"the secret"}'


def test_a_stale_version_is_refused(client, headers):
    make(client, headers)
    assert (
        client.patch("/channels/hook", json={"name": "B", "expected_version": 1}, headers=headers()).status_code == 200
    )
    stale = client.patch("/channels/hook", json={"name": "C", "expected_version": 1}, headers=headers())
    assert stale.status_code == 409
    assert client.delete("/channels/hook?expected_version=1", headers=headers()).status_code == 409
    assert client.delete("/channels/hook?expected_version=2", headers=headers()).status_code == 204
    assert client.get("/channels/hook", headers=headers()).status_code == 404


def test_a_channel_keeps_its_type(client, headers):
    make(client, headers)
    assert client.patch("/channels/hook", json={"type": "websocket"}, headers=headers()).status_code == 422


def test_the_websocket_channel_exists_once_and_stays(client, headers, runtime):
    with runtime.transaction() as session:
        assert service.ensure_default_channels(session, utcnow()) == ["websocket"]
        assert service.ensure_default_channels(session, utcnow()) == []
    assert client.get("/channels/websocket", headers=headers()).json["type"] == "websocket"
    assert client.delete("/channels/websocket", headers=headers()).status_code == 409
    assert client.patch("/channels/websocket", json={"enabled": False}, headers=headers()).status_code == 200


def test_roles(client, headers):
    make(client, headers)
    for role in ("viewer", "responder"):
        assert client.get("/channels", headers=headers(role)).status_code == 200
        assert client.post("/channels", json=HOOK, headers=headers(role)).status_code == 403
        assert client.patch("/channels/hook", json={}, headers=headers(role)).status_code == 403
        assert client.post("/channels/hook/test", headers=headers(role)).status_code == 403
    assert client.get("/channels", headers=headers("ingest")).status_code == 403
    assert client.get("/channels").status_code == 401


def test_a_test_is_really_sent_and_answers_with_the_try(client, headers):
    with answering(status(200, b"hello"), status(404)) as receiver:
        make(client, headers, settings={"url": receiver.url})
        first = client.post("/channels/hook/test", headers=headers()).json
        assert (first["n"], first["outcome"], first["status"], first["response"]) == (1, "ok", 200, "hello")
        assert client.post("/channels/hook/test", headers=headers()).json["outcome"] == "permanent"
        assert receiver.bodies[0]["kind"] == "test"


def test_a_test_of_a_receiver_that_says_nothing(client, headers):
    with answering(silence) as receiver:
        make(client, headers, settings={"url": receiver.url, "timeout": "1s"})
        tried = client.post("/channels/hook/test", headers=headers()).json
    assert (tried["outcome"], tried["error"], tried["status"]) == ("ambiguous", "no answer within 1s", None)


def test_a_test_of_the_websocket_says_when_nobody_is_there(client, headers, runtime):
    make_websocket(runtime)
    assert client.post("/channels/websocket/test", headers=headers()).json["outcome"] == "waiting"


def test_the_same_key_makes_one_channel(client, headers):
    keyed = headers(**{"Idempotency-Key": "k1"})
    first = client.post("/channels", json={**HOOK, "id": None}, headers=keyed)
    assert client.post("/channels", json={**HOOK, "id": None}, headers=keyed).json == first.json


def test_a_channel_named_by_its_name_is_told(client, headers, runtime):
    make(client, headers)
    plan(runtime, subject(channels=("Our hook",)))
    assert [one.channel for one in all_of(runtime)] == ["hook"]


def test_pages_of_channels(client, headers):
    for n in range(3):
        make(client, headers, id=f"c{n}", name=f"C{n}")
    first = client.get("/channels?limit=2", headers=headers()).json
    rest = client.get(f"/channels?limit=2&cursor={first['next_cursor']}", headers=headers()).json
    assert sorted(one["id"] for one in first["items"] + rest["items"]) == ["c0", "c1", "c2"]
    assert rest["next_cursor"] is None
