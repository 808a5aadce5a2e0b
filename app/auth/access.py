"""Who may call what: the decorator on every endpoint, and the identity of a request."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
import structlog
from flask import g, request
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from app.auth import store
from app.auth.domain import Identity, Role
from app.core.clock import utcnow
from app.core.errors import Forbidden, Unauthorized
from app.core.http import runtime
from app.core.runtime import Runtime
from app.core.secrets import token_hash

TICKET_S = 60
Params = ParamSpec("Params")
Returned = TypeVar("Returned")
log = structlog.get_logger(__name__)


def allow(*roles: Role, ticket: bool = False) -> Callable[[Callable[Params, Returned]], Callable[Params, Returned]]:
    """Let only those in who hold one of the permissions; with `ticket`, a stream ticket in the URL counts too.

    Stands directly under the route, so that nothing of a request is read before its caller is known.
    """

    def decorate(view: Callable[Params, Returned]) -> Callable[Params, Returned]:
        @wraps(view)
        def guarded(*args: Params.args, **kwargs: Params.kwargs) -> Returned:
            identity = _identify(ticket)
            if not any(identity.may(role) for role in roles):
                raise Forbidden(
                    f"this needs the role {' or '.join(roles)}; the token {identity.name} has {identity.role}"
                )
            return view(*args, **kwargs)

        cast(Any, guarded).needs = roles
        if ticket:
            _document_security(guarded, [{"token": []}, {"ticket": []}])
        return guarded

    return decorate


def public(view: Callable[Params, Returned]) -> Callable[Params, Returned]:
    """Mark an endpoint that needs no token; the test of the URL map knows no other way in."""
    cast(Any, view).needs = ()
    _document_security(view, [])
    return view


def _document_security(view: Callable[..., Any], security: list[dict[str, list[str]]]) -> None:
    """Mark a view for the OpenAPI document, as flask-smorest's Blueprint.doc() does, but without wrapping it."""
    described = getattr(view, "_apidoc", {})
    manual = {**described.get("manual_doc", {}), "security": security}
    vars(view)["_apidoc"] = {**described, "manual_doc": manual}


def identity_if_any() -> Identity | None:
    """Who calls a public endpoint; None without a good token."""
    try:
        return _identify(ticket=False)
    except Unauthorized:
        return None


def stream_ticket(identity: Identity) -> str:
    """A signed ticket for EventSource and WebSocket, which cannot set headers; good for 60 s while its token is."""
    return _tickets().dumps(identity.token_id)


def _identify(ticket: bool) -> Identity:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if ticket and not value and (given := request.args.get("ticket")):
        identity = _identity_of_ticket(given)
    elif kind.lower() == "bearer" and value.strip():
        identity = _identity_of_token(value.strip())
    else:
        raise Unauthorized("send the header Authorization: Bearer <token>")
    g.identity, g.actor, g.caller_id = identity, identity.actor, identity.token_id
    structlog.contextvars.bind_contextvars(actor=identity.actor)
    return identity


def _identity_of_token(value: str) -> Identity:
    now, open_ends = utcnow(), runtime()
    with open_ends.reading() as session:
        found = store.identity_of(session, token_hash(value), now)
    if found is None:
        raise Unauthorized("this token is unknown, expired or revoked")
    identity, use_should_be_noted = found
    if use_should_be_noted:
        _note_use(open_ends, identity, now)
    return identity


def _note_use(open_ends: Runtime, identity: Identity, now: datetime) -> None:
    """Note that the token was used; best effort, because nobody's request shall wait for it or fail with it."""
    try:
        with open_ends.hurried() as session:
            store.note_use(session, identity.token_id, now)
    except sa.exc.SQLAlchemyError as error:
        log.warning("use of a token not noted", token=identity.name, error=str(error).splitlines()[0][:300])


def _identity_of_ticket(given: str) -> Identity:
    try:
        token_id = str(_tickets().loads(given, max_age=TICKET_S))
    except SignatureExpired:
        raise Unauthorized("this ticket has expired; get a new one from POST /auth/stream-ticket") from None
    except BadSignature:
        raise Unauthorized("this is no ticket of ours; get one from POST /auth/stream-ticket") from None
    with runtime().reading() as session:
        identity = store.identity_by_id(session, token_id, utcnow())
    if identity is None:
        raise Unauthorized("the token that got this ticket is expired or revoked")
    return identity


def _tickets() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(runtime().settings.secret_key, salt="stream ticket")
