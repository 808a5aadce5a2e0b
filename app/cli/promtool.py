"""`flask rules test`: the unit tests that people have for promtool, run against the same rules here."""

from collections.abc import Sequence
from pathlib import Path

import click

from app.backtest.offline import fired_at
from app.cli.files import document_of, glob_of
from app.core.durations import format_duration
from app.core.errors import AppError
from app.rules.domain.imported import Found, Imported, Skipped
from app.rules.domain.prometheus_rules import read_groups
from app.rules.domain.promtool import Report, read_tests, run


@click.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--verbose", "-v", is_flag=True, help="Name the expectations that hold as well.")
def test(files: Sequence[Path], verbose: bool) -> None:
    """Run unit-test FILES in promtool's format, with the rule files that they name.

    Rules that say the same without a server (a metric, or a function of its window, against a number) are run offline.
    What needs a Prometheus server is listed as not run, with the reason, and counted apart. Exit status 1 when an
    expectation does not hold.
    """
    n_passed = n_failed = n_not_run = 0
    for file in files:
        report = _report(file)
        n_passed, n_failed = n_passed + len(report.passed), n_failed + len(report.failed)
        n_not_run += len(report.unsupported)
        _tell(file, report, verbose=verbose)
    click.echo(f"{n_passed} passed, {n_failed} failed, {n_not_run} not run")
    if n_failed:
        raise SystemExit(1)


def _report(file: Path) -> Report:
    try:
        tests = read_tests(document_of(file))
        return run(tests, _rules(file, tests.rule_files), fired_at)
    except AppError as error:
        raise click.ClickException(f"{file}: {error.detail}") from None
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from None


def _rules(file: Path, names: Sequence[str]) -> Imported:
    """The rules of all files that a test file names, which lie beside it."""
    rules: list[Found] = []
    skipped: list[Skipped] = []
    for name in names:
        for found in glob_of(file.parent, name):
            read = read_groups(document_of(found))
            rules += read.rules
            skipped += read.skipped
    return Imported(tuple(rules), tuple(skipped))


def _tell(file: Path, report: Report, *, verbose: bool) -> None:
    click.echo(f"{file}: {'FAILED' if report.failed else 'ok'}")
    for one in report.failed:
        first, *others = one.diff.splitlines()
        click.echo("\n".join([f"  FAILED   {first}", *(f"           {line}" for line in others)]))
    for left in report.unsupported:
        click.echo(f"  not run  {left.case}: {left.subject} at {format_duration(left.at)}: {left.reason}")
    if verbose:
        for held in report.passed:
            click.echo(f"  ok       {held.case}: {held.alertname} at {format_duration(held.at)}")
