"""The guard in front of the dashboard, and the cookie that it looks at."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from dashboard import sessions
from dashboard.sessions import Guard, cookie_name, local_path, seal, unseal


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """A key and a port of this test's own."""
    monkeypatch.setenv("ALERTING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ALERTING_DASHBOARD_PORT", "9999")
    forget()
    yield tmp_path / "home"
    forget()


def forget():
    """Read settings and key anew, as a new process does."""
    sessions.settings.cache_clear()
    sessions._box.cache_clear()


async def _inside(request):
    return PlainTextResponse("inside")


async def _socket(websocket):
    await websocket.accept()


def guarded():
    """An application that lets everybody in, behind the guard."""
    routes = [WebSocketRoute("/_stcore/stream", _socket), Route("/{path:path}", _inside)]
    return Guard(Starlette(routes=routes))


def get(path, **kwargs):
    """The guarded application's answer."""

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guarded()), base_url="http://dash") as client:
            return await client.get(path, **kwargs)

    return asyncio.run(ask())


def signed(**headers):
    """The headers of somebody who is signed in."""
    return {"cookie": f"{cookie_name()}={seal('the-token')}", **headers}


def test_a_page_sends_strangers_to_the_sign_in_page_and_back_afterwards():
    answer = get("/alert?id=a%20b&x=1", headers={"sec-fetch-mode": "navigate", "sec-fetch-site": "none"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Falert%3Fid%3Da%2520b%26x%3D1"
    assert get("/").headers["location"] == "/sign-in"


def test_whoever_is_signed_in_gets_in():
    assert get("/alert?id=1", headers=signed()).text == "inside"


@pytest.mark.parametrize("path", ["/live/alerts", "/_stcore/upload_file", "/media/x", "/_stcore/host-config"])
def test_what_pages_fetch_is_refused_without_a_redirect(path):
    assert get(path, headers={"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}).status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/_stcore/health", "/static/js/index.js", "/icon.svg", "/favicon.png"])
def test_the_way_in_is_open(path):
    assert get(path).text == "inside"


def test_a_link_from_elsewhere_is_loaded_again_from_here_so_that_the_strict_cookie_comes_along():
    answer = get("/alert?id=1", headers={"sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize(("cookie", "allowed"), [("", False), ("signed", True)])
def test_the_websocket_needs_a_session_too(cookie, allowed):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in (signed() if cookie else {}).items()]
    scope = {
        "type": "websocket",
        "path": "/_stcore/stream",
        "headers": headers,
        "query_string": b"",
        "subprotocols": [],
    }
    asyncio.run(guarded()(scope, receive, send))
    assert [message["type"] for message in sent] == (["websocket.accept"] if allowed else ["websocket.close"])
    if not allowed:
        assert sent[0]["code"] == 4401


def test_the_cookie_hides_the_token_and_survives_a_restart(own_home):
    sealed = seal("the-token")
    assert "the-token" not in sealed
    forget()
    assert unseal(sealed) == "the-token"
    assert (own_home / "dashboard_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", [None, "", "nonsense", "the-token", "\u00fc"])
def test_a_cookie_that_is_not_ours_is_no_session(value):
    assert unseal(value) is None


def test_a_cookie_of_another_key_or_another_time_is_no_session(monkeypatch, tmp_path):
    sealed = seal("the-token")
    monkeypatch.setattr(sessions, "KEPT_S", -1)
    assert unseal(sealed) is None
    monkeypatch.undo()
    monkeypatch.setenv("ALERTING_HOME", str(tmp_path / "another"))
    forget()
    assert unseal(sealed) is None


def test_two_dashboards_on_one_host_do_not_share_their_cookie(monkeypatch):
    first = cookie_name()
    monkeypatch.setenv("ALERTING_DASHBOARD_PORT", "9998")
    forget()
    assert cookie_name() != first


@pytest.mark.parametrize("given", ["/", "/alert?id=1", "/?status=all&q=a%2Fb"])
def test_paths_of_ours_may_follow_a_sign_in(given):
    assert local_path(given) == given


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "alert",
        "/sign-out",
        "/sign-in",
    ],
)
def test_nothing_else_may(given):
    assert local_path(given) == "/"
