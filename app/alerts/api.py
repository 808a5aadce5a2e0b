"""HTTP of alerts."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from app.alerts import reports, schemas, service, store
from app.alerts.domain import lifecycle
from app.alerts.domain.absorption import Outcome, Result
from app.alerts.domain.alert import Alert, Report, Resolution
from app.alerts.domain.search import Search
from app.alerts.intake import read_report
from app.alerts.limits import limits_of
from app.auth.access import allow
from app.auth.domain import Role
from app.core import http
from app.core.errors import Invalid, NotFound
from app.core.runtime import Runtime
from app.notifications import service as notifications

blueprint = http.Blueprint("alerts", __name__, url_prefix="/alerts", description="Alerts: in, handled, looked up.")
_CSV = (
    *("id", "name", "severity", "status", "source", "service", "value", "occurrences", "first_seen_at"),
    *("activated_at", "acknowledged_at", "acknowledged_by", "resolved_at", "resolution", "closed_at", "labels"),
)


@blueprint.route("/create", methods=["POST"])
@allow(Role.INGEST)
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": schemas.AlertIn}}})
@blueprint.response(201, schemas.AlertOut)
@blueprint.alt_response(
    200,
    schema={"oneOf": [schemas.AlertOut, schemas.IgnoredOut]},
    description="Folded into an open alert, or a resolve that was ignored",
)
def create() -> Response:
    """Report one alert: 201 for a new one, 200 when it was folded into one that is open."""
    item = http.body_json()

    def unit(session: Session, now: datetime) -> http.Answer:
        settings = http.runtime().settings
        report = read_report(item, now, settings.identity_drop_labels)
        outcome = service.absorb(session, [report], now, limits_of(settings))[0]
        if outcome.alert is None:
            return {"status": outcome.result.value, "id": None, "reason": outcome.reason}, 200
        return _out(outcome.alert), 201 if outcome.result is Result.CREATED else 200

    return http.write(unit)


@blueprint.route("/bulk/create", methods=["POST"])
@allow(Role.INGEST)
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": schemas.AlertsIn}}})
@blueprint.response(200, schemas.BulkOut)
def create_many() -> Response:
    """Report up to 1,000 alerts; each has its own result."""
    body = http.body_json()
    items = body.get("alerts") if isinstance(body, dict) else None
    if not isinstance(items, list) or len(body) != 1:
        raise Invalid({"alerts": ['send {"alerts": [...]} and nothing else']})
    if len(items) > http.MAX_BATCH:
        raise Invalid({"alerts": [f"at most {http.MAX_BATCH} alerts at once; there are {len(items)}"]})

    def unit(session: Session, now: datetime) -> http.Answer:
        settings = http.runtime().settings
        results: list[dict[str, Any]] = []
        accepted: list[tuple[int, Report]] = []
        for index, item in enumerate(items):
            results.append({"index": index, "status": "rejected", "id": None, "errors": None})
            try:
                accepted.append((index, read_report(item, now, settings.identity_drop_labels)))
            except Invalid as error:
                results[index]["errors"] = error.errors
        outcomes = service.absorb(session, [report for _, report in accepted], now, limits_of(settings))
        for (index, _), outcome in zip(accepted, outcomes, strict=True):
            results[index].update(status=outcome.result.value, id=_id(outcome))
        counts = {
            name: sum(result["status"] == name for result in results)
            for name in ("created", "deduplicated", "rejected")
        }
        return {"results": results, **counts}, 200

    return http.write(unit)


@blueprint.route("", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(schemas.AlertArgs, location="query")
@blueprint.response(200, schemas.AlertPage)
def list_alerts(args: dict[str, Any]) -> Response:
    """Open and recently resolved alerts, newest first; name a `status` to see others."""
    return http.read(lambda session, now: _page(session, args, recent_since=now - http.runtime().settings.close_after))


@blueprint.route("/history", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(schemas.HistoryArgs, location="query")
@blueprint.response(200, schemas.AlertPage)
@blueprint.alt_response(200, schema={"type": "string"}, content_type="text/csv", description="OK")
def history(args: dict[str, Any]) -> Response:
    """Every alert, closed ones too; `format=csv` streams them all."""
    if args["format"] == "csv":
        return _csv(http.runtime(), _search(args) if args["incident_id"] is None else None)
    return http.read(lambda session, _now: _page(session, args))


@blueprint.route("/summary", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(schemas.SummaryArgs, location="query")
@blueprint.response(200, schemas.SummaryOut)
def summary(args: dict[str, Any]) -> Response:
    """Counts of what is open; MTTA and MTTR since `since` (24 hours ago by default)."""

    def unit(session: Session, now: datetime) -> Any:
        until = args["until"] or now
        return reports.summary(session, args["since"] or until - timedelta(hours=24), until)

    return http.read(unit)


@blueprint.route("/<alert_id>", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, schemas.AlertDetail)
def get_alert(alert_id: str) -> Response:
    """An alert with its timeline and deliveries."""

    def unit(session: Session, now: datetime) -> Any:
        alert = store.by_ids(session, [alert_id]).get(alert_id)
        if alert is None:
            raise NotFound(f"no alert {alert_id}")
        return {
            **_out(alert),
            "timeline": [schemas.entry_out(line) for line in store.timeline_of(session, alert_id)],
            "suppressions": list(alert.suppressors),
            "deliveries": notifications.deliveries_of(session, alert_id),
        }

    return http.read(unit)


@blueprint.route("/<alert_id>/acknowledge", methods=["POST"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.AcknowledgeIn)
@blueprint.response(200, schemas.AlertOut)
def acknowledge(body: dict[str, Any], alert_id: str) -> Response:
    """Take care of an alert; with `timeout` it is open again after it."""
    return _step(
        alert_id,
        body,
        lambda alert, now: lifecycle.acknowledge(
            alert, now, http.actor(), body["note"], now + body["timeout"] if body["timeout"] else None
        ),
    )


@blueprint.route("/<alert_id>/unacknowledge", methods=["POST"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.NoteIn)
@blueprint.response(200, schemas.AlertOut)
def unacknowledge(body: dict[str, Any], alert_id: str) -> Response:
    """Give an alert back."""
    return _step(alert_id, body, lambda alert, now: lifecycle.unacknowledge(alert, now, http.actor(), body["note"]))


@blueprint.route("/<alert_id>/resolve", methods=["POST"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.NoteIn)
@blueprint.response(200, schemas.AlertOut)
def resolve(body: dict[str, Any], alert_id: str) -> Response:
    """Say that it is over; a source that goes on firing reopens it after a while."""
    return _step(
        alert_id,
        body,
        lambda alert, now: lifecycle.resolve(alert, now, http.actor(), body["note"], Resolution.MANUAL),
    )


@blueprint.route("/<alert_id>/close", methods=["POST"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.NoteIn)
@blueprint.response(200, schemas.AlertOut)
def close(body: dict[str, Any], alert_id: str) -> Response:
    """Put a resolved alert away; the next firing is a new alert."""
    return _step(alert_id, body, lambda alert, now: lifecycle.close(alert, now, http.actor(), body["note"]))


@blueprint.route("/<alert_id>/comment", methods=["POST"])
@allow(Role.RESPONDER)
@blueprint.arguments(schemas.CommentIn)
@blueprint.response(201, schemas.EntryOut)
def comment(body: dict[str, Any], alert_id: str) -> Response:
    """Add a remark to the timeline."""

    def unit(session: Session, now: datetime) -> http.Answer:
        made = service.comment(session, alert_id, body["text"], now, http.actor(), body["expected_version"])
        return schemas.entry_out(made), 201

    return http.write(unit)


def _step(alert_id: str, body: dict[str, Any], step: Any) -> Response:
    def unit(session: Session, now: datetime) -> http.Answer:
        return _out(service.change(session, alert_id, lambda alert: step(alert, now), body["expected_version"])), 200

    return http.write(unit)


def _page(session: Session, args: dict[str, Any], recent_since: datetime | None = None) -> dict[str, Any]:
    after = http.parse_cursor(args["cursor"]) if args["cursor"] else None
    search = _search(args, recent_since)
    found = reports.find(session, search, after, args["limit"] + 1) if args["incident_id"] is None else []
    page = http.page_of(found, args["limit"], search.place_of)
    return {**page, "items": [_out(alert) for alert in page["items"]]}


def _search(args: dict[str, Any], recent_since: datetime | None = None) -> Search:
    return Search(
        statuses=tuple(args["status"]),
        severities=tuple(args["severity"]),
        sources=tuple(args["source"]),
        services=tuple(args["service"]),
        rule_id=args["rule_id"],
        matchers=(*args["label"], *args["matcher"]),
        since=args["since"],
        until=args["until"],
        text=args["q"],
        sort=args["sort"],
        recent_since=recent_since,
    )


def _out(alert: Alert) -> dict[str, Any]:
    return schemas.alert_out(alert, http.runtime().settings.dashboard_url)


def _id(outcome: Outcome) -> str | None:
    return outcome.alert.id if outcome.alert is not None else None


def _csv(runtime: Runtime, search: Search | None) -> Response:
    """All alerts of a search as CSV (only the head without one), read and sent in chunks.

    The database is let go before a chunk is sent, because a client may read as slowly as it likes.
    """

    def lines() -> Iterator[str]:
        yield _rows([_CSV])
        after: reports.Place | None = None
        while search is not None:
            with runtime.reading() as session:
                alerts, after = reports.chunk(session, search, after)
            shown = (schemas.alert_out(alert, "") for alert in alerts)
            yield _rows([_cell(out[name]) for name in _CSV] for out in shown)
            if after is None:
                return

    headers = {"Content-Disposition": 'attachment; filename="alerts.csv"'}
    return Response(lines(), mimetype="text/csv", headers=headers)


def _rows(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A cell; a text that a spreadsheet would take for a formula is quoted."""
    if isinstance(value, datetime | dict):
        value = http.to_json(value).decode().strip('"')
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
