"""The back-test beside the form and on a rule's page: a slider for the threshold, and what would have happened."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import metrics, rules
from dashboard.client import Api, ApiDown, Refused, first_message
from dashboard.clock import utcnow
from dashboard.components import trial as parts
from dashboard.components.rule_wording import selector_texts
from dashboard.components.view import view

_FRESH = timedelta(seconds=20)
_LENGTHS = {"1h": 1, "6h": 6, "24h": 24, "7d": 168}
_UNAVAILABLE = "This API has no back-test. The chart shows the metric as it is stored."


def trial(api: Api, body: Mapping[str, Any], *, key: str, on_threshold: Callable[[Any], None]) -> None:
    """Show what the rule `body` would have done; `on_threshold` takes what the slider is moved to."""
    window = st.segmented_control(
        "Looking back over",
        list(parts.SPANS),
        format_func=lambda window: f"{window[:-1]} {window[-1]}",
        default="24h",
        key=f"{key}_window",
        required=True,
        label_visibility="collapsed",
    )
    found, said = _found(api, body, window or "24h")
    if found is not None:
        _slider(found, body, key, on_threshold)
    blocks: dict[str, Markup] = {}
    now = utcnow()
    if found is not None and found.get("n_alerts") is not None:
        blocks["sentence"] = parts.sentence(found, window or "24h")
    if said:
        blocks["said"] = parts.without_values(said)
    if found is not None:
        blocks["failures"] = parts.failures(found)
        blocks["chart"] = parts.trial_chart(found, body)
        blocks["fired"] = parts.fired_list(found, now)
    view(blocks, key=f"{key}_trial", now=now)


def _slider(found: Mapping[str, Any], body: Mapping[str, Any], key: str, on_threshold: Callable[[Any], None]) -> None:
    limits = parts.bounds(found, body)
    if limits is None:
        return
    low, high, step = limits
    name = f"{key}_slider"
    # The rule's threshold is the truth, and the slider only one of the places where it is changed.
    st.session_state[name] = value = parts.slider_value(body, low, high, step)
    st.slider(
        "Try a z-score" if body.get("operator") == "anomaly" else "Try a threshold",
        low,
        high,
        value,
        step=step,
        format="%g",
        key=name,
        on_change=lambda: on_threshold(st.session_state[name]),
    )


def _found(api: Api, body: Mapping[str, Any], window: str) -> tuple[dict[str, Any] | None, str]:
    """The back-test, made anew only when something changed or it has become old; and why there is none."""
    asked = {"rule": dict(body), "window": window, "max_points": 400}
    written = json.dumps(asked, sort_keys=True)
    kept, now = st.session_state.get("backtest"), utcnow()
    if kept and kept[0] == written and now - kept[1] < _FRESH:
        return kept[2], kept[3]
    found, said = _asked(api, asked)
    st.session_state["backtest"] = (written, now, found, said)
    return found, said


def _asked(api: Api, asked: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    if (
        not any(asked["rule"].get(name) for name in ("metric", "query", "type"))
        and asked["rule"].get("source") != "log"
    ):
        return None, "Say what is watched, and it is drawn here."
    try:
        return rules.backtest(api, asked), ""
    except ApiDown as down:
        return None, f"No back-test: {down}."
    except Refused as refused:
        if refused.is_unknown:
            return _stored(api, asked["rule"], asked["window"]), _UNAVAILABLE
        errors = refused.errors.get("rule", refused.errors)
        if isinstance(errors, dict) and errors:
            listed = "; ".join(f"{name}: {first_message(found)}" for name, found in errors.items())
            return None, f"The preview appears when the rule is whole. {listed}."
        return None, refused.detail


def _stored(api: Api, rule: Mapping[str, Any], window: str) -> dict[str, Any] | None:
    """The metric of a rule as it is stored, in the shape of a back-test without alerts."""
    if not rule.get("metric"):
        return None
    try:
        series, _ = metrics.lines(api, rule["metric"], selector_texts(rule.get("labels")), window)
    except (ApiDown, Refused):
        return None
    now = utcnow()
    return {
        "since": (now - timedelta(hours=_LENGTHS[window])).isoformat(),
        "until": now.isoformat(),
        "n_alerts": None,
        "series": series,
    }
