"""HTTP of tokens and tickets."""

from datetime import datetime
from typing import Any

from flask import Response, g
from sqlalchemy.orm import Session

from app.auth import service, store
from app.auth.access import TICKET_S, allow, stream_ticket
from app.auth.domain import Role
from app.auth.schemas import Me, Ticket, TokenIn, TokenMade, TokenOut, TokenPage
from app.core.http import Answer, Blueprint, PageArgs, answer_json, page_of, parse_cursor, read, write

blueprint = Blueprint("auth", __name__, url_prefix="/auth", description="Tokens, roles, stream tickets.")


@blueprint.route("/tokens", methods=["GET"])
@allow(Role.ADMIN)
@blueprint.arguments(PageArgs, location="query")
@blueprint.response(200, TokenPage)
def list_tokens(args: dict[str, Any]) -> Response:
    """Tokens in use, newest first."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None

    def unit(session: Session, now: datetime) -> Any:
        tokens = store.usable_tokens(session, after, args["limit"] + 1)
        page = page_of(tokens, args["limit"], lambda token: (token.created_at, token.id))
        return TokenPage().dump(page)

    return read(unit)


@blueprint.route("/tokens", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.arguments(TokenIn)
@blueprint.response(201, TokenMade)
def create_token(body: dict[str, Any]) -> Response:
    """Make a token. Its value stands in this answer and nowhere else."""

    def unit(session: Session, now: datetime) -> Answer:
        token, value = service.create_token(session, body["name"], body["role"], now, expires_at=body["expires_at"])
        return {**TokenOut().dump(token), "token": value}, 201

    return write(unit, sealed=True)


@blueprint.route("/tokens/<token_id>", methods=["DELETE"])
@allow(Role.ADMIN)
@blueprint.response(204)
def revoke_token(token_id: str) -> Response:
    """Revoke a token; it is useless at once."""

    def unit(session: Session, now: datetime) -> Answer:
        service.revoke_token(session, token_id, now)
        return None, 204

    return write(unit)


@blueprint.route("/me", methods=["GET"])
@allow(Role.INGEST, Role.VIEWER)
@blueprint.response(200, Me)
def who_am_i() -> Response:
    """Name and role of the token."""
    return answer_json({"name": g.identity.name, "role": g.identity.role.value, "user": None}, 200)


@blueprint.route("/stream-ticket", methods=["POST"])
@allow(Role.VIEWER)
@blueprint.response(200, Ticket)
def create_stream_ticket() -> Response:
    """A ticket for EventSource and WebSocket URLs, good for 60 s and for reconnects within them."""
    return answer_json({"ticket": stream_ticket(g.identity), "expires_in": TICKET_S}, 200)
