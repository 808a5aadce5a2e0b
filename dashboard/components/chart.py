"""A small line chart of an alert's metric, drawn as SVG: no plotting library has to be loaded for it."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from dashboard.components.wording import joined, number, ordered_labels, parse_time, unit

_WIDTH, _HEIGHT = 1000.0, 200.0
_MOST_SERIES = 4
_PANEL = Markup(
    '<section class="panel chart"><h2>{metric}<small>{where}</small></h2>'
    '<div class="plot"><div class="scale">{scale}</div><div class="area">{tags}'
    '<svg role="img" aria-label="{spoken}" viewBox="0 0 1000 200" preserveAspectRatio="none">{drawn}</svg></div></div>'
    '<div class="times"><span>{first}</span><span>{middle}</span><span>{last} UTC</span></div></section>'
)
_TAG = Markup('<span class="limit-tag" style="top:{:.1f}%">limit {}{}</span>')


def chart(series: Sequence[dict[str, Any]], alert: dict[str, Any], since: datetime, until: datetime) -> Markup | None:
    """The chart as a panel; None when there are fewer than two points."""
    lines = [line for one in series[:_MOST_SERIES] if len(line := _numbers(one["points"])) > 1]
    if not lines:
        return None
    limits, units = _limits(alert.get("threshold")), unit(alert.get("metric"))
    values = [value for line in lines for _, value in line]
    low, high = scale_of([*values, *limits], percent="%" in units)
    span = max((until - since).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return (at - since).total_seconds() / span * _WIDTH

    def y(value: float) -> float:
        return _HEIGHT - (value - low) / (high - low) * _HEIGHT

    drawn = [_open_time(alert, since, until, x)]
    drawn += [Markup('<line class="limit" x1="0" x2="1000" y1="{0:.1f}" y2="{0:.1f}"/>').format(y(v)) for v in limits]
    for n, line in enumerate(lines):
        path = "M" + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in line)
        drawn.append(Markup('<path class="line n{}" d="{}"/>').format(n, path))
    return _PANEL.format(
        metric=alert["metric"],
        where=", ".join(value for _, value in ordered_labels(alert)[:2]),
        scale=joined([Markup("<span>{}{}</span>").format(number(v), units) for v in (high, (high + low) / 2, low)]),
        tags=joined([_TAG.format(y(limit) / _HEIGHT * 100, number(limit), units) for limit in limits]),
        spoken=f"{since:%H:%M} to {until:%H:%M} UTC: from {number(min(values))} to {number(max(values))}{units}",
        drawn=joined(drawn),
        first=f"{since:%H:%M}",
        middle=f"{since + (until - since) / 2:%H:%M}",
        last=f"{until:%H:%M}",
    )


def scale_of(values: Sequence[float], *, percent: bool = False) -> tuple[float, float]:
    """Lowest and highest of the scale, round numbers both, with zero where it is not far and 100 for percents."""
    low, high = min(values), max(values)
    if percent and low >= 0 and 50 < high <= 100:
        return 0.0, 100.0
    if low >= 0 and low < high * 0.7:
        low = 0.0
    spread = high - low or abs(high) or 1.0
    step = _round_up(max(spread * 1.1 / 4, abs(high) * 1e-9, 1e-9))
    return min(low, math.floor(low / step) * step), max(high, math.ceil(high / step + 0.1) * step)


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= value), 10 * power)


def _open_time(alert: dict[str, Any], since: datetime, until: datetime, x: Callable[[datetime], float]) -> Markup:
    """The time in which the alert was open, shaded."""
    began = parse_time(alert.get("activated_at") or alert.get("first_seen_at"))
    ended = parse_time(alert.get("resolved_at")) or until
    if began is None or ended <= since:
        return Markup("")
    left, right = x(max(began, since)), x(min(ended, until))
    return Markup('<rect class="open" x="{:.1f}" y="0" width="{:.1f}" height="200"/>').format(
        left, max(right - left, 2.0)
    )


def _numbers(points: Sequence[Sequence[Any]]) -> list[tuple[datetime, float]]:
    found = [(parse_time(at), value) for at, value in points]
    return [(at, float(value)) for at, value in found if at is not None and value is not None]


def _limits(value: Any) -> list[float]:
    if isinstance(value, list | tuple):
        return [float(part) for part in value]
    return [float(value)] if value is not None else []
