"""What a back-test found, in a sentence, a chart and a list; everything here is pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from dashboard.components.plot import (
    MOST_LINES,
    Plot,
    Span,
    band_of,
    drawn,
    limits_of,
    line_of,
    names_of_series,
    round_up,
    scale_of,
)
from dashboard.components.rule_wording import RANGES, counted, labels_text, times, unit_of
from dashboard.components.wording import clock, duration, joined, number, parse_time

SPANS = {"1h": "the last hour", "6h": "the last 6 hours", "24h": "the last day", "7d": "the last 7 days"}
_MOST_ALERTS = 8


def sentence(found: Mapping[str, Any], window: str) -> Markup:
    """How often it would have fired, like "7 times in the last day (3 flaps)", and on how much that rests."""
    n_flaps = int(found.get("n_flaps") or 0)
    n_fired = int(found.get("n_alerts") or 0) + n_flaps
    fired = f"This would have fired {times(n_fired)} in {SPANS.get(window, window)}"
    if n_fired == 0:
        fired = f"This would not have fired in {SPANS.get(window, window)}"
    flaps = f" ({counted(n_flaps, 'flap')})" if n_flaps else ""
    rests = [f"{counted(int(found.get('n_samples') or 0), 'sample')} of {int(found.get('n_series') or 0):,} series"]
    if n_fired:
        rests.insert(0, f"Firing for {duration(found.get('firing_s'))} altogether")
    return Markup('<p class="verdict {}"><b>{}{}.</b><small>{}.</small></p>').format(
        "noisy" if n_fired else "", fired, flaps, ", over ".join(rests) if n_fired else f"Over {rests[0]}"
    )


def trial_chart(found: Mapping[str, Any], rule: Mapping[str, Any]) -> Markup:
    """The value as the rule judges it, with its threshold, what was expected, and the times in which it fired."""
    since, until = parse_time(found.get("since")), parse_time(found.get("until"))
    alerts = found.get("alerts") or []
    series = _fired_first(found.get("series") or [], alerts)
    lines = [line_of(one["points"]) for one in series[:MOST_LINES]]
    firsts = [line[0][0] for line in lines if line]
    plot = None
    if since and until:
        # What began only lately is drawn from its beginning: an empty chart with a smear at its end tells nothing.
        since = max(since, min(firsts)) if firsts else since
        plot = drawn(
            Plot(
                lines=lines,
                since=since,
                until=until,
                limits=[] if rule.get("operator") == "anomaly" else limits_of(_number_or_none(rule.get("threshold"))),
                units=unit_of(rule),
                spans=[span for alert in alerts for span in _spans(alert, until)],
                bands=[band_of(one["expected"]) for one in series[:1] if one.get("expected")],
                names=names_of_series(series),
            )
        )
    if plot is None:
        return Markup('<p class="none">There is nothing to draw: fewer than two values in that time.</p>')
    rest = len(series) - MOST_LINES
    more = Markup('<p class="hint">{} more series are judged and not drawn.</p>').format(rest) if rest > 0 else ""
    return Markup('<div class="chart">{}{}</div>').format(plot, more)


def fired_list(found: Mapping[str, Any], now: datetime) -> Markup:
    """The alerts that would have been, newest first."""
    alerts = sorted(found.get("alerts") or [], key=lambda alert: str(alert.get("fired_at") or ""), reverse=True)
    lines = [
        Markup("<li><time>{}</time><div><b>{}</b> {}<small>{}</small></div></li>").format(
            clock(alert.get("fired_at"), now), labels_text(alert.get("labels") or {}), _lasted(alert), _why(alert)
        )
        for alert in alerts[:_MOST_ALERTS]
        if alert.get("fired_at")
    ]
    if not lines:
        return Markup("")
    n_more = int(found.get("n_alerts") or 0) + int(found.get("n_flaps") or 0) - len(lines)
    more = Markup('<p class="hint">and {} more before these</p>').format(n_more) if n_more > 0 else ""
    return Markup('<ol class="timeline fired">{}</ol>{}').format(joined(lines), more)


def bounds(found: Mapping[str, Any], rule: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Lowest, highest and step of a slider for the rule's threshold; None for a rule without one."""
    operator = rule.get("operator")
    if operator in {None, "", "absent"}:
        return None
    if operator == "anomaly":
        return 1.0, 12.0, 0.1
    values = [value for one in found.get("series") or [] for _, value in line_of(one["points"])]
    values += limits_of(_number_or_none(rule.get("threshold")))
    if not values:
        return None
    low, high = scale_of(values, percent="%" in unit_of(rule))
    return low, high, round_up((high - low) / 250)


def slider_value(rule: Mapping[str, Any], low: float, high: float, step: float) -> float | tuple[float, float]:
    """Where the slider for a rule's threshold stands; two values for a range."""
    limits = limits_of(_number_or_none(rule.get("threshold")))
    if rule.get("operator") in RANGES:
        pair = limits if len(limits) == 2 else [low, high]
        return min(max(pair[0], low), high), min(max(pair[1], low), high)
    return min(max(limits[0], low), high) if limits else high - step


def failures(found: Mapping[str, Any]) -> Markup:
    """Why the rule could not be evaluated at times; nothing when it always could."""
    listed = [Markup("<p>{}</p>").format(message) for message in (found.get("failures") or [])[:3]]
    return (
        Markup('<div class="notice"><h2>It could not always be evaluated</h2>{}</div>').format(joined(listed))
        if listed
        else Markup("")
    )


def without_values(message: str) -> Markup:
    """What stands in place of a back-test that cannot be made."""
    return Markup('<p class="none">{}</p>').format(message)


def _number_or_none(value: Any) -> Any:
    """A threshold, None when it is not (yet) one."""
    parts = value if isinstance(value, list | tuple) else [value]
    return value if all(isinstance(part, int | float) for part in parts) else None


def _fired_first(series: Sequence[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    fired = [alert.get("labels") for alert in alerts]
    return sorted(series, key=lambda one: one.get("labels") not in fired)


def _spans(alert: Mapping[str, Any], until: datetime) -> list[Span]:
    pending, fired = parse_time(alert.get("pending_at")), parse_time(alert.get("fired_at"))
    ended = parse_time(alert.get("resolved_at")) or until
    found = [Span(fired, ended)] if fired else []
    return [Span(pending, fired or ended, "waiting"), *found] if pending and pending != fired else found


def _lasted(alert: Mapping[str, Any]) -> str:
    fired, resolved = parse_time(alert.get("fired_at")), parse_time(alert.get("resolved_at"))
    return f"for {duration((resolved - fired).total_seconds())}" if fired and resolved else "and still"


def _why(alert: Mapping[str, Any]) -> str:
    value = f"at {number(alert['value'])}" if alert.get("value") is not None else ""
    return str(alert.get("reason") or value)
