"""HTTP of telemetry: samples, log entries and events in, series and points out."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, current_app, g, request
from flask.sansio.blueprints import BlueprintSetupState

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.http import Blueprint, answer_json, body_json, runtime
from app.core.schemas import format_time
from app.telemetry import intake, service
from app.telemetry.cardinality import Sender, known_series
from app.telemetry.domain import Problems, charted_span, moment_of
from app.telemetry.schemas import (
    Ingested,
    IngestIn,
    NamesArgs,
    NamesList,
    QueryArgs,
    QueryOut,
    SeriesArgs,
    SeriesList,
    careful_batch,
    fast_batch,
)

blueprint = Blueprint("telemetry", __name__, url_prefix="/metrics", description="Samples in, series and points out.")
logs = Blueprint("log_entries", __name__, url_prefix="/logs", description="Log entries in, for rules to count.")
events = Blueprint("incoming_events", __name__, url_prefix="/events", description="Events in, for rules to count.")
blueprints = (blueprint, logs, events)


@blueprint.record_once
def _remember_series(state: BlueprintSetupState) -> None:
    settings = state.app.extensions["alerting"].settings
    state.app.extensions["alerting.known_series"] = known_series(settings)


@blueprint.route("/ingest", methods=["POST"])
@allow(Role.INGEST)
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": IngestIn}}})
@blueprint.response(202, Ingested)
def ingest() -> Response:
    """Take in up to 1,000 samples. A sample that cannot be accepted is named in the answer and spoils no other."""
    now, open_ends = utcnow(), runtime()
    batch = fast_batch(request.get_data(cache=True), now) or careful_batch(
        body_json(texts_checked=False, lenient=True), now
    )
    sender = Sender(g.caller_id, current_app.extensions["alerting.known_series"])
    refused = service.receive(open_ends.redis, batch.samples, now, open_ends.settings, sender)
    return _received(batch.indices, batch.rejected, refused)


@logs.route("/ingest", methods=["POST"])
@allow(Role.INGEST)
@logs.doc(requestBody={"required": True, "content": {"application/json": {"schema": intake.LogsIn}}})
@logs.response(202, Ingested)
def ingest_logs() -> Response:
    """Take in up to 1,000 log entries, which rules with source log count. One that cannot be accepted is named."""
    return _take_in(intake.LOGS)


@events.route("/ingest", methods=["POST"])
@allow(Role.INGEST)
@events.doc(requestBody={"required": True, "content": {"application/json": {"schema": intake.EventsIn}}})
@events.response(202, Ingested)
def ingest_events() -> Response:
    """Take in up to 1,000 events, which rules with source event count. One that cannot be accepted is named."""
    return _take_in(intake.EVENTS)


@blueprint.route("/series", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(SeriesArgs, location="query")
@blueprint.response(200, SeriesList)
def list_series(args: dict[str, Any]) -> Response:
    """Series that are known, by name and labels."""
    matchers = (*args["label"], *args["matcher"])
    found, truncated = service.find_series(runtime().redis, args["metric"], matchers, args["limit"])
    items = [
        {
            "id": one.series.id,
            "metric": one.series.metric,
            "labels": one.series.labels,
            "last_seen_at": format_time(one.last_seen_at),
        }
        for one in found
    ]
    return answer_json({"items": items, "truncated": truncated}, 200)


@blueprint.route("/names", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(NamesArgs, location="query")
@blueprint.response(200, NamesList)
def list_names(args: dict[str, Any]) -> Response:
    """Names of the metrics that are known."""
    found, truncated = service.metric_names(runtime().redis, args["q"], args["limit"])
    return answer_json({"items": found, "truncated": truncated}, 200)


@blueprint.route("/query", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(QueryArgs, location="query")
@blueprint.response(200, QueryOut)
def query(args: dict[str, Any]) -> Response:
    """Points of a metric's series over a window, for charts; long windows keep their peaks."""
    now, open_ends = utcnow(), runtime()
    start, end = charted_span(args["window"], args["since"], args["until"], now, open_ends.settings.retention_samples)
    matchers = (*args["label"], *args["matcher"])
    lines, truncated = service.query(open_ends.redis, args["metric"], matchers, start, end, args["max_points"])
    series = [
        {
            "id": line.series.id,
            "metric": line.series.metric,
            "labels": line.series.labels,
            "points": [
                [format_time(moment_of(at_ms)), value]
                for at_ms, value in zip(line.times.tolist(), line.values.tolist(), strict=True)
            ],
        }
        for line in lines
    ]
    return answer_json({"series": series, "truncated": truncated}, 200)


def _take_in(form: intake.Form[Any]) -> Response:
    now, open_ends = utcnow(), runtime()
    raw = request.get_data(cache=True)
    batch = form.fast_batch(raw, now) or form.careful_batch(body_json(texts_checked=False, lenient=True), now)
    refused = service.receive_entries(open_ends.redis, batch.entries, now, open_ends.settings)
    return _received(batch.indices, batch.rejected, refused)


def _received(indices: Sequence[int], rejected: Mapping[int, Problems], refused: Mapping[int, Problems]) -> Response:
    """The answer to a batch: `rejected` were not well-formed; `refused`, by position, were and cannot be accepted."""
    n_accepted = len(indices) - len(refused)
    if n_accepted:
        runtime().queue.nudge("evaluation")
    problems = {**rejected, **{indices[position]: found for position, found in refused.items()}}
    answer = [{"index": index, "errors": found} for index, found in sorted(problems.items())]
    return answer_json({"accepted": n_accepted, "rejected": answer}, 202)
