"""HTTP of monitoring: probes and health."""

import marshmallow as ma
from flask import Response

from app.analytics import service
from app.analytics.domain import overall
from app.auth.access import identity_if_any, public
from app.core.clock import utcnow
from app.core.http import Blueprint, answer_json, runtime

blueprint = Blueprint("monitoring", __name__, url_prefix="/monitoring", description="Is it well?")


class SystemHealth(ma.Schema):
    """The state of the whole; with a token, of each part."""

    status = ma.fields.String(validate=ma.validate.OneOf(["ok", "degraded", "down"]))
    checks = ma.fields.Dict(keys=ma.fields.String())


class Probe(ma.Schema):
    """The answer to a probe."""

    status = ma.fields.String()
    detail = ma.fields.String()


@blueprint.route("/health", methods=["GET"])
@public
@blueprint.response(200, SystemHealth)
@blueprint.alt_response(503, schema=SystemHealth)
def health() -> Response:
    """200 when every part is well, else 503; the parts are shown to callers with a token."""
    checks = service.health(runtime(), utcnow())
    status = overall(checks)
    body: dict[str, object] = {"status": status}
    if status != "down" and identity_if_any() is not None:
        body["checks"] = {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}
    return answer_json(body, 200 if status == "ok" else 503)


@blueprint.route("/live", methods=["GET"])
@public
@blueprint.response(200, Probe)
def live() -> Response:
    """200 while this process answers at all."""
    return answer_json({"status": "ok"}, 200)


@blueprint.route("/ready", methods=["GET"])
@public
@blueprint.response(200, Probe)
@blueprint.alt_response(503, schema=Probe)
def ready() -> Response:
    """200 when alerts can be taken in, which needs the database and nothing else."""
    check = service.database(runtime())
    return answer_json({"status": "ok" if check.ok else "unavailable"}, 200 if check.ok else 503)
