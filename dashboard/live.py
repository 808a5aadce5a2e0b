"""Live stream, one-click actions and export on the dashboard's own origin, so that no token leaves the server."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from types import FrameType
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.client import ACTIONS, headers_for, problem_of
from dashboard.sessions import is_same_origin, token_of

_STREAM_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
_MAX_BODY = 64 * 1024
_RULE_CALLS = {"enable": ("POST", "/enable"), "disable": ("POST", "/disable"), "delete": ("DELETE", "")}
_EXPORTS = {"yaml": "application/yaml", "json": "application/json"}


def live_routes(http: httpx.AsyncClient, stopping: asyncio.Event) -> list[Route]:
    """/live/alerts (SSE), /live/session, POST /live/alerts/{id}/{action} and /live/rules/{id}/{action}, the export."""

    async def stream(request: Request) -> Response:
        headers = headers_for(token_of(request) or "") | {"Accept": "text/event-stream"}
        if last_id := request.headers.get("last-event-id"):
            headers["Last-Event-ID"] = last_id
        # The API sends a comment every 15 s, so a longer silence means that it is gone.
        patience = httpx.Timeout(40.0, connect=2.0)
        upstream = http.build_request("GET", "/alerts/stream", headers=headers, timeout=patience)
        try:
            answer = await http.send(upstream, stream=True)
        except httpx.TransportError:
            return _unavailable("The API does not answer.")
        if answer.status_code != 200:
            await answer.aread()
            await answer.aclose()
            return JSONResponse({"detail": problem_of(answer)}, answer.status_code)
        return StreamingResponse(_relay(answer, stopping), media_type="text/event-stream", headers=_STREAM_HEADERS)

    async def session(request: Request) -> Response:
        try:
            answer = await http.get("/auth/me", headers=headers_for(token_of(request) or ""))
        except httpx.TransportError:
            return _unavailable("The API does not answer.")
        return Response(status_code=204 if answer.status_code == 200 else answer.status_code)

    async def act(request: Request) -> Response:
        if not is_same_origin(request):
            return JSONResponse({"detail": "This request came from another site."}, 403)
        action = request.path_params["action"]
        if action not in ACTIONS:
            return JSONResponse({"detail": f"There is no action {action}."}, 404)
        body = await request.body()
        if len(body) > _MAX_BODY:
            return JSONResponse({"detail": "That is too long."}, 413)
        headers = headers_for(token_of(request) or "") | {"Content-Type": "application/json"}
        try:
            url = httpx.URL(f"/alerts/{request.path_params['alert_id']}/{action}")
            answer = await http.post(url, content=body or b"{}", headers=headers)
        except httpx.TransportError:
            return _unavailable("The API does not answer; nothing was changed as far as we know.")
        if answer.status_code >= 400:
            return JSONResponse({"detail": problem_of(answer)}, answer.status_code)
        return JSONResponse({"status": answer.json().get("status")})

    async def change_rule(request: Request) -> Response:
        if not is_same_origin(request):
            return JSONResponse({"detail": "This request came from another site."}, 403)
        method, tail = _RULE_CALLS.get(request.path_params["action"], ("", ""))
        if not method:
            return JSONResponse({"detail": f"There is no action {request.path_params['action']}."}, 404)
        try:
            path = f"/rules/{quote(request.path_params['rule_id'], safe='')}{tail}"
            answer = await http.request(method, path, headers=headers_for(token_of(request) or ""))
        except httpx.TransportError:
            return _unavailable("The API does not answer; nothing was changed as far as we know.")
        if answer.status_code >= 400:
            return JSONResponse({"detail": problem_of(answer)}, answer.status_code)
        return JSONResponse({"status": "done"})

    async def export(request: Request) -> Response:
        form = request.query_params.get("format", "yaml")
        if form not in _EXPORTS:
            return JSONResponse({"detail": f"There is no export as {form}."}, 404)
        try:
            headers = headers_for(token_of(request) or "")
            answer = await http.get("/rules/export", params={"format": form}, headers=headers)
        except httpx.TransportError:
            return _unavailable("The API does not answer.")
        if answer.status_code != 200:
            return JSONResponse({"detail": problem_of(answer)}, answer.status_code)
        named = {"Content-Disposition": f'attachment; filename="rules.{form}"', "Cache-Control": "no-store"}
        return Response(answer.content, media_type=_EXPORTS[form], headers=named)

    return [
        Route("/live/rules/export", export, methods=["GET"]),
        Route("/live/rules/{rule_id}/{action}", change_rule, methods=["POST"]),
        Route("/live/alerts", stream, methods=["GET"]),
        Route("/live/session", session, methods=["GET"]),
        Route("/live/alerts/{alert_id}/{action}", act, methods=["POST"]),
    ]


def end_on_signal(stopping: asyncio.Event) -> None:
    """Set `stopping` when the process is told to end; an open stream would hold the server's shutdown for ever."""
    loop = asyncio.get_running_loop()

    def chain(number: signal.Signals) -> None:
        then = signal.getsignal(number)

        def on_signal(received: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(stopping.set)
            if callable(then):
                then(received, frame)

        signal.signal(number, on_signal)

    for number in (signal.SIGTERM, signal.SIGINT):
        chain(number)


async def rewritten(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The API's stream as ours: one unnamed event each, so that the page need not know every kind by name.

    A comment becomes the event `ping`: it proves to the page that the whole way to the API is open.
    Works by chunks as they come from the network, because a flood of events is cheap only together.
    """
    rest = b""
    async for chunk in chunks:
        *blocks, rest = (rest + chunk).split(b"\n\n")
        if blocks:
            yield b"".join(map(_rewritten_block, blocks))


def _rewritten_block(block: bytes) -> bytes:
    """One block of the stream, without and with the empty line that ends it."""
    kind, out = b"message", []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name and line:
            out.append(b"event: ping\ndata: {}\n")
        elif name == b"event":
            kind = value
        elif name == b"data":
            out.append(b'data: {"kind":"%s","data":%s}\n' % (kind, value))
        elif name in {b"id", b"retry"}:
            out.append(b"%s: %s\n" % (name, value))
    return b"".join(out) + b"\n"


async def _relay(answer: httpx.Response, stopping: asyncio.Event) -> AsyncIterator[bytes]:
    ours = rewritten(answer.aiter_bytes())
    told = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[bytes] | None = None
    try:
        while not stopping.is_set():
            coming = asyncio.ensure_future(anext(ours))
            await asyncio.wait({coming, told}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                yield coming.result()
    except (StopAsyncIteration, httpx.TransportError):
        pass  # the API ended it; the browser comes back by itself
    finally:
        for waiting in (told, coming):
            if waiting is not None and not waiting.done():
                waiting.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration, httpx.TransportError):
                    await waiting
        await answer.aclose()


def _unavailable(detail: str) -> Response:
    return JSONResponse({"detail": detail}, 503, headers={"Retry-After": "2"})
