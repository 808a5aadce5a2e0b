"""The overview: summary cards, filters, and the live feed of alerts."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import client, rules
from dashboard.client import ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import feed
from dashboard.components.cards import cards
from dashboard.components.marks import api_down, looking_only, may_act, notice
from dashboard.components.view import show_again, view
from dashboard.components.wording import OPEN, SEVERITIES, word
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on

FRAGMENT = "overview"
COALESCE_S = 0.3
_STATUSES: dict[str, tuple[str, ...]] = {
    "open": OPEN,
    "active": ("ACTIVE",),
    "acknowledged": ("ACKNOWLEDGED",),
    "suppressed": ("SUPPRESSED",),
    "resolved": ("RESOLVED",),
    "all": (),
}


def show() -> None:
    """The page."""
    _live_part()


def refresh() -> None:
    """Read and show anew; a callback."""
    show_again(FRAGMENT)


@st.fragment(key=FRAGMENT)
def _live_part() -> None:
    stay_on("overview")
    if st.session_state.pop("clear_filters", False):
        st.session_state.update(status="open", severity=[], q="")
        st.query_params.pop("of", None)
    api, now = st.session_state["api"], utcnow()
    top = st.container()
    status, severities, text = _filters()
    rule_id = st.query_params.get("of", "")
    blocks: dict[str, Markup] = {}
    try:
        found, more = client.list_alerts(
            api,
            statuses=_STATUSES[status],
            severities=severities,
            text=text,
            rule_id=rule_id,
            limit=settings().max_alerts,
        )
        counts = client.summary(api)
        st.session_state["last"] = (found, more, counts)
    except ApiDown as down:
        found, more, counts = st.session_state.get("last", ([], False, None))
        blocks["notice"] = api_down(settings().api_url, str(down), kept=counts is not None)
    except Refused as refused:
        if refused.status == 401:
            st.rerun()
        found, more, counts = [], False, None
        blocks["notice"] = notice("The API refused", str(refused))
    if counts is not None:
        blocks["cards"] = cards(counts)
    with top:
        view(blocks, key="top", now=now)
    if counts is not None:
        rows = _rows(api, found, more, narrowed=bool(status != "open" or severities or text or rule_id))
        if rule_id:
            rows = {"of": feed.only_of_rule(rule_id), **rows}
        view(rows, key="feed", now=now, on_change=refresh, on_send=_on_send, announce=True)
    if opened := st.session_state.pop("open_alert", None):
        st.session_state["filters"] = st.query_params.to_dict()
        st.switch_page(st.session_state["home"], query_params={"alert": opened})


def _filters() -> tuple[str, Sequence[str], str]:
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        status = st.segmented_control(
            "Status",
            list(_STATUSES),
            format_func=word,
            default="open",
            key="status",
            bind="query-params",
            required=True,
            label_visibility="collapsed",
            width="content",
        )
        severities = st.pills(
            "Severity",
            SEVERITIES,
            format_func=word,
            selection_mode="multi",
            key="severity",
            bind="query-params",
            label_visibility="collapsed",
            width="content",
        )
        text = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            placeholder="Search name, label, text",
            label_visibility="collapsed",
            icon=":material/search:",
        )
    return status or "open", severities, text.strip()


def _rows(api: client.Api, found: Sequence[client.Alert], more: bool, *, narrowed: bool) -> dict[str, Markup]:
    me = st.session_state.get("me") or {}
    role = me.get("role", "viewer")
    blocks: dict[str, Markup] = {}
    if not found:
        blocks["empty"] = feed.nothing_matches() if narrowed else _quiet(api)
        return blocks
    if not may_act(role):
        blocks["hint"] = looking_only(role)
    blocks["heading"] = feed.heading()
    blocks.update({alert["id"]: feed.row(alert, role) for alert in found})
    if more:
        blocks["more"] = Markup(
            '<p class="hint">These are the newest {}. Narrow them down with the filters to see the others.</p>'
        ).format(len(found))
    return blocks


def _quiet(api: client.Api) -> Markup:
    try:
        watched: list[dict[str, Any]] = rules.list_rules(api, {"enabled": "true"}, 100).items
    except (ApiDown, Refused):
        watched = []
    return feed.all_quiet(watched, settings().api_url, str(settings().home))


def _on_send() -> None:
    sent = st.session_state["feed"].send or {}
    if sent.get("open"):
        st.session_state["open_alert"] = sent["open"]
    if sent.get("go"):
        plan_step(sent["go"])
    if sent.get("clear"):
        st.session_state["clear_filters"] = True
