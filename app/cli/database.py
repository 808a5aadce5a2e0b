"""`flask db` and `flask seed`: bring the database to this version, and lay the first things in."""

import click
from flask.cli import AppGroup, with_appcontext

from app import release
from app.cli.opened import runtime, write

db = AppGroup("db", help="Migrate the database.")


@db.command()
def upgrade() -> None:
    """Bring the database to this version's newest migration; does nothing when it is there."""
    waiting = release.pending(runtime().engine)
    release.migrate(runtime().engine)
    click.echo(f"applied {', '.join(waiting)}" if waiting else "nothing to do: the database is at the newest migration")


@db.command()
def pending() -> None:
    """List the migrations that the database still waits for; exit status 1 when there are any."""
    waiting = release.pending(runtime().engine)
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
    settings = runtime().settings
    made = write(lambda session, now: release.seed(session, settings, now))
    click.echo("\n".join(f"made {thing}" for thing in made) or "nothing to do: everything is there")
