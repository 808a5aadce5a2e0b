"""The metrics that are known: search one, draw its series, see its labels, and make a rule of it.

The only page that draws with Altair; screen.py imports it when it is shown, because of the memory that Altair takes.
"""

from datetime import timedelta
from typing import Any

import altair as alt
import streamlit as st
from markupsafe import Markup

from dashboard import metrics
from dashboard.client import ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import series as parts
from dashboard.components.marks import api_down, notice
from dashboard.components.plot import line_of, names_of_series
from dashboard.components.rule_list import may_change
from dashboard.components.view import show_again, view
from dashboard.components.wording import exact
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on

FRAGMENT = "explore"
COALESCE_S = 10.0
_SPANS = ("15m", "1h", "6h", "24h")
_MOST = 20
_MOST_POINTS = 200  # Altair draws at most 5,000 points


def show() -> None:
    """The page."""
    _live_part()


def refresh() -> None:
    """Read and show anew; a callback."""
    show_again(FRAGMENT)


@st.fragment(key=FRAGMENT)
def _live_part() -> None:
    stay_on("explore")
    now = utcnow()
    view({"title": Markup('<div class="toolbar"><h1>Explore</h1></div>')}, key="explore_top", now=now)
    try:
        _look()
    except ApiDown as down:
        view({"notice": api_down(settings().api_url, str(down), kept=False)}, key="explore_said", now=now)
    except Refused as refused:
        if refused.status == 401:
            st.rerun()
        view({"notice": notice("The API refused", str(refused))}, key="explore_said", now=now)


def _look() -> None:
    api, now = st.session_state["api"], utcnow()
    names, more = metrics.names(api)
    if not names:
        view({"empty": parts.no_series(settings().api_url, str(settings().home))}, key="explore_said", now=now)
        return
    # A link may name a metric that is silent by now, or not among the first ten thousand.
    linked = st.query_params.get("metric")
    options = names if not linked or linked in names else [linked, *names]
    left, right = st.columns([3, 1])
    with left:
        metric = st.selectbox(
            "Metric",
            options,
            index=None,
            key="metric",
            bind="query-params",
            placeholder=f"Search {len(names):,} metrics" + (" and more" if more else ""),
            accept_new_options=more,
            on_change=_forget_labels,
        )
    with right:
        span = st.segmented_control("Time", _SPANS, default="1h", key="span", bind="query-params", required=True)
    if not metric:
        view({"empty": _choose()}, key="explore_said", now=now)
        return
    of_metric = metrics.series_of(api, metric)
    pairs = st.multiselect(
        "Labels",
        parts.pairs_of(of_metric),
        key="labels",
        bind="query-params",
        placeholder="All labels",
        select_all=False,
    )
    found, truncated = metrics.lines(api, metric, parts.matchers_of(pairs), span or "1h", _MOST_POINTS)
    found = [one for one in found if one["points"]]
    if not found:
        view({"empty": parts.nothing_there(metric)}, key="explore_said", now=now)
        return
    shown = found[:_MOST]
    titles = names_of_series(shown) if len(shown) > 1 else [parts.name_of(shown[0])]
    with st.container(key="explore_chart"):
        st.altair_chart(_chart(shown, titles), width="stretch", height=300 + 8 * len(shown))
    blocks: dict[str, Markup] = {}
    if len(found) > _MOST or truncated:
        blocks["rest"] = Markup(
            '<p class="hint">These are {} of {}{} series. Choose labels to see the others.</p>'
        ).format(_MOST, "more than " if truncated else "", len(found))
    if may_change((st.session_state.get("me") or {}).get("role", "viewer")):
        blocks["rule"] = parts.make_rule(metric, pairs)
    blocks["values"] = parts.latest_table(shown, titles, metric)
    view(blocks, key="explore_below", now=now, on_send=_on_send)


def _choose() -> Markup:
    return Markup(
        '<section class="panel empty"><h2>Choose a metric</h2><p>Its series are drawn here, with their labels and '
        "their latest values.</p></section>"
    )


def _chart(series: list[metrics.Series], titles: list[str]) -> Any:
    rows = [
        {"at": at, "value": value, "series": title, "when": exact(at)}
        for one, title in zip(series, titles, strict=True)
        for at, value in one["points"]
        if value is not None
    ]
    legend = alt.Legend(orient="bottom", columns=3, labelLimit=180, title=None) if len(titles) > 1 else None
    times = [at for one in series for at, _ in line_of(one["points"])]
    seconds = max(times, default=utcnow()) - min(times, default=utcnow()) < timedelta(minutes=10)
    # UTC on a 24 h clock, as everywhere else.
    axis = alt.Axis(title="UTC", format="%H:%M:%S" if seconds else "%H:%M", labelOverlap=True, tickCount=6, grid=False)
    return (
        alt.Chart({"values": rows})
        .mark_line(strokeWidth=1.8)
        .encode(
            x=alt.X("at:T", axis=axis, scale=alt.Scale(type="utc")),
            y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color("series:N", legend=legend, scale=alt.Scale(scheme="tableau20")),
            tooltip=[
                alt.Tooltip("series:N", title="series"),
                alt.Tooltip("value:Q", title="value", format=".4~g"),
                alt.Tooltip("when:N", title="at"),
            ],
        )
        .properties(background="transparent")
    )


def _forget_labels() -> None:
    # They are those of the metric that was looked at before.
    st.session_state["labels"] = []


def _on_send() -> None:
    plan_step((st.session_state["explore_below"].send or {}).get("go"))
