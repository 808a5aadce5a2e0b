"""The API as a Flask application: extensions, blueprints, and the one place that maps errors to answers."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, g, request
from flask_smorest import Api
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from app.alerts.api import blueprint as alerts
from app.analytics.api import blueprint as monitoring
from app.analytics.api import state_of_the_engine
from app.auth.api import blueprint as auth
from app.backtest.api import blueprint as backtest
from app.core.db import LostRace
from app.core.errors import AppError, Invalid, InvalidTransition, Unavailable
from app.core.http import MAX_BODY, answer_json, check_address, install_json
from app.core.ids import new_id
from app.core.logs import configure_logs
from app.core.openapi import PROBLEM_JSON, SECURITY_SCHEMES, Problems
from app.core.queue import open_celery
from app.core.runtime import AWAY, open_runtime
from app.docs_page import blueprint as docs_page
from app.heartbeats.api import blueprint as heartbeats
from app.notifications.api import blueprints as notifications
from app.rules.api import blueprint as rules
from app.rules.transfer_api import MEDIA_TYPES
from app.rules.transfer_api import blueprint as transfer
from app.settings import Settings, load_settings
from app.streaming.api import install_streaming
from app.telemetry.api import blueprints as telemetry
from app.telemetry.datasources.api import blueprint as datasources
from app.telemetry.traffic.recorder import install_recorder

log = structlog.get_logger(__name__)
_TITLES = {400: "Malformed request", 404: "Not found", 405: "Method not allowed", 413: "Body too large"}


def create_app(settings: Settings | None = None) -> Flask:
    """The API; without `settings` it reads the environment, as gunicorn's workers do."""
    settings = settings or load_settings()
    configure_logs(settings, "web")
    app = Flask("app", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY,
        API_TITLE="Alerting",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "components": {"securitySchemes": SECURITY_SCHEMES},
            "security": [{"token": []}],
            "info": {"description": "Rules over metrics, alerts that are never lost, delivery that is accounted for."},
        },
    )
    app.extensions["alerting"] = open_runtime(settings, open_celery(settings))
    install_json(app)
    install_recorder(app)
    api = Api(app, spec_kwargs={"extra_plugins": [Problems()]})
    api.DEFAULT_ERROR_RESPONSE_NAME = None  # Problems tells them, each with its status
    for blueprint in (
        auth,
        *telemetry,
        datasources,
        heartbeats,
        rules,
        transfer,
        backtest,
        alerts,
        *notifications,
        state_of_the_engine,
        monitoring,
    ):
        api.register_blueprint(blueprint)
    install_streaming(app, api)
    app.register_blueprint(docs_page)
    app.before_request(_begin)
    app.after_request(_finish)
    for kind in (AppError, HTTPException, sa.exc.DBAPIError, sa.exc.TimeoutError, RedisError, Exception):
        app.register_error_handler(kind, _answer_error)
    return app


def _begin() -> None:
    structlog.contextvars.clear_contextvars()
    g.request_id = request.headers.get("X-Request-Id", "")[:64] or new_id()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    has_body = bool(request.content_length) or request.headers.get("Transfer-Encoding") is not None
    others = MEDIA_TYPES.get(request.endpoint or "", ())
    taken = request.is_json or request.mimetype in others
    if request.method in {"POST", "PUT", "PATCH"} and has_body and not taken:
        raise UnsupportedMediaType(others)
    check_address()


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id", "")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault(
        "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    return response


class UnsupportedMediaType(AppError):
    """The body is not JSON by its own word, nor one of the other types that the endpoint takes."""

    status = 415
    title = "Unsupported media type"

    def __init__(self, others: Iterable[str] = ()) -> None:
        types = " or ".join(("application/json", *others))
        super().__init__(f"send JSON with the header Content-Type: {types}")


def _answer_error(error: Exception) -> Response:
    """Any error as problem+json; what we did not expect is logged with its traceback and tells nothing of itself."""
    if isinstance(error, HTTPException):
        error = _of_http(error)
    elif isinstance(error, AWAY):
        log.warning("store does not answer", path=request.path, error=_brief(error))
        error = Unavailable("a store does not answer; nothing was kept of this request, send it again")
    elif isinstance(error, LostRace | sa.exc.IntegrityError):
        log.warning("races lost to the end", path=request.path, error=_brief(error))
        error = Unavailable("others change the same just now; nothing was kept of this request, send it again")
    if not isinstance(error, AppError):
        log.error("request failed", path=request.path, exc_info=error)
        error = AppError("something went wrong on our side; the log has it under this request_id")
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "request_id": g.get("request_id", ""),
    }
    if isinstance(error, Invalid):
        problem["errors"] = error.errors
    if isinstance(error, InvalidTransition):
        problem.update(current=error.current, allowed=error.allowed)
    response = answer_json(problem, error.status)
    response.mimetype = PROBLEM_JSON
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers.update(getattr(error, "headers", {}))
    return response


def _brief(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]


def _of_http(error: HTTPException) -> AppError:
    """An error of Flask, webargs or flask-smorest in our terms."""
    data = getattr(error, "data", None)
    messages = data.get("messages") if isinstance(data, Mapping) else None
    if error.code == 422 and isinstance(messages, Mapping):
        fields: dict[str, object] = {}
        for place, found in messages.items():
            fields.update(found if isinstance(found, Mapping) else {str(place): found})
        return Invalid(fields)
    ours = AppError(error.description)
    ours.status = error.code or 500
    ours.title = _TITLES.get(ours.status, error.name)
    if ours.status == 413:
        ours.detail = f"a body has at most {MAX_BODY // 1024 // 1024} MiB; send it in parts"
    headers = [(name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}]
    ours.headers = dict(headers)  # type: ignore[attr-defined]
    return ours
