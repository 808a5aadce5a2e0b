"""Who is signed in: the API token, sealed in a cookie, and the guard in front of everything."""

import logging
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from cryptography.fernet import Fernet, InvalidToken
from starlette.datastructures import URL
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.settings import settings

KEPT_S = 7 * 24 * 3600
_OPEN_PATHS = ("/sign-in", "/sign-out", "/_stcore/health", "/favicon.png", "/icon.svg")
_OPEN_PREFIXES = ("/static/",)
log = logging.getLogger(__name__)


def cookie_name() -> str:
    """The session cookie's name; it holds the port, because cookies of one host are shared by all its ports."""
    return f"alerting_session_{settings().dashboard_port}"


def seal(token: str) -> str:
    """The cookie's value: the token, encrypted, so that the cookie is of no use anywhere but here."""
    return _box().encrypt(token.encode()).decode()


def unseal(value: str | None) -> str | None:
    """The token in a cookie's value; None when it is missing, ours no longer, or older than a week."""
    if not value:
        return None
    try:
        return _box().decrypt(value.encode(), ttl=KEPT_S).decode()
    except InvalidToken:
        return None


def token_of(connection: HTTPConnection) -> str | None:
    """The token of whoever sent this request."""
    return unseal(connection.cookies.get(cookie_name()))


def local_path(given: str | None) -> str:
    """`given` when it is a path of this site, else "/": an address elsewhere would make us an open redirect."""
    if not given or not given.startswith("/") or given.startswith(("//", "/\\")) or any(ord(c) < 32 for c in given):
        return "/"
    parts = urlsplit(given)
    return given if not parts.netloc and not parts.path.startswith(("/sign-in", "/sign-out")) else "/"


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of ours (or no page at all) sent this; browsers set the header and scripts cannot."""
    return connection.headers.get("sec-fetch-site", "none") in {"same-origin", "none"}


class Guard:
    """ASGI middleware: without a session nothing is served but the sign-in page and the code of the page itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer in place of the application."""
        if scope["type"] not in {"http", "websocket"} or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        if token_of(connection) is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401, "reason": "sign in first"})
        else:
            await _turn_away(connection)(scope, receive, send)


def _turn_away(connection: HTTPConnection) -> Response:
    if connection.headers.get("sec-fetch-mode", "navigate") != "navigate":
        return PlainTextResponse("sign in first", 401)
    wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
    if connection.headers.get("sec-fetch-site") == "cross-site":
        # A link in a mail or a chat: the browser holds a SameSite=Strict cookie back on that first step.
        # The reload comes from our own page, so it carries the cookie of whoever is signed in already.
        return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0"><title>Alerting</title>')
    target = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"
    return RedirectResponse(str(URL(target)), 303)


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIXES)


@cache
def _box() -> Fernet:
    return Fernet(_kept_key(settings().home / "dashboard_key"))


def _kept_key(path: Path) -> bytes:
    """The key in the file, made on first use (mode 600), so that a restart signs nobody out."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_bytes(Fernet.generate_key())
            # A hard link fails where the name is taken: of two processes that start at once, one key wins.
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
        return path.read_bytes().strip()
    except OSError as error:
        log.warning("the session key cannot be kept, so a restart signs everybody out: %s", error)
        return Fernet.generate_key()
