"""One rule: what it watches, whether it can, what it found last, and what it would have done."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import client, rules
from dashboard.client import Api, ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import rule_parts
from dashboard.components.marks import api_down, notice
from dashboard.components.rule_wording import counted
from dashboard.components.view import show_again, view
from dashboard.components.wording import OPEN
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on
from dashboard.trial import trial

FRAGMENT = "rule"
COALESCE_S = 2.0
_COUNTED = 100


def show() -> None:
    """The page."""
    _live_part()


def refresh() -> None:
    """Read and show anew; a callback."""
    show_again(FRAGMENT)


@st.fragment(key=FRAGMENT)
def _live_part() -> None:
    stay_on("rule")
    api, now = st.session_state["api"], utcnow()
    role = (st.session_state.get("me") or {}).get("role", "viewer")
    rule_id = st.query_params.get("rule", "")
    rule, trouble = _read(api, rule_id)
    blocks: dict[str, Markup] = {"back": rule_parts.back()}
    if trouble is not None:
        blocks["notice"] = trouble
    if rule is None:
        view(blocks, key="rule_top", now=now, on_send=_on_send)
        return
    said = _evaluate_if_asked(api, rule_id)
    if said is not None:
        blocks["notice"] = said
    blocks["header"] = rule_parts.header(rule)
    blocks["actions"] = rule_parts.actions(rule, role, _open_alerts(api, rule_id))
    if ill := rule_parts.ill_health(rule):
        blocks["health"] = ill
    if advice := rule_parts.advice(rule.get("advice") or []):
        blocks["advice"] = advice
    view(blocks, key="rule_top", now=now, on_change=_on_change, on_send=_on_send)
    with st.container(key="rule_trial"):
        st.html('<h2 class="panel-title">What it would have done</h2>')
        trial(api, _tried(rule), key="tried", on_threshold=lambda value: _try(rule_id, value))
        _keep_tried(rule, role)
    below = {
        "verdicts": _verdicts(api, rule),
        "facts": rule_parts.facts(rule, now),
        "versions": _part("Versions", lambda: rule_parts.versions(rules.versions(api, rule_id), now)),
    }
    view(below, key="rule_below", now=now)


def _read(api: Api, rule_id: str) -> tuple[rules.Rule | None, Markup | None]:
    """The rule, or what was known of it last, and what went wrong."""
    try:
        rule = rules.get_rule(api, rule_id)
    except ApiDown as down:
        last: rules.Rule | None = st.session_state.get("last_rule")
        kept = last if last and last["id"] == rule_id else None
        return kept, api_down(settings().api_url, str(down), kept=kept is not None)
    except Refused as refused:
        if refused.status == 401:
            st.rerun()
        if refused.status != 404:
            return None, notice("The API refused", str(refused))
        said = Markup("It says <code>{}</code>.").format(rule_id)
        return None, notice("There is no such rule", "It was deleted, or the link to it is not whole.", said)
    st.session_state["last_rule"] = rule
    return rule, None


def _evaluate_if_asked(api: Api, rule_id: str) -> Markup | None:
    """Evaluate when somebody pressed the button; what went wrong, None when nothing did."""
    if not st.session_state.pop("evaluate", False):
        return None
    try:
        st.session_state["evaluated"] = rules.evaluate(api, rule_id)
    except ApiDown as down:
        return notice("It could not be evaluated", f"The API: {down}.")
    except Refused as refused:
        said = "This API cannot evaluate a rule on demand." if refused.is_unknown else str(refused)
        return notice("It was not evaluated", said)
    return None


def _verdicts(api: Api, rule: rules.Rule) -> Markup:
    def drawn() -> Markup:
        found = rules.verdicts(api, rule["id"])
        asked = st.session_state.get("evaluated")
        # What was computed on demand stands there until the rule's own evaluation is newer.
        if asked and asked.get("rule_id") == rule["id"] and str(asked.get("at")) > str(found.get("at") or ""):
            found = asked
        return rule_parts.verdicts(found, rule, utcnow())

    return _part("Verdicts", drawn)


def _part(title: str, drawn: Callable[[], Markup]) -> Markup:
    """A panel, or in its place why there is none; it spoils no other."""
    try:
        return drawn()
    except (ApiDown, Refused):
        return rule_parts.unavailable(title)


def _open_alerts(api: Api, rule_id: str) -> str:
    """The sentence that says what happens to open alerts."""
    try:
        found, more = client.list_alerts(api, statuses=OPEN, rule_id=rule_id, limit=_COUNTED)
    except (ApiDown, Refused):
        return "Its open alerts are resolved."
    if not found:
        return "It has no open alert."
    n_alerts = f"more than {_COUNTED} open alerts" if more else counted(len(found), "open alert")
    return f"Its {n_alerts} {'is' if len(found) == 1 else 'are'} resolved."


def _tried(rule: rules.Rule) -> dict[str, Any]:
    """The rule with the threshold that is tried, if one is."""
    tried = st.session_state.get("tried")
    body = rules.definition_of(rule)
    return {**body, "threshold": tried[1]} if tried and tried[0] == rule["id"] else body


def _try(rule_id: str, value: Any) -> None:
    st.session_state["tried"] = (rule_id, list(value) if isinstance(value, tuple) else value)


def _keep_tried(rule: rules.Rule, role: str) -> None:
    """Buttons that take the tried threshold over, or leave it."""
    tried = st.session_state.get("tried")
    if not tried or tried[0] != rule["id"] or tried[1] == rule.get("threshold"):
        return
    with st.container(horizontal=True, key="tried_buttons"):
        if role == "admin":
            st.button(
                "Edit the rule with this threshold",
                on_click=lambda: plan_step(f"/?rule={rule['id']}&edit=1&threshold={_written(tried[1])}"),
            )
        st.button("Back to its own threshold", on_click=lambda: st.session_state.pop("tried", None))


def _written(limit: Any) -> str:
    return ",".join(f"{part:g}" for part in limit) if isinstance(limit, list) else f"{limit:g}"


def _on_change() -> None:
    changed = st.session_state["rule_top"].change or {}
    if changed.get("act") == "delete":
        plan_step("/?page=rules")
    refresh()


def _on_send() -> None:
    sent = st.session_state["rule_top"].send or {}
    if sent.get("evaluate"):
        st.session_state["evaluate"] = True
    if sent.get("go"):
        plan_step(sent["go"])
