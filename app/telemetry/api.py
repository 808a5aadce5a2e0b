"""HTTP of telemetry: samples in, series and points out."""

from typing import Any

from flask import Response, current_app, g, request
from flask.sansio.blueprints import BlueprintSetupState

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.http import Blueprint, answer_json, body_json, runtime
from app.core.schemas import format_time
from app.telemetry import service
from app.telemetry.cardinality import Sender, known_series
from app.telemetry.domain import charted_span, moment_of
from app.telemetry.schemas import (
    Ingested,
    IngestIn,
    QueryArgs,
    QueryOut,
    SeriesArgs,
    SeriesList,
    careful_batch,
    fast_batch,
)

blueprint = Blueprint("telemetry", __name__, url_prefix="/metrics", description="Samples in, series and points out.")


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
    batch = fast_batch(request.get_data(cache=True), now) or careful_batch(body_json(texts_checked=False), now)
    sender = Sender(g.caller_id, current_app.extensions["alerting.known_series"])
    refused = service.receive(open_ends.redis, batch.samples, now, open_ends.settings, sender)
    n_accepted = len(batch.samples) - len(refused)
    if n_accepted:
        open_ends.queue.nudge("evaluation")
    rejected = batch.rejected | {batch.indices[position]: problems for position, problems in refused.items()}
    answer = [{"index": index, "errors": problems} for index, problems in sorted(rejected.items())]
    return answer_json({"accepted": n_accepted, "rejected": answer}, 202)


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
