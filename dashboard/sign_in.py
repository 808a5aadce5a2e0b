"""The sign-in page: a token in, a session cookie out; and the way out again."""

from functools import cache
from pathlib import Path

import httpx
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.client import headers_for
from dashboard.sessions import KEPT_S, cookie_name, is_same_origin, local_path, seal, token_of
from dashboard.settings import settings

_ASSETS = Path(__file__).with_name("assets")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def sign_in_routes(http: httpx.AsyncClient) -> list[Route]:
    """/sign-in and /sign-out; `http` reaches the API."""

    async def show(request: Request) -> Response:
        wanted = local_path(request.query_params.get("next"))
        if token_of(request) is not None and "ended" not in request.query_params:
            return RedirectResponse(wanted, 303)
        ended = "Your session has ended. Sign in again to go on." if "ended" in request.query_params else ""
        return _page(wanted, notice=ended)

    async def enter(request: Request) -> Response:
        form = await request.form()
        wanted = local_path(str(form.get("next", "/")))
        token = str(form.get("token", "")).strip()
        if not is_same_origin(request):
            return _page(wanted, error="That form came from another site. Sign in here.", status=403)
        error, status = await _refusal(http, token)
        if error:
            return _page(wanted, error=error, status=status)
        answer = RedirectResponse(wanted, 303, headers=_HEADERS)
        answer.set_cookie(
            cookie_name(),
            seal(token),
            max_age=KEPT_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def leave(request: Request) -> Response:
        answer = RedirectResponse("/sign-in", 303, headers=_HEADERS)
        if is_same_origin(request):
            answer.delete_cookie(cookie_name(), httponly=True, samesite="strict")
        return answer

    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", enter, methods=["POST"]),
        Route("/sign-out", leave, methods=["GET"]),
    ]


async def _refusal(http: httpx.AsyncClient, token: str) -> tuple[str, int]:
    """Why this token does not let its holder in, and the status to say it with; "" when it does."""
    if not token:
        return "Paste a token first.", 422
    if not token.isascii() or not token.isprintable():
        return "That is not a token: it has characters that no token has.", 401
    try:
        answer = await http.get("/auth/me", headers=headers_for(token))
    except httpx.TransportError:
        return f"The API does not answer at {settings().api_url}. Is it running? Try again in a moment.", 503
    if answer.status_code == 401:
        return "This token is unknown, expired or revoked. Check that you copied all of it.", 401
    if answer.status_code != 200:
        return f"The API answered {answer.status_code} and could not check the token. Try again in a moment.", 503
    if answer.json().get("role") == "ingest":
        return "This token may only send data. To look around, use one with the role viewer, responder or admin.", 403
    return "", 200


def _page(wanted: str, *, error: str = "", notice: str = "", status: int = 200) -> Response:
    said = Markup('<p class="said error" role="alert" id="said">{}</p>').format(error) if error else Markup("")
    if notice and not error:
        said = Markup('<p class="said" role="status" id="said">{}</p>').format(notice)
    described = Markup(' aria-invalid="true" aria-describedby="said"') if error else Markup("")
    html = _template().format(said=said, described=described, next=wanted, home=str(settings().home))
    return HTMLResponse(html, status, headers=_HEADERS)


@cache
def _template() -> Markup:
    # The template is ours; what is formatted into it is escaped by Markup.
    page = (_ASSETS / "sign_in.html").read_text()
    style = (_ASSETS / "sign_in.css").read_text().replace("{", "{{").replace("}", "}}")
    return Markup(page.replace("/* style */", style))  # noqa: S704
