"""The rules: what each watches, whether it can, and how much noise it makes."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import rules
from dashboard.client import Api, ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import rule_list
from dashboard.components.marks import api_down, notice
from dashboard.components.rule_wording import HEALTHS, SOURCES
from dashboard.components.view import show_again, view
from dashboard.components.wording import SEVERITIES, word
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on

FRAGMENT = "rules"
COALESCE_S = 2.0  # a list of rules tells of the last minutes; a burst of alerts need not show it ten times
_QUIET = {"n_alerts": 0, "n_open": 0}


def show() -> None:
    """The page."""
    _live_part()


def refresh() -> None:
    """Read and show anew; a callback."""
    show_again(FRAGMENT)


@st.fragment(key=FRAGMENT)
def _live_part() -> None:
    stay_on("rules")
    api, now = st.session_state["api"], utcnow()
    role = (st.session_state.get("me") or {}).get("role", "viewer")
    view({"toolbar": rule_list.toolbar(role)}, key="rules_top", now=now, on_send=lambda: _on_send("rules_top"))
    _turn_page()
    filters = _filters()
    cursor = st.query_params.get("cursor")
    blocks: dict[str, Markup] = {}
    try:
        found = rules.list_rules(api, {**filters, "cursor": cursor})
        st.session_state["last_rules"] = found
    except ApiDown as down:
        found = st.session_state.get("last_rules", rules.RulePage([], None))
        blocks["notice"] = api_down(settings().api_url, str(down), kept=bool(found.items))
    except Refused as refused:
        if refused.status == 401:
            st.rerun()
        found = rules.RulePage([], None)
        blocks["notice"] = notice("The API refused", str(refused))
    if found.items:
        blocks["heading"] = rule_list.heading()
        noise = _noise(api)
        for rule in found.items:
            blocks[rule["id"]] = rule_list.row(rule, None if noise is None else noise.get(rule["id"], _QUIET), role)
        if more := rule_list.pages(st.query_params.to_dict(), found.next_cursor, len(found.items)):
            blocks["pages"] = more
    elif "notice" not in blocks:
        narrowed = cursor or any(filters.values())
        blocks["empty"] = rule_list.nothing_matches() if narrowed else rule_list.none_yet(role)
    view(blocks, key="rules_list", now=now, on_change=refresh, on_send=lambda: _on_send("rules_list"))


def _turn_page() -> None:
    """Put the page that was asked for into the URL; a step would not do, because it may not touch the filters there."""
    after = st.session_state.pop("rules_after", None)
    if after:
        st.query_params["cursor"] = after
    elif after is not None:
        st.query_params.pop("cursor", None)


def _filters() -> dict[str, str | None]:
    """The filters as the API takes them; each stands in the URL, under a name that the overview has not."""
    with st.container(horizontal=True, vertical_alignment="center", key="rule_filters"):
        health = st.segmented_control(
            "Health",
            ["all", *(one for one in HEALTHS if one != "off")],
            format_func=lambda health: HEALTHS.get(health, "All"),
            default="all",
            key="health",
            bind="query-params",
            on_change=_to_first_page,
            required=True,
            label_visibility="collapsed",
            width="content",
        )
        severity = _choice("of_severity", "Any severity", {one: word(one) for one in SEVERITIES})
        source = _choice("source", "Any source", SOURCES)
        enabled = _choice("enabled", "On and off", {"true": "Switched on", "false": "Switched off"})
        text = st.text_input(
            "Search",
            key="find",
            bind="query-params",
            on_change=_to_first_page,
            placeholder="Search name, id, metric",
            label_visibility="collapsed",
            icon=":material/search:",
        )
    return {
        "health": None if health == "all" else health,
        "enabled": enabled,
        "severity": severity,
        "source": source,
        "q": text.strip(),
    }


def _choice(key: str, none: str, options: dict[str, str]) -> str | None:
    return st.selectbox(
        none,
        list(options),
        index=None,
        format_func=lambda option: options[option],
        placeholder=none,
        key=key,
        bind="query-params",
        on_change=_to_first_page,
        label_visibility="collapsed",
        width=150,
    )


def _to_first_page() -> None:
    # A cursor belongs to the filters with which it was made.
    st.query_params.pop("cursor", None)


def _noise(api: Api) -> dict[str, Any] | None:
    """Alerts by rule; None where the API does not count them."""
    try:
        return rules.noise(api)
    except (ApiDown, Refused):
        return None


def _on_send(key: str) -> None:
    sent = st.session_state[key].send or {}
    if sent.get("open"):
        st.session_state["rules_after"] = sent["open"]
    if sent.get("first"):
        st.session_state["rules_after"] = ""
    if sent.get("clear"):
        st.session_state.update(health="all", of_severity=None, source=None, enabled=None, find="", rules_after="")
    if sent.get("go"):
        plan_step(sent["go"])
