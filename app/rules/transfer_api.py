"""HTTP of moving rules: import from files, export, and advice on a rule."""

from datetime import datetime
from typing import Any

import marshmallow as ma
from flask import Response, request
from sqlalchemy.orm import Session

from app.auth.access import allow
from app.auth.domain import Role
from app.core.clock import utcnow
from app.core.errors import Invalid
from app.core.http import Answer, Blueprint, actor, answer_json, read, runtime, write
from app.core.schemas import NameOrId, Shape
from app.rules import transfer
from app.rules.documents import JSON_TYPES, YAML_TYPES, read_document, written_yaml
from app.rules.domain.advice import advice
from app.rules.domain.checks import problems
from app.rules.domain.imported import Imported
from app.rules.domain.prometheus_rules import read_groups
from app.rules.domain.rule import Definition
from app.rules.native import exported, read_rules, shape_reason
from app.rules.schemas.definition import RuleIn
from app.rules.schemas.shown import Advice

MAX_RULES = 5000
#: Endpoints that take more than JSON.
MEDIA_TYPES = {"transfer.import_rules": YAML_TYPES}

blueprint = Blueprint("transfer", __name__, url_prefix="/rules", description="Rules as files: in, out, and advice.")


class ImportArgs(Shape):
    """How a file is read."""

    format = ma.fields.String(load_default="native", validate=ma.validate.OneOf(["native", "prometheus"]))
    dry_run = ma.fields.Boolean(load_default=False, metadata={"description": "only say what would become of the rules"})
    datasource = NameOrId(load_default=None, metadata={"description": "the Prometheus server that rules ask"})


class SkippedOut(ma.Schema):
    """A rule that was left out, and how to mend it."""

    index = ma.fields.Integer()
    group = ma.fields.String()
    name = ma.fields.String()
    reason = ma.fields.String()


class NoteOut(Advice):
    """Advice on one of many rules."""

    id = ma.fields.String()


class ImportOut(ma.Schema):
    """What became of the rules, by id."""

    created = ma.fields.List(ma.fields.String())
    updated = ma.fields.List(ma.fields.String())
    unchanged = ma.fields.List(ma.fields.String())
    skipped = ma.fields.List(ma.fields.Nested(SkippedOut))
    advice = ma.fields.List(ma.fields.Nested(NoteOut))
    dry_run = ma.fields.Boolean()


class ExportArgs(Shape):
    """How rules are written."""

    format = ma.fields.String(load_default="yaml", validate=ma.validate.OneOf(["yaml", "json"]))


class ExportOut(ma.Schema):
    """All rules, as an import takes them."""

    rules = ma.fields.List(ma.fields.Nested(RuleIn))


class LintOut(ma.Schema):
    """What there is to think of."""

    advice = ma.fields.List(ma.fields.Nested(Advice))


@blueprint.route("/import", methods=["POST"])
@allow(Role.ADMIN)
@blueprint.arguments(ImportArgs, location="query")
@blueprint.doc(
    requestBody={
        "required": True,
        "content": {name: {"schema": {"type": ["object", "array", "string"]}} for name in JSON_TYPES + YAML_TYPES},
    }
)
@blueprint.response(200, ImportOut)
def import_rules(args: dict[str, Any]) -> Response:
    """Take in at most 5,000 rules of our own format or a rule file of Prometheus; what cannot be used is told.

    A rule whose id exists is replaced. The same file again changes nothing.
    """
    found = _read(args)
    if len(found.rules) + len(found.skipped) > MAX_RULES:
        raise Invalid({"rules": [f"a file has at most {MAX_RULES} rules; send it in parts"]})

    def unit(session: Session, now: datetime) -> Answer:
        done = transfer.import_rules(
            session, found, now, runtime().settings, actor(), dry_run=args["dry_run"], shape_reason=shape_reason
        )
        skipped = [
            {"index": one.place.index, "group": one.place.group, "name": one.place.name, "reason": one.reason}
            for one in done.skipped
        ]
        notes = [{"id": note.id, "field": note.field, "message": note.message} for note in done.notes]
        ids = {"created": done.created, "updated": done.updated, "unchanged": done.unchanged}
        return {**ids, "skipped": skipped, "advice": notes, "dry_run": args["dry_run"]}, 200

    return write(unit)


def _read(args: dict[str, Any]) -> Imported:
    native = args["format"] == "native"
    document = read_document(request.get_data(cache=True), is_yaml=not request.is_json, typed=native)
    if not native:
        return read_groups(document, args["datasource"])
    if args["datasource"] is not None:
        raise Invalid({"datasource": ["rules of our own format name their data source themselves; leave it out"]})
    return read_rules(document)


@blueprint.route("/export", methods=["GET"])
@allow(Role.VIEWER)
@blueprint.arguments(ExportArgs, location="query")
@blueprint.response(200, ExportOut)
def export_rules(args: dict[str, Any]) -> Response:
    """All rules in our own format, oldest first; what has its default is left out."""

    def unit(session: Session, now: datetime) -> Any:
        return {"rules": [exported(rule) for rule in transfer.export_rules(session)]}

    if args["format"] == "json":
        return read(unit)
    with runtime().reading() as session:
        text = written_yaml(unit(session, utcnow()))
    return Response(text, mimetype="application/yaml")


@blueprint.route("/lint", methods=["POST"])
@allow(Role.VIEWER)
@blueprint.arguments(RuleIn)
@blueprint.response(200, LintOut)
def lint_rule(body: dict[str, Any]) -> Response:
    """What there is to think of a rule, without saving it."""
    body.pop("id")
    definition, settings = Definition(**body), runtime().settings
    if found := problems(definition, settings.retention_samples):
        raise Invalid(found)
    items = advice(definition, default_interval=settings.evaluation_interval)
    return answer_json({"advice": [{"field": one.field, "message": one.message} for one in items]}, 200)
