"""Series as Explore shows them: filters, names, a table of values; everything here is pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from dashboard.components.marks import copyable
from dashboard.components.plot import line_of
from dashboard.components.rule_wording import matcher
from dashboard.components.wording import ago, joined, number, unit

Series = Mapping[str, Any]
_HEAD = Markup("<tr><th>Series</th><th>Latest</th><th>Lowest</th><th>Average</th><th>Highest</th><th>Age</th></tr>")


def pairs_of(series: Iterable[Series]) -> list[str]:
    """Every label of these series as "name=value", in order."""
    return sorted({f"{name}={value}" for one in series for name, value in one["labels"].items()})


def matchers_of(pairs: Sequence[str]) -> list[str]:
    """The matchers that let through what carries one of the chosen values of each chosen label."""
    chosen: dict[str, list[str]] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        chosen.setdefault(name, []).append(value)
    return [
        matcher(name, "=", values[0])
        if len(values) == 1
        else matcher(name, "=~", "|".join(re.escape(value) for value in values))
        for name, values in chosen.items()
    ]


def latest_table(series: Sequence[Series], names: Sequence[str], metric: str) -> Markup:
    """The last value of each series, its age, and what its lowest, average and highest were."""
    units = unit(metric)
    rows = []
    for one, name in zip(series, names, strict=True):
        values = [value for _, value in line_of(one["points"])]
        if not values:
            continue
        rows.append(
            Markup(
                '<tr><td>{}</td><td><b>{}{}</b></td><td data-name="lowest ">{}</td><td data-name="average ">{}</td>'
                '<td data-name="highest ">{}</td><td>{} ago</td></tr>'
            ).format(
                name,
                number(values[-1]),
                units,
                number(min(values)),
                number(sum(values) / len(values)),
                number(max(values)),
                ago(one["points"][-1][0]),
            )
        )
    return Markup(
        '<section class="panel"><h2>Values</h2><table class="table values"><thead>{}</thead><tbody>{}</tbody></table>'
        "</section>"
    ).format(_HEAD, joined(rows))


def name_of(one: Series) -> str:
    """The name of a series that stands alone: its labels."""
    return ", ".join(str(value) for value in one["labels"].values()) or str(one["metric"])


def make_rule(metric: str, pairs: Sequence[str]) -> Markup:
    """The way from what is looked at to a rule about it."""
    query = urlencode([("rule", "new"), ("watch", metric), *(("where", pair) for pair in pairs)])
    return Markup('<p class="acts"><a class="button first" href="/?{}" data-go>Make a rule of this</a></p>').format(
        query
    )


def no_series(api_url: str, home: str) -> Markup:
    """What stands there before the first sample came."""
    push = (
        f"curl -X POST {api_url}/metrics/ingest \\\n"
        f'  -H "Authorization: Bearer $(cat {home}/token)" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"samples": [{"metric": "queue.length", "value": 3,\n"""
        """       "labels": {"queue": "mail"}}]}'"""
    )
    return Markup(
        '<section class="panel empty"><h2>No metric yet</h2><p>The collector sends those of this machine; it may still '
        "be starting. Anything that speaks HTTP can send others:</p>{}</section>"
    ).format(copyable(push))


def nothing_there(metric: str) -> Markup:
    """What stands there when a metric has no point in the chosen time."""
    return Markup(
        '<section class="panel empty"><h2>Nothing came</h2><p>No series of <code>{}</code> with these labels has a '
        "sample in this time. Choose a longer one, or fewer labels.</p></section>"
    ).format(metric)
