"""Shapes of back-tests."""

from typing import Any

import marshmallow as ma
import numpy as np

from app.backtest.domain import Curve, Fired, Rehearsal, Score
from app.core.schemas import Duration, Shape, UtcTime, format_time
from app.rules.schemas.definition import RuleIn
from app.telemetry.domain import Numbers, downsample, moment_of

MAX_FIRED = 1000  # named in one answer
MAX_SAMPLES = 100_000


class LabelledIn(Shape):
    """A window in which the rule should have fired."""

    start = UtcTime(required=True)
    end = UtcTime(required=True)

    @ma.validates_schema
    def _in_order(self, data: dict[str, Any], **kwargs: Any) -> None:
        if "start" in data and "end" in data and data["start"] > data["end"]:
            raise ma.ValidationError("does not lie before start", "end")


class BacktestIn(Shape):
    """A rule (its body, or the id of a stored one) and samples, or a span of what is stored."""

    rule = ma.fields.Nested(RuleIn)
    rule_id = ma.fields.String(validate=ma.validate.Length(1, 64))
    samples = ma.fields.List(ma.fields.Dict(), validate=ma.validate.Length(max=MAX_SAMPLES))
    csv = ma.fields.String(metadata={"description": "the same as a CSV text with the columns timestamp and value"})
    window = Duration(metadata={"description": "the last so much of what is stored; default: 1d"})
    since = UtcTime()
    until = UtcTime()
    step = Duration(metadata={"description": "time between two evaluations; default: as the rule would be evaluated"})
    labelled = ma.fields.List(ma.fields.Nested(LabelledIn), load_default=[], validate=ma.validate.Length(max=1000))
    max_points = ma.fields.Integer(load_default=500, validate=ma.validate.Range(2, 5000))

    @ma.validates_schema
    def _one_of_each(self, data: dict[str, Any], **kwargs: Any) -> None:
        if ("rule" in data) == ("rule_id" in data):
            raise ma.ValidationError("give a rule, or the rule_id of a stored one", "rule")
        if "samples" in data and "csv" in data:
            raise ma.ValidationError("give samples or csv, not both", "csv")
        if "window" in data and "since" in data:
            raise ma.ValidationError("give window or since, not both", "window")
        if "step" in data and not data["step"]:
            raise ma.ValidationError("use a duration longer than 0s", "step")


class FiredOut(ma.Schema):
    """One time that an alert would have fired; `reopened` when it had fired shortly before (a flap)."""

    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    annotations = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    pending_at = UtcTime(allow_none=True)
    fired_at = UtcTime()
    resolved_at = UtcTime(allow_none=True)
    value = ma.fields.Float(allow_none=True)
    reason = ma.fields.String()
    reopened = ma.fields.Boolean()


class CurveOut(ma.Schema):
    """What the rule saw of a group: points [time, value], and for anomalies the band [time, low, high]."""

    labels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    points = ma.fields.List(ma.fields.List(ma.fields.Raw()))
    expected = ma.fields.List(ma.fields.List(ma.fields.Raw()))


class ScoreOut(ma.Schema):
    """Firings against the labelled windows."""

    n_windows = ma.fields.Integer()
    n_hits = ma.fields.Integer()
    n_missed = ma.fields.Integer()
    n_false_alarms = ma.fields.Integer()
    false_alarms_per_series_day = ma.fields.Float()


class BacktestOut(ma.Schema):
    """What the rule would have done."""

    since = UtcTime()
    until = UtcTime()
    n_series = ma.fields.Integer()
    n_samples = ma.fields.Integer()
    n_evaluations = ma.fields.Integer()
    n_alerts = ma.fields.Integer()
    n_flaps = ma.fields.Integer(metadata={"description": "times that an alert fired again within the reopen window"})
    firing_s = ma.fields.Float()
    alerts = ma.fields.List(ma.fields.Nested(FiredOut))
    series = ma.fields.List(ma.fields.Nested(CurveOut))
    score = ma.fields.Nested(ScoreOut)
    failures = ma.fields.List(ma.fields.String(), metadata={"description": "why it could not be evaluated at times"})
    truncated = ma.fields.Boolean(metadata={"description": "more series match, or more alerts fired, than are named"})


def rehearsal_out(
    rehearsal: Rehearsal, score: Score | None = None, *, max_points: int = 500, truncated: bool = False
) -> dict[str, Any]:
    """A rehearsal as it is shown; curves are thinned out with their peaks."""
    shown: dict[str, Any] = {
        "since": format_time(rehearsal.since),
        "until": format_time(rehearsal.until),
        "n_series": len(rehearsal.curves),
        "n_samples": rehearsal.n_samples,
        "n_evaluations": rehearsal.n_evaluations,
        "n_alerts": rehearsal.n_alerts,
        "n_flaps": rehearsal.n_flaps,
        "firing_s": rehearsal.firing.total_seconds(),
        "alerts": [_fired_out(one) for one in rehearsal.fired[:MAX_FIRED]],
        "series": [_curve_out(one, max_points) for one in rehearsal.curves],
        "failures": list(rehearsal.failures),
        "truncated": truncated or len(rehearsal.fired) > MAX_FIRED,
    }
    if score is not None:
        shown["score"] = ScoreOut().dump(score)
    return shown


def _fired_out(fired: Fired) -> dict[str, Any]:
    shown: dict[str, Any] = FiredOut().dump(fired)
    return shown


def _curve_out(curve: Curve, max_points: int) -> dict[str, Any]:
    known = np.isfinite(curve.values)
    times, values = downsample(curve.times[known], curve.values[known], max_points)
    shown: dict[str, Any] = {"labels": dict(curve.labels), "points": _rows(times.tolist(), values)}
    if curve.low is not None and curve.high is not None:
        at = np.searchsorted(curve.times, times)
        bounded = np.isfinite(curve.low[at])
        shown["expected"] = _rows(times[bounded].tolist(), curve.low[at][bounded], curve.high[at][bounded])
    return shown


def _rows(times: list[int], *columns: Numbers) -> list[list[Any]]:
    lists = [column.tolist() for column in columns]
    return [[format_time(moment_of(at)), *row] for at, *row in zip(times, *lists, strict=True)]
