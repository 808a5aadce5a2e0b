"""`flask doctor`: says what is wrong and how to mend it."""

import click
import sqlalchemy as sa
from flask.cli import with_appcontext

from app import release
from app.analytics import service as analytics
from app.analytics.domain import Check
from app.cli.opened import runtime
from app.core.clock import utcnow
from app.core.runtime import Runtime


@click.command()
@with_appcontext
def doctor() -> None:
    """Print the settings in force, and check each part: ok, or what is wrong and the mend. Exit status 1 if any is."""
    open_ends = runtime()
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
