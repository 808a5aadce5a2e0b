"""`flask token`: make, list and revoke API tokens."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.auth import service as auth
from app.auth import store as auth_store
from app.auth.domain import Role, Token
from app.cli.opened import runtime, write
from app.core.durations import parse_duration
from app.core.schemas import format_time

_TOKENS_AT_ONCE = 200
token = AppGroup("token", help="Make, list and revoke API tokens.")


def _lifetime(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    try:
        return parse_duration(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it may do.")
@click.option("--expires", callback=_lifetime, metavar="30d", help="How long it is good for; else until it is revoked.")
def create_token(name: str, role: str, expires: timedelta | None) -> None:
    """Make an API token called NAME and print its value, which cannot be shown again."""

    def unit(session: Session, now: datetime) -> tuple[Token, str]:
        return auth.create_token(session, name, Role(role), now, expires_at=now + expires if expires else None)

    made, value = write(unit)
    click.echo(f"{made.id}  {made.role}  {made.name}", err=True)
    click.echo(value)  # alone on standard output, for $(...)


@token.command("list")
def list_tokens() -> None:
    """List the tokens in use, newest first."""
    for one in _all_tokens():
        expires = f"expires {format_time(one.expires_at)}" if one.expires_at else "does not expire"
        used = f"last used {format_time(one.last_used_at)}" if one.last_used_at else "never used"
        click.echo(f"{one.id}  {one.role:<9}  {one.name}  ({used}, {expires})")


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """Make the token TOKEN_ID (see `flask token list`) useless at once."""
    write(lambda session, now: auth.revoke_token(session, token_id, now))
    click.echo(f"revoked {token_id}")


def _all_tokens() -> Iterator[Token]:
    after: tuple[datetime, str] | None = None
    while True:
        with runtime().reading() as session:
            page = auth_store.usable_tokens(session, after, _TOKENS_AT_ONCE)
        yield from page
        if len(page) < _TOKENS_AT_ONCE:
            return
        after = page[-1].created_at, page[-1].id
