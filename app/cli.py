"""The commands of `flask`: the database, tokens, and a doctor who says what is wrong and how to mend it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar, cast

import click
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.orm import Session

from app import release, web
from app.analytics import service as analytics
from app.analytics.domain import Check
from app.auth import service as auth
from app.auth import store as auth_store
from app.auth.domain import Role, Token
from app.core.clock import utcnow
from app.core.durations import parse_duration
from app.core.errors import AppError
from app.core.logs import configure_logs
from app.core.runtime import Runtime
from app.core.schemas import format_time
from app.settings import SettingsError, load_settings

_TOKENS_AT_ONCE = 200
Result = TypeVar("Result")
db = AppGroup("db", help="Migrate the database.")
token = AppGroup("token", help="Make, list and revoke API tokens.")


def create_app() -> Flask:
    """The API with its commands; wsgi.py shows it to the `flask` command."""
    try:
        settings = load_settings()
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    app = web.create_app(settings)
    configure_logs(replace(settings, log_level="warning", log_format="console"), "flask")  # answers, not progress
    return with_commands(app)


def with_commands(app: Flask) -> Flask:
    """`app`, with our commands under `flask`."""
    for command in (db, token, seed, doctor):
        app.cli.add_command(command)
    return app


def _lifetime(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    try:
        return parse_duration(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@db.command()
def upgrade() -> None:
    """Bring the database to this version's newest migration; does nothing when it is there."""
    waiting = release.pending(_runtime().engine)
    release.migrate(_runtime().engine)
    click.echo(f"applied {', '.join(waiting)}" if waiting else "nothing to do: the database is at the newest migration")


@db.command()
def pending() -> None:
    """List the migrations that the database still waits for; exit status 1 when there are any."""
    waiting = release.pending(_runtime().engine)
    for revision in waiting:
        click.echo(revision)
    if waiting:
        raise SystemExit(1)


@click.command()
@with_appcontext
def seed() -> None:
    """Make the first tokens, channels and starter rules, where they are missing.

    The admin token is ALERTING_BOOTSTRAP_TOKEN or, without it, the one in the file `token` under ALERTING_HOME.
    """
    settings = _runtime().settings
    made = _write(lambda session, now: release.seed(session, settings, now))
    click.echo("\n".join(f"made {thing}" for thing in made) or "nothing to do: everything is there")


@token.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it may do.")
@click.option("--expires", callback=_lifetime, metavar="30d", help="How long it is good for; else until it is revoked.")
def create_token(name: str, role: str, expires: timedelta | None) -> None:
    """Make an API token called NAME and print its value, which cannot be shown again."""

    def unit(session: Session, now: datetime) -> tuple[Token, str]:
        return auth.create_token(session, name, Role(role), now, expires_at=now + expires if expires else None)

    made, value = _write(unit)
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
    _write(lambda session, now: auth.revoke_token(session, token_id, now))
    click.echo(f"revoked {token_id}")


@click.command()
@with_appcontext
def doctor() -> None:
    """Print the settings in force, and check each part: ok, or what is wrong and the mend. Exit status 1 if any is."""
    open_ends = _runtime()
    for name, value in open_ends.settings.describe().items():
        click.echo(f"{name}={value}")
    click.echo()
    checks = [*analytics.health(open_ends, utcnow()), _migrations(open_ends)]
    for check in checks:
        click.echo(f"{'ok  ' if check.ok else 'MEND'}  {check.name:<18}  {check.detail}")
    if not all(check.ok for check in checks):
        raise SystemExit(1)


def _migrations(open_ends: Runtime) -> Check:
    try:
        waiting = release.pending(open_ends.engine)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        return Check("migrations", ok=False, detail=str(error).splitlines()[0][:200])
    if waiting:
        return Check("migrations", ok=False, detail=f"{', '.join(waiting)} not applied; run `flask db upgrade`")
    return Check("migrations", ok=True, detail="all applied")


def _all_tokens() -> Iterator[Token]:
    after: tuple[datetime, str] | None = None
    while True:
        with _runtime().reading() as session:
            page = auth_store.usable_tokens(session, after, _TOKENS_AT_ONCE)
        yield from page
        if len(page) < _TOKENS_AT_ONCE:
            return
        after = page[-1].created_at, page[-1].id


def _write(unit: Callable[[Session, datetime], Result]) -> Result:
    """What `unit` returns, in one transaction; an error that the user can mend is said without a traceback."""
    try:
        return _runtime().run(lambda session: unit(session, utcnow()))
    except AppError as error:
        raise click.ClickException(error.detail) from None
    except sa.exc.OperationalError as error:
        raise click.ClickException(f"the database does not answer: {str(error).splitlines()[0]}") from None


def _runtime() -> Runtime:
    return cast(Runtime, current_app.extensions["alerting"])
