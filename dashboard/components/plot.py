"""Lines over time with limits, bands and shaded spans, drawn as SVG: no plotting library has to be loaded for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from dashboard.components.wording import joined, number, parse_time

MOST_LINES = 4
_WIDTH, _HEIGHT = 1000.0, 200.0
_PLOT = Markup(
    '<div class="plot"><div class="scale">{scale}</div><div class="area">{tags}'
    '<svg role="img" aria-label="{spoken}" viewBox="0 0 1000 200" preserveAspectRatio="none">{drawn}</svg></div></div>'
    '<div class="times"><span>{first}</span><span>{middle}</span><span>{last} UTC</span></div>{legend}'
)
_TAG = Markup('<span class="limit-tag" style="top:{:.1f}%">limit {}{}</span>')
Line = list[tuple[datetime, float]]


@dataclass(frozen=True)
class Span:
    """A time that is shaded; `kind` is its class in the style."""

    began: datetime
    ended: datetime
    kind: str = "open"


@dataclass(frozen=True)
class Plot:
    """What is drawn; `names` are those of the lines, shown where there are several."""

    lines: Sequence[Line]
    since: datetime
    until: datetime
    limits: Sequence[float] = ()
    units: str = ""
    spans: Sequence[Span] = ()
    bands: Sequence[Sequence[tuple[datetime, float, float]]] = ()
    names: Sequence[str] = field(default_factory=tuple)


def drawn(plot: Plot) -> Markup | None:
    """The plot as HTML; None when no line has two points."""
    lines = {n: line for n, line in enumerate(plot.lines[:MOST_LINES]) if len(line) > 1}
    if not lines:
        return None
    values = [value for line in lines.values() for _, value in line]
    edges = [edge for band in plot.bands for _, *pair in band for edge in pair]
    low, high = scale_of([*values, *edges, *plot.limits], percent="%" in plot.units)
    span = max((plot.until - plot.since).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return min(max((at - plot.since).total_seconds() / span, 0.0), 1.0) * _WIDTH

    def y(value: float) -> float:
        return _HEIGHT - (value - low) / (high - low) * _HEIGHT

    parts = [
        Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="200"/>').format(
            one.kind, x(one.began), max(x(one.ended) - x(one.began), 2.0)
        )
        for one in plot.spans
        if one.ended > plot.since and one.began < plot.until
    ]
    for band in plot.bands:
        upper = [f"{x(at):.1f} {y(top):.1f}" for at, _, top in band]
        lower = [f"{x(at):.1f} {y(bottom):.1f}" for at, bottom, _ in reversed(band)]
        parts.append(Markup('<path class="band" d="M{}Z"/>').format("L".join(upper + lower)))
    parts += [
        Markup('<line class="limit" x1="0" x2="1000" y1="{0:.1f}" y2="{0:.1f}"/>').format(y(v)) for v in plot.limits
    ]
    for n, line in lines.items():
        path = "M" + "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in line)
        parts.append(Markup('<path class="line n{}" d="{}"/>').format(n, path))
    form = "%H:%M" if plot.until - plot.since < timedelta(hours=20) else "%d %b, %H:%M"
    return _PLOT.format(
        scale=joined(
            [Markup("<span>{}{}</span>").format(number(v), plot.units) for v in (high, (high + low) / 2, low)]
        ),
        tags=joined([_TAG.format(y(limit) / _HEIGHT * 100, number(limit), plot.units) for limit in plot.limits]),
        spoken=f"{plot.since:{form}} to {plot.until:{form}} UTC: "
        f"from {number(min(values))} to {number(max(values))}{plot.units}",
        drawn=joined(parts),
        first=f"{plot.since:{form}}",
        middle=f"{plot.since + (plot.until - plot.since) / 2:{form}}",
        last=f"{plot.until:{form}}",
        legend=_legend(plot.names[:MOST_LINES]) if len(plot.names) > 1 else "",
    )


def line_of(points: Sequence[Sequence[Any]]) -> Line:
    """The points that the API wrote; those without a value are left out."""
    found = [(parse_time(at), value) for at, value in points]
    return [(at, float(value)) for at, value in found if at is not None and value is not None]


def band_of(points: Sequence[Sequence[Any]]) -> list[tuple[datetime, float, float]]:
    """The band of expected values that the API wrote."""
    found = [(parse_time(at), low, high) for at, low, high in points]
    return [(at, float(low), float(high)) for at, low, high in found if at and low is not None and high is not None]


def limits_of(value: Any) -> list[float]:
    """A threshold as the heights of its lines."""
    if isinstance(value, list | tuple):
        return [float(part) for part in value]
    return [float(value)] if value is not None else []


def names_of_series(series: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells these series apart: the values of the labels in which they differ."""
    every = [dict(one.get("labels") or {}) for one in series]
    differing = [
        name
        for name in sorted({name for labels in every for name in labels})
        if len({labels.get(name) for labels in every}) > 1
    ]
    return [", ".join(str(labels[name]) for name in differing if name in labels) or "the others" for labels in every]


def scale_of(values: Sequence[float], *, percent: bool = False) -> tuple[float, float]:
    """Lowest and highest of the scale, round numbers both, with zero where it is not far and 100 for percents."""
    low, high = min(values), max(values)
    if percent and low >= 0 and 50 < high <= 100:
        return 0.0, 100.0
    if low >= 0 and low < high * 0.7:
        low = 0.0
    spread = high - low or abs(high) or 1.0
    step = round_up(max(spread * 1.1 / 4, abs(high) * 1e-9, 1e-9))
    return min(low, math.floor(low / step) * step), max(high, math.ceil(high / step + 0.1) * step)


def round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= value), 10 * power)


def _legend(names: Sequence[str]) -> Markup:
    shown = [Markup('<li class="n{}">{}</li>').format(n, name) for n, name in enumerate(names)]
    return Markup('<ul class="legend">{}</ul>').format(joined(shown))
