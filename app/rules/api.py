"""HTTP of rules."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import monotonic, utcnow
from app.core.errors import Invalid
from app.core.http import Answer, Blueprint, actor, answer_json, page_of, parse_cursor, read, runtime, write
from app.rules import service
from app.rules.domain.advice import advice
from app.rules.domain.rule import Definition, Source
from app.rules.schemas.definition import RuleIn, RulePatch, RulePut
from app.rules.schemas.shown import (
    RuleAdvised,
    RulePage,
    RulesArgs,
    VerdictsOut,
    VersionsOut,
    rule_out,
    verdicts_out,
    version_out,
)
from app.rules.store import Search, Stored
from app.rules.verdicts import Latest
from app.telemetry.datasources.service import datasources_named

blueprint = Blueprint("rules", __name__, url_prefix="/rules", description="What is watched, and when it is an alert.")


@blueprint.route("", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(RulesArgs, location="query")
@blueprint.response(200, RulePage)
def list_rules(args: dict[str, Any]) -> Response:
    """Rules, newest first; `q` looks into id, name and metric."""
    after = parse_cursor(args["cursor"]) if args["cursor"] else None
    wanted = Search(
        enabled=args["enabled"],
        metric=args["metric"],
        health=tuple(args["health"]),
        severity=tuple(args["severity"]),
        source=tuple(args["source"]),
        text=args["q"],
        after=after,
        limit=args["limit"] + 1,
    )

    def unit(session: Session, now: datetime) -> Any:
        rules = service.list_rules(session, wanted, now)
        page = page_of(rules, args["limit"], lambda one: (one.created_at, one.rule.id))
        latest = service.latest(runtime().redis, [one.rule.id for one in page["items"]])
        return {**page, "items": [rule_out(one, now, latest.get(one.rule.id)) for one in page["items"]]}

    return read(unit)


@blueprint.route("", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.arguments(RuleIn)
@blueprint.response(201, RuleAdvised)
def create_rule(body: dict[str, Any]) -> Response:
    """Make a rule; it is evaluated at once."""
    rule_id = body.pop("id")

    def unit(session: Session, now: datetime) -> Answer:
        made = service.create_rule(session, Definition(**body), rule_id, now, runtime().settings, actor())
        return _advised(made, now), 201

    return write(unit)


@blueprint.route("/<rule_id>", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, RuleAdvised)
def get_rule(rule_id: str) -> Response:
    """A rule, and how its evaluation goes."""
    latest = service.latest(runtime().redis, [rule_id]).get(rule_id)

    def unit(session: Session, now: datetime) -> Any:
        return _advised(service.get_rule(session, rule_id), now, latest)

    return read(unit)


@blueprint.route("/<rule_id>/versions", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, VersionsOut)
def list_versions(rule_id: str) -> Response:
    """What a rule has said, newest first, and who made it so; a deleted rule's versions stay."""
    return read(lambda session, _now: {"items": [version_out(one) for one in service.versions(session, rule_id)]})


@blueprint.route("/<rule_id>/verdicts", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.response(200, VerdictsOut)
def latest_verdicts(rule_id: str) -> Response:
    """What the last evaluation found of each series, with the reason."""
    latest = service.latest(runtime().redis, [rule_id]).get(rule_id)
    return read(lambda session, _now: verdicts_out(service.get_rule(session, rule_id).readable, latest))


@blueprint.route("/<rule_id>/evaluate", methods=["POST"])
@allow(Role.RESPONDER, Role.ADMIN)
@blueprint.response(200, VerdictsOut)
def evaluate_rule(rule_id: str) -> Response:
    """Evaluate a rule now: verdict, value and reason of each series. The workers do the same at once, with effect."""
    open_ends, now = runtime(), utcnow()
    rule = open_ends.run(lambda session: service.make_due(session, rule_id, now))
    began = monotonic()
    if rule.source is Source.PROMETHEUS:
        with open_ends.reading() as session:
            known = datasources_named(session, open_ends.secrets)
        found = service.examine_query(rule, known, now)
    else:
        found = service.examine(open_ends.redis, rule, now, open_ends.settings)
    took = timedelta(seconds=monotonic() - began)
    return answer_json(verdicts_out(rule, service.latest_of(found, now, took)), 200)


@blueprint.route("/<rule_id>", methods=["PUT"])
@allow(Role.ADMIN)
@blueprint.arguments(RulePut)
@blueprint.response(200, RuleAdvised)
def replace_rule(body: dict[str, Any], rule_id: str) -> Response:
    """Replace a rule's definition. A change of its condition resolves its alerts."""
    return _change(rule_id, body)


@blueprint.route("/<rule_id>", methods=["PATCH"])
@allow(Role.ADMIN)
@blueprint.arguments(RulePatch(partial=True))
@blueprint.response(200, RuleAdvised)
def change_rule(body: dict[str, Any], rule_id: str) -> Response:
    """Change some fields of a rule. A change of its condition resolves its alerts."""
    return _change(rule_id, body)


@blueprint.route("/<rule_id>", methods=["DELETE"])
@allow(Role.ADMIN)
@blueprint.response(204)
def delete_rule(rule_id: str) -> Response:
    """Delete a rule; its alerts are resolved."""

    def unit(session: Session, now: datetime) -> Answer:
        service.delete_rule(session, rule_id, now, actor())
        return None, 204

    return write(unit)


@blueprint.route("/<rule_id>/enable", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.response(200, RuleAdvised)
def enable_rule(rule_id: str) -> Response:
    """Switch a rule on; it is evaluated at once."""
    return _change(rule_id, {"enabled": True})


@blueprint.route("/<rule_id>/disable", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.response(200, RuleAdvised)
def disable_rule(rule_id: str) -> Response:
    """Switch a rule off; its alerts are resolved."""
    return _change(rule_id, {"enabled": False})


def _change(rule_id: str, body: dict[str, Any]) -> Response:
    changes = dict(body)
    if changes.pop("id", rule_id) != rule_id:
        raise Invalid({"id": ["an id does not change; leave it out or send the rule's own"]})
    expected_version = changes.pop("expected_version", None)

    def unit(session: Session, now: datetime) -> Answer:
        changed = service.change_rule(session, rule_id, changes, expected_version, now, runtime().settings, actor())
        return _advised(changed, now), 200

    return write(unit)


def _advised(stored: Stored, now: datetime, latest: Latest | None = None) -> dict[str, Any]:
    found = advice(stored.rule, default_interval=runtime().settings.evaluation_interval)
    return {**rule_out(stored, now, latest), "advice": [vars(one) for one in found]}
