"""HTTP of data sources."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.http import (
    Answer,
    Blueprint,
    DeleteArgs,
    PageArgs,
    answer_json,
    page_of,
    parse_cursor,
    read,
    runtime,
    write,
)
from app.telemetry.datasources import schemas, service
from app.telemetry.datasources.schemas import datasource_out

blueprint = Blueprint(
    "datasources", __name__, url_prefix="/datasources", description="Prometheus-compatible servers that rules ask."
)


@blueprint.route("", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(PageArgs, location="query")
@blueprint.response(200, schemas.DatasourcePage)
def list_datasources(args: dict[str, Any]) -> Response:
    """Data sources, newest first, secrets masked."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None

    def unit(session: Session, now: datetime) -> Any:
        found = service.datasources_page(session, after, args["limit"] + 1)
        page = page_of(found, args["limit"], lambda one: (one.created_at, one.id))
        return {**page, "items": [datasource_out(one) for one in page["items"]]}

    return read(unit)


@blueprint.route("", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.arguments(schemas.DatasourceIn)
@blueprint.response(201, schemas.DatasourceOut)
def create_datasource(body: dict[str, Any]) -> Response:
    """Make a data source. It is not asked for it: POST /datasources/{id}/test does that."""

    def unit(session: Session, now: datetime) -> Answer:
        return datasource_out(service.create_datasource(session, body, runtime().secrets, now)), 201

    return write(unit)


@blueprint.route("/<datasource_id>", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, schemas.DatasourceOut)
def get_datasource(datasource_id: str) -> Response:
    """A data source, secrets masked."""
    return read(lambda session, _now: datasource_out(service.datasource(session, datasource_id)))


@blueprint.route("/<datasource_id>", methods=["PUT"])
@allow(Role.ADMIN)
@blueprint.arguments(schemas.DatasourcePut)
@blueprint.response(200, schemas.DatasourceOut)
def replace_datasource(body: dict[str, Any], datasource_id: str) -> Response:
    """Replace a data source's definition; secrets sent as their mask stay as they are."""
    return _change(datasource_id, body, whole=True)


@blueprint.route("/<datasource_id>", methods=["PATCH"])
@allow(Role.ADMIN)
@blueprint.arguments(schemas.DatasourcePatch)
@blueprint.response(200, schemas.DatasourceOut)
def change_datasource(body: dict[str, Any], datasource_id: str) -> Response:
    """Change some fields of a data source."""
    return _change(datasource_id, body, whole=False)


@blueprint.route("/<datasource_id>", methods=["DELETE"])
@allow(Role.ADMIN)
@blueprint.arguments(DeleteArgs, location="query")
@blueprint.response(204)
def delete_datasource(args: dict[str, Any], datasource_id: str) -> Response:
    """Delete a data source; rules that name it fail from then on, and their health says why."""

    def unit(session: Session, now: datetime) -> Answer:
        service.delete_datasource(session, datasource_id, args["expected_version"])
        return None, 204

    return write(unit)


@blueprint.route("/<datasource_id>/test", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.response(200, schemas.TriedOut)
def test_datasource(datasource_id: str) -> Response:
    """Ask a data source for `vector(1)` and say how that went."""
    open_ends = runtime()
    with open_ends.reading() as session:
        source = service.datasource_to_ask(session, datasource_id, open_ends.secrets)
    # Nothing is open in the database while the server is waited for.
    return answer_json(asdict(service.try_out(source, utcnow())), 200)


def _change(datasource_id: str, body: dict[str, Any], *, whole: bool) -> Response:
    def unit(session: Session, now: datetime) -> Answer:
        changed = service.change_datasource(session, datasource_id, body, runtime().secrets, now, whole=whole)
        return datasource_out(changed), 200

    return write(unit)
