"""The chart of an alert's metric."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from dashboard.components.plot import MOST_LINES, Plot, Span, drawn, limits_of, line_of
from dashboard.components.wording import ordered_labels, parse_time, unit


def chart(series: Sequence[dict[str, Any]], alert: dict[str, Any], since: datetime, until: datetime) -> Markup | None:
    """The chart as a panel; None when there are fewer than two points."""
    plot = drawn(
        Plot(
            lines=[line_of(one["points"]) for one in series[:MOST_LINES]],
            since=since,
            until=until,
            limits=limits_of(alert.get("threshold")),
            units=unit(alert.get("metric")),
            spans=_open_time(alert, until),
        )
    )
    if plot is None:
        return None
    where = ", ".join(value for _, value in ordered_labels(alert)[:2])
    return Markup('<section class="panel chart"><h2>{}<small>{}</small></h2>{}</section>').format(
        alert["metric"], where, plot
    )


def _open_time(alert: dict[str, Any], until: datetime) -> list[Span]:
    """The time in which the alert was open."""
    began = parse_time(alert.get("activated_at") or alert.get("first_seen_at"))
    return [Span(began, parse_time(alert.get("resolved_at")) or until)] if began else []
