"""One alert: what it is, what was done, and what can be done now."""

from datetime import timedelta

import streamlit as st
from markupsafe import Markup

from dashboard import client
from dashboard.client import ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import story
from dashboard.components.chart import chart
from dashboard.components.marks import api_down, notice
from dashboard.components.view import show_again, view
from dashboard.components.wording import parse_time
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on

FRAGMENT = "alert"
COALESCE_S = 0.3
_BEFORE = timedelta(minutes=15)
_AFTER = timedelta(minutes=15)
_LONGEST = timedelta(hours=6)


def show() -> None:
    """The page."""
    _live_part()


def refresh() -> None:
    """Read and show anew; a callback."""
    show_again(FRAGMENT)


@st.fragment(key=FRAGMENT)
def _live_part() -> None:
    stay_on("alert")
    api, now = st.session_state["api"], utcnow()
    role = (st.session_state.get("me") or {}).get("role", "viewer")
    alert, trouble = _read(api, st.query_params.get("alert", ""))
    blocks: dict[str, Markup] = {"back": story.back()}
    if trouble is not None:
        blocks["notice"] = trouble
    if alert is not None:
        blocks["header"] = story.header(alert)
        blocks["actions"] = story.actions(alert, role)
        if drawn := _chart(api, alert):
            blocks["chart"] = drawn
        blocks["facts"] = story.facts(alert, now)
        blocks["timeline"] = story.timeline(alert, now)
        blocks["deliveries"] = story.deliveries(alert, now)
    view(blocks, key="story", now=now, on_change=refresh, on_send=_on_send)
    if st.session_state.pop("leave_alert", False):
        st.switch_page(st.session_state["home"], query_params=st.session_state.get("filters"))


def _read(api: client.Api, alert_id: str) -> tuple[client.Alert | None, Markup | None]:
    """The alert, or what was known of it last, and what went wrong."""
    try:
        alert = client.get_alert(api, alert_id)
    except ApiDown as down:
        last: client.Alert | None = st.session_state.get("last_alert")
        kept = last if last and last["id"] == alert_id else None
        return kept, api_down(settings().api_url, str(down), kept=kept is not None)
    except Refused as refused:
        if refused.status == 401:
            st.rerun()
        if refused.status != 404:
            return None, notice("The API refused", str(refused))
        said = Markup("It says <code>{}</code>.").format(alert_id)
        return None, notice("There is no such alert", "It is gone, or the link to it is not whole.", said)
    st.session_state["last_alert"] = alert
    return alert, None


def _chart(api: client.Api, alert: client.Alert) -> Markup | None:
    """The alert's metric around the time of the alert; None when it has no metric or nothing is kept of it."""
    began = parse_time(alert.get("activated_at") or alert.get("first_seen_at"))
    if not alert.get("metric") or began is None:
        return None
    ended = parse_time(alert.get("resolved_at"))
    until = min(utcnow(), ended + _AFTER) if ended else utcnow()
    since = max(began - _BEFORE, until - _LONGEST)
    labels = {name: value for name, value in alert["labels"].items() if name not in {"alertname", "severity"}}
    try:
        series = client.points(api, alert["metric"], labels, since.isoformat(), until.isoformat())
    except (ApiDown, Refused):
        return None
    return chart(series, alert, since, until)


def _on_send() -> None:
    sent = st.session_state["story"].send or {}
    if sent.get("back"):
        st.session_state["leave_alert"] = True
    if sent.get("go"):
        plan_step(sent["go"])
