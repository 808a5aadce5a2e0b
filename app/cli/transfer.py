"""`flask rules lint`, `import` and `export`: rules as files."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
import orjson
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from app.cli.files import document_of
from app.cli.opened import mendable, runtime, write
from app.core.errors import AppError
from app.rules.documents import written_yaml
from app.rules.domain.advice import advice
from app.rules.domain.checks import problems
from app.rules.domain.imported import Imported
from app.rules.domain.prometheus_rules import read_groups
from app.rules.native import exported, read_rules, shape_reason
from app.rules.transfer import Transfer, export_rules, import_rules
from app.settings import read_settings

_ACTOR = "user:flask"
_FORMATS = click.Choice(["native", "prometheus"])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 20


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--format", "kind", type=_FORMATS, default="native", show_default=True)
def lint(files: Sequence[Path], kind: str) -> None:
    """Check rule FILES: mistakes (exit status 1), and advice on what may be saved and yet will hardly do."""
    settings, n_wrong = read_settings(), 0
    for file in files:
        found = _read(file, kind, None)
        for left in found.skipped:
            click.echo(f"{file}: {left.place.name or left.place.index}: {left.reason}")
        n_wrong += len(found.skipped)
        for one in found.rules:
            wrong = problems(one.definition, settings.retention_samples)
            for field, messages in wrong.items():
                click.echo(f"{file}: {one.id}: {field}: {' '.join(messages)}")
            n_wrong += bool(wrong)
            for hint in () if wrong else advice(one.definition, default_interval=settings.evaluation_interval):
                click.echo(f"{file}: {one.id}: advice on {hint.field}: {hint.message}")
        click.echo(f"{file}: {len(found.rules)} rules read, {len(found.skipped)} that cannot be used")
    if n_wrong:
        raise SystemExit(1)


@click.command("import")
@click.argument("file", type=_FILE)
@click.option("--format", "kind", type=_FORMATS, default="native", show_default=True)
@click.option("--datasource", help="The Prometheus server that imported queries ask; default: the one there is.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of the rules.")
@with_appcontext
def import_file(file: Path, kind: str, datasource: str | None, dry_run: bool) -> None:
    """Take in the rules of FILE, all or none; a rule whose id exists is replaced."""
    found = _read(file, kind, datasource)
    settings = runtime().settings

    def unit(session: Session, now: datetime) -> Transfer:
        return import_rules(session, found, now, settings, _ACTOR, dry_run=dry_run, shape_reason=shape_reason)

    done = write(unit)
    for left in done.skipped:
        click.echo(f"skipped {left.place.name or left.place.index}: {left.reason}", err=True)
    for note in done.notes[:_SHOWN]:
        click.echo(f"advice on {note.id}, {note.field}: {note.message}", err=True)
    if len(done.notes) > _SHOWN:
        click.echo(f"and {len(done.notes) - _SHOWN} more; `flask rules lint` lists all", err=True)
    click.echo(
        f"{'would be ' if dry_run else ''}created {len(done.created)}, updated {len(done.updated)}, "
        f"unchanged {len(done.unchanged)}, skipped {len(done.skipped)}"
    )


@click.command("export")
@click.option("--format", "kind", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@with_appcontext
def export_all(kind: str) -> None:
    """Print all rules in our own format, as `flask rules import` takes them."""

    def rules() -> list[dict[str, object]]:
        with runtime().reading() as session:
            return [exported(rule) for rule in export_rules(session)]

    document = {"rules": mendable(rules)}
    text = written_yaml(document) if kind == "yaml" else orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    click.echo(text)


def _read(file: Path, kind: str, datasource: str | None) -> Imported:
    try:
        if kind == "prometheus":
            return read_groups(document_of(file), datasource)
        return read_rules(document_of(file, typed=True))
    except AppError as error:
        raise click.ClickException(f"{file}: {error.detail}") from None
