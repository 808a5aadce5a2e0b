"""HTTP of monitoring: probes and health."""

import marshmallow as ma
from flask import Response

from app.analytics import service, state
from app.analytics.domain import overall
from app.auth.access import allow, identity_if_any, public
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.http import Blueprint, answer_json, read, runtime

state_of_the_engine = Blueprint("engine", __name__, description="What the stages have before them.")
blueprint = Blueprint("monitoring", __name__, url_prefix="/monitoring", description="Is it well?")


class SystemHealth(ma.Schema):
    """The state of the whole; with a token, of each part."""

    status = ma.fields.String(validate=ma.validate.OneOf(["ok", "degraded", "down"]))
    checks = ma.fields.Dict(keys=ma.fields.String())


class RulesState(ma.Schema):
    """Rules by what their evaluation has come to; `due` wait now, `late` for more than their interval."""

    total = ma.fields.Integer()
    enabled = ma.fields.Integer()
    due = ma.fields.Integer()
    late = ma.fields.Integer()
    pending = ma.fields.Integer()
    ok = ma.fields.Integer()
    no_data = ma.fields.Integer()
    error = ma.fields.Integer()
    n_missed = ma.fields.Integer(metadata={"description": "evaluations that were not made in time, since ever"})
    oldest_due_s = ma.fields.Float()


class AlertsState(ma.Schema):
    """Alerts of which it is not decided yet who is told."""

    undecided = ma.fields.Integer()
    oldest_undecided_s = ma.fields.Float(allow_none=True)


class NotificationsState(ma.Schema):
    """Messages on their way, and dead ones."""

    undelivered = ma.fields.Integer()
    oldest_undelivered_s = ma.fields.Float(allow_none=True)
    dead = ma.fields.Integer()


class StageState(ma.Schema):
    """A stage's last sign of life."""

    last_seen_at = ma.fields.String(allow_none=True)
    age_s = ma.fields.Float(allow_none=True)


class EngineState(ma.Schema):
    """The engine's own state; `queues` are messages that wait at the broker."""

    at = ma.fields.String()
    rules = ma.fields.Nested(RulesState)
    alerts = ma.fields.Nested(AlertsState)
    notifications = ma.fields.Nested(NotificationsState)
    queues = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer(allow_none=True))
    stages = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(StageState))


class RuleNoise(ma.Schema):
    """The alerts of a rule in the last day."""

    rule_id = ma.fields.String()
    n_alerts = ma.fields.Integer(metadata={"description": "alerts that began"})
    n_episodes = ma.fields.Integer(metadata={"description": "times that they fired, reopenings included"})
    n_open = ma.fields.Integer()


class Noise(ma.Schema):
    """Rules that have alerts, the noisiest first."""

    since = ma.fields.String()
    items = ma.fields.List(ma.fields.Nested(RuleNoise))


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


@state_of_the_engine.route("/alerts/status", methods=["GET"])
@allow(Role.VIEWER)
@state_of_the_engine.response(200, EngineState)
def engine_status() -> Response:
    """The engine's own state: rules due and late, queue depths, oldest undelivered, last run of each stage."""
    return answer_json(state.engine_state(runtime(), utcnow()), 200)


@state_of_the_engine.route("/rules/noise", methods=["GET"])
@allow(Role.VIEWER)
@state_of_the_engine.response(200, Noise)
def rules_noise() -> Response:
    """How many alerts each rule made in the last day; rules without are left out."""
    return read(lambda session, now: state.noise(session, now))
