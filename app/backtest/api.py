"""HTTP of back-tests."""

from datetime import timedelta
from typing import Any

from flask import Response

from app.auth.access import allow
from app.auth.domain import Role
from app.backtest import service
from app.backtest.domain import score
from app.backtest.samples import points_of, read_points
from app.backtest.schemas import BacktestIn, BacktestOut, rehearsal_out
from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.http import Blueprint, answer_json, runtime
from app.rules import service as rules
from app.rules.domain.checks import problems
from app.rules.domain.rule import Definition, Rule

blueprint = Blueprint("backtest", __name__, url_prefix="/rules", description="What a rule would have done.")
_SPAN = timedelta(days=1)


@blueprint.route("/backtest", methods=["POST"])
@allow(Role.VIEWER)
@blueprint.arguments(BacktestIn)
@blueprint.response(200, BacktestOut)
def backtest(body: dict[str, Any]) -> Response:
    """When a rule would have fired and resolved, over samples that are given or stored; changes nothing."""
    open_ends, now = runtime(), utcnow()
    settings, rule, step = open_ends.settings, _rule(body), body.get("step")
    truncated = False
    if "samples" in body or "csv" in body:
        points = points_of(body["samples"], rule.metric) if "samples" in body else read_points(body["csv"], rule.metric)
        rehearsal = service.over_points(rule, points, step, settings)
    else:
        until = min(body.get("until", now), now)
        since = body.get("since") or until - min(body.get("window", _SPAN), settings.retention_samples)
        if since >= until:
            raise Invalid({"since": ["lies before until and in the past"]})
        rehearsal, truncated = service.over_stored(open_ends.redis, rule, since, until, step, settings)
    labelled = [(one["start"], one["end"]) for one in body["labelled"]]
    scored = score(rehearsal, labelled) if labelled else None
    shown = rehearsal_out(rehearsal, scored, max_points=body["max_points"], truncated=truncated)
    return answer_json(shown, 200)


def _rule(body: dict[str, Any]) -> Rule:
    if "rule_id" in body:
        with runtime().reading() as session:
            return rules.get_rule(session, body["rule_id"]).readable
    given = dict(body["rule"])
    rule_id = given.pop("id") or "draft"
    definition = Definition(**given)
    if found := problems(definition, runtime().settings.retention_samples):
        raise Invalid({"rule": found})
    return Rule(id=rule_id, version=0, **vars(definition))
