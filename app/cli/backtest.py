"""`flask rules backtest`: what a rule would have done with the samples of files, or with those that are stored."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import marshmallow as ma
import yaml
from flask.cli import with_appcontext

from app.alerts.limits import limits_of
from app.backtest.domain import MAX_JUDGED, Fired, Rehearsal, Score, moments_of, rehearse, score
from app.backtest.samples import parse_moment, read_points, windows_of_points
from app.core.durations import format_duration, parse_duration
from app.core.errors import Invalid
from app.core.schemas import format_time
from app.rules.domain.checks import problems
from app.rules.domain.grouping import grouped
from app.rules.domain.rule import Aggregation, Definition, Operator, Rule
from app.rules.schemas.definition import RuleIn
from app.settings import Settings, SettingsError, read_settings

_NAMED = 20  # firings that are listed without --all
Labelled = list[tuple[datetime, datetime]]


class Span(click.ParamType[timedelta]):
    """A duration on the command line."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration that a text names."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Run:
    """A rule over one source of samples, and how long that took."""

    name: str
    rehearsal: Rehearsal
    scored: Score | None
    seconds: float


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--rule",
    "rule_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The rule: a YAML or JSON file in the format of the API.",
)
@click.option(
    "--operator", type=click.Choice([one.value for one in Operator]), default="greater_than", show_default=True
)
@click.option("--threshold", type=float, multiple=True, help="A number; twice for a range; the z-score of an anomaly.")
@click.option("--aggregation", type=click.Choice([one.value for one in Aggregation]), default="avg", show_default=True)
@click.option("--window", type=Span(), default="5m", show_default=True, help="The evaluation window.")
@click.option("--for", "pending_for", type=Span(), default="0s", show_default=True)
@click.option("--step", type=Span(), help="Time between two evaluations; default: as the samples come.")
@click.option(
    "--labelled",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON: windows [[start, end], ...] in which it should fire, or an object of them by file name.",
)
@click.option("--stored", is_flag=True, help="Take the samples that the running system has stored, not files.")
@click.option("--metric", default="", help="The metric of a rule without a file; in files, only its samples count.")
@click.option("--last", type=Span(), default="1d", show_default=True, help="With --stored: how far back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each file.")
@click.option("--all", "list_all", is_flag=True, help=f"List every firing, not only the first {_NAMED} of each file.")
@with_appcontext
def backtest(
    files: Sequence[Path],
    rule_file: Path | None,
    labelled: Path | None,
    stored: bool,
    as_json: bool,
    list_all: bool,
    **options: Any,
) -> None:
    """Say when a rule would have fired over the samples in FILES.

    A file is CSV with a header (timestamp, value, and any labels as further columns) or JSON. The rule is a file, or a
    few options:

      flask rules backtest cpu.csv --operator anomaly --threshold 4 --window 15m --labelled windows.json

      flask rules backtest --stored --metric system.cpu.usage --threshold 90 --last 6h
    """
    try:
        settings = read_settings()
    except SettingsError as error:
        raise SystemExit(str(error)) from None
    if stored == bool(files):
        raise click.UsageError("name files with samples, or say --stored")
    if options["step"] == timedelta(0):
        raise click.BadParameter("use a duration longer than 0s", param_hint="--step")
    rule = _rule(rule_file, options, settings)
    windows = _document(labelled) if labelled else None
    metric = rule.metric if rule_file else options["metric"]
    runs = (
        _stored(rule, options, settings) if stored else _files(files, rule, metric, options["step"], windows, settings)
    )
    if not as_json:
        click.echo(_HEADER)
    for run in runs:
        click.echo(json.dumps(_as_json(run)) if as_json else _row(run))
        if not as_json:
            shown = run.rehearsal.fired if list_all else run.rehearsal.fired[:_NAMED]
            for fired in shown:
                click.echo(_line(fired))
            if left := len(run.rehearsal.fired) - len(shown):
                click.echo(f"    and {left} more; --all lists them")


def _files(
    files: Sequence[Path], rule: Rule, metric: str, step: timedelta | None, windows: Any, settings: Settings
) -> Iterator[Run]:
    for file in files:
        began = time.perf_counter()
        try:
            found = windows_of_points(rule, read_points(file.read_text(), metric))
            most = MAX_JUDGED // max(len(grouped([rule], found).rule), 1)
            moments = moments_of(found, rule.interval or settings.evaluation_interval, step, found.now, most=most)
            rehearsal = rehearse(rule, found, moments, limits_of(settings))
        except (Invalid, UnicodeDecodeError) as error:
            raise click.ClickException(f"{file}: {error}") from None
        labelled = _labelled_of(windows, file)
        yield Run(
            str(file), rehearsal, None if labelled is None else score(rehearsal, labelled), time.perf_counter() - began
        )


def _stored(rule: Rule, options: dict[str, Any], settings: Settings) -> Iterator[Run]:
    # Only this way needs Redis, and all that comes with it.
    from app.backtest.service import over_stored
    from app.cli.opened import mendable, runtime
    from app.core.clock import utcnow

    began, now = time.perf_counter(), utcnow()
    since = now - options["last"]
    redis = runtime().redis
    rehearsal, truncated = mendable(lambda: over_stored(redis, rule, since, now, options["step"], settings))
    if truncated:
        click.echo("more series match than are looked at; narrow the selector down", err=True)
    yield Run(rule.series_metric, rehearsal, None, time.perf_counter() - began)


def _rule(file: Path | None, options: dict[str, Any], settings: Settings) -> Rule:
    body = _body_of(file) if file else _body_from(options)
    try:
        given = RuleIn().load(body)
    except ma.ValidationError as error:
        raise click.ClickException(_mistakes(error.messages)) from None
    rule_id = given.pop("id") or "draft"
    definition = Definition(**given)
    if found := problems(definition, max(settings.retention_samples, definition.window)):
        raise click.ClickException(_mistakes(found))
    return Rule(id=rule_id, version=0, **vars(definition))


def _body_of(file: Path) -> Any:
    try:
        body = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise click.ClickException(f"{file}: {error}") from None
    if isinstance(body, dict) and isinstance(body.get("rules"), list) and len(body["rules"]) == 1:
        return body["rules"][0]
    return body


def _document(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file}: no JSON: {error}") from None


def _body_from(options: dict[str, Any]) -> dict[str, Any]:
    threshold = options["threshold"]
    body = {
        "name": "draft",
        "severity": "HIGH",
        "metric": options["metric"] or "value",
        "operator": options["operator"],
        "aggregation": options["aggregation"],
        "evaluation_window": format_duration(options["window"]),
        "for": format_duration(options["pending_for"]),
    }
    if threshold:
        body["threshold"] = list(threshold) if len(threshold) > 1 else threshold[0]
    return body


def _mistakes(found: Any) -> str:
    if not isinstance(found, dict):
        return str(found)
    return "\n".join(
        f"{name}: {'; '.join(map(str, what)) if isinstance(what, list) else what}" for name, what in found.items()
    )


def _labelled_of(windows: Any, file: Path) -> Labelled | None:
    if isinstance(windows, dict):
        windows = next((found for name, found in windows.items() if str(file).endswith(name)), None)
    if windows is None:
        return None
    try:
        return [(parse_moment(start), parse_moment(end)) for start, end in windows]
    except (ValueError, TypeError) as error:
        raise click.ClickException(f"--labelled: use [[start, end], ...]: {error}") from None


_HEADER = f"{'samples of':<48} {'samples':>8} {'fired':>6} {'flaps':>6} {'hits':>7} {'false':>6} {'a day':>7} {'ms':>6}"


def _row(run: Run) -> str:
    found = run.rehearsal
    hits = f"{run.scored.n_hits}/{run.scored.n_windows}" if run.scored else "-"
    false = str(run.scored.n_false_alarms) if run.scored else "-"
    rate = f"{run.scored.false_alarms_per_series_day:.2f}" if run.scored else "-"
    name = run.name if len(run.name) <= 48 else "…" + run.name[-47:]
    return (
        f"{name:<48} {found.n_samples:>8} {len(found.fired):>6} {found.n_flaps:>6} "
        f"{hits:>7} {false:>6} {rate:>7} {run.seconds * 1000:>6.0f}"
    )


def _line(fired: Fired) -> str:
    over = _moment(fired.resolved_at) if fired.resolved_at else "the end, where it still fires"
    labels = ", ".join(f"{name}={text}" for name, text in sorted(fired.labels.items()))
    return f"    {_moment(fired.fired_at)} to {over}{f'  {{{labels}}}' if labels else ''}  {fired.reason}"


def _moment(at: datetime) -> str:
    return format_time(at.replace(microsecond=0))


def _as_json(run: Run) -> dict[str, Any]:
    found = run.rehearsal
    return {
        "file": run.name,
        "n_samples": found.n_samples,
        "n_series": len(found.curves),
        "n_evaluations": found.n_evaluations,
        "n_alerts": found.n_alerts,
        "n_flaps": found.n_flaps,
        "firing_s": found.firing.total_seconds(),
        "alerts": [
            {
                "labels": dict(one.labels),
                "fired_at": format_time(one.fired_at),
                "resolved_at": format_time(one.resolved_at) if one.resolved_at else None,
                "value": one.value,
                "reason": one.reason,
            }
            for one in found.fired
        ],
        **({"score": {**vars(run.scored), "n_missed": run.scored.n_missed}} if run.scored else {}),
        "seconds": round(run.seconds, 4),
    }
