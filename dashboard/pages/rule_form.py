"""A rule is made or changed here, with a preview of what it would have done."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import fields, metrics, rules
from dashboard.client import Api, ApiDown, Refused, first_message
from dashboard.clock import utcnow
from dashboard.components import draft as drafts
from dashboard.components import rule_list, rule_parts
from dashboard.components.marks import api_down, notice
from dashboard.components.rule_wording import AGGREGATIONS, CONDITIONS, RANGES, SOURCES, matcher, watched
from dashboard.components.view import view
from dashboard.components.wording import SEVERITIES, word
from dashboard.settings import settings
from dashboard.steps import plan_step, stay_on
from dashboard.trial import trial

FRAGMENT = "rule_form"
COALESCE_S = 2.0
_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")
_NO_DATA = {"keep": "Alerts stay as they are", "ok": "The condition does not hold", "alert": "Raise one alert"}
_GROUPING = {drafts.EACH: "for each series", drafts.ALL: "for all together", drafts.BY: "by labels"}
_MORE = frozenset(
    {
        *("description", "keep_firing_for", "resolve_threshold", "no_data", "min_samples", "interval", "group_by"),
        *("season", "service", "runbook_url", "annotations", "alert_labels", "escalation_policy"),
        *("suppression_rules", "correlation", "id"),
    }
)


def show() -> None:
    """The page."""
    _form()


def refresh() -> None:
    """Nothing: what somebody is typing is not to be disturbed by what happens elsewhere."""


@st.fragment(key=FRAGMENT)
def _form() -> None:
    stay_on("rule_form")
    api, now = st.session_state["api"], utcnow()
    role = (st.session_state.get("me") or {}).get("role", "viewer")
    original, trouble = _begin(api)
    top: dict[str, Markup] = {"back": _back(original)}
    if trouble is not None:
        top["notice"] = trouble
    elif not rule_list.may_change(role):
        top["notice"] = rule_list.only_admins(role)
    top["title"] = Markup('<div class="headline"><h1>{}</h1></div>').format(
        f"Edit {original['name']}" if original else "New rule"
    )
    if failed := st.session_state.get("form_failed"):
        top["failed"] = notice("It was not saved", failed, "What you typed is still here.")
    view(top, key="form_top", now=now, on_send=_on_send)
    if trouble is not None:
        return
    left, right = st.columns([1, 1], gap="medium")
    with left, st.container(key="rule_fields"):
        _fields(api, original)
        with st.container(horizontal=True):
            st.button(
                "Save the changes" if original else "Create the rule",
                type="primary",
                disabled=not rule_list.may_change(role),
                on_click=lambda: _save(api, original),
            )
            st.button("Cancel", on_click=lambda: plan_step(_address(original)))
    body = drafts.body_of(_draft(), original)
    with right, st.container(key="preview"):
        st.html('<h2 class="panel-title">What it would have done</h2>')
        view({"words": Markup('<p class="hint">{}</p>').format(watched(body))}, key="preview_words", now=now)
        trial(api, {**body, "name": body["name"] or "Preview"}, key="preview", on_threshold=_set_threshold)
        if advice := _advice(api, body):
            view({"advice": advice}, key="preview_advice", now=now)


def _begin(api: Api) -> tuple[rules.Rule | None, Markup | None]:
    """The rule that is changed (None for a new one), its form filled on the first run; and what went wrong."""
    address = json.dumps(st.query_params.to_dict())
    if st.session_state.get("draft_of") == address:
        return st.session_state["draft_original"], None
    original: rules.Rule | None = None
    if (rule_id := st.query_params["rule"]) != "new":
        try:
            original = rules.get_rule(api, rule_id)
        except ApiDown as down:
            return None, api_down(settings().api_url, str(down), kept=False)
        except Refused as refused:
            if refused.status == 401:
                st.rerun()
            return None, notice("This rule cannot be changed", str(refused))
    draft = drafts.draft_of(original or _asked_for())
    if given := st.query_params.get("threshold"):
        low, _, high = given.partition(",")
        draft.update({"low": low, "high": high} if high else {"threshold": given})
    st.session_state.update({fields.key(name): value for name, value in draft.items()})
    st.session_state.update(
        draft_of=address,
        draft_original=original,
        draft_names=list(draft),
        form_errors={},
        form_failed="",
        form_tried={},
    )
    return original, None


def _asked_for() -> dict[str, Any]:
    """What the address says of a new rule: a metric, and labels of its series."""
    pairs = [text.partition("=") for text in st.query_params.get_all("where")]
    return {
        "metric": st.query_params.get("watch", ""),
        "labels": [matcher(name, "=", value) for name, equals, value in pairs if equals],
    }


def _draft() -> drafts.Draft:
    return {name: st.session_state[fields.key(name)] for name in st.session_state["draft_names"]}


def _save(api: Api, original: rules.Rule | None) -> None:
    """Create or change; a callback. What the API refuses is shown at its fields."""
    body = drafts.body_of(_draft(), original)
    st.session_state.update(form_errors={}, form_failed="", form_tried=_draft())
    try:
        if original is None:
            given = {name: value for name, value in body.items() if value not in (None, "", [], {})}
            saved = rules.create(api, {"name": "", **given})
        else:
            saved = rules.change(api, original["id"], drafts.changes(body, original), original["version"])
    except ApiDown as down:
        st.session_state["form_failed"] = f"The API does not answer: {down}. Try again in a moment."
    except Refused as refused:
        st.session_state["form_errors"] = {
            name: first_message(found) for name, found in (refused.errors or {"": refused.detail}).items()
        }
        unseen = {name: said for name, said in st.session_state["form_errors"].items() if name not in _shown_fields()}
        st.session_state["form_failed"] = (
            "; ".join(f"{name}: {said}" if name else said for name, said in unseen.items())
            or "Look at the fields that are marked."
        )
    else:
        st.session_state.pop("draft_of")
        plan_step(f"/?rule={saved['id']}")


def _shown_fields() -> frozenset[str]:
    """The fields of the API at which the form can show an error."""
    basic = ("name", "severity", "source", "metric", "labels", "pattern", "level", "type", "query", "datasource")
    return _MORE | {*basic, "operator", "threshold", "aggregation", "evaluation_window", "for", "notification_channels"}


def _fields(api: Api, original: rules.Rule | None) -> None:
    fields.text("name", "Name", "What is wrong when it fires, like Checkout is slow")
    fields.choice("severity", "Severity", SEVERITIES, word)
    fields.choice("source", "Watches", list(SOURCES), lambda source: SOURCES[source])
    _subject(api)
    _condition()
    fields.text("for", "For at least", "0s: at once", about="How long the condition has to hold before it is an alert.")
    fields.many("notification_channels", "Tell these channels", _names(lambda: rules.channels(api)), "The default ones")
    errors = st.session_state["form_errors"]
    with st.expander("More", expanded=bool(errors.keys() & _MORE)):
        _more(api, original)


def _subject(api: Api) -> None:
    """What is watched, by the source."""
    source = fields.value("source")
    if source == "metric":
        fields.combobox("metric", "Metric", _metrics(api), "Choose one, or type its name")
    if source == "log":
        fields.text(
            "pattern", "Pattern", "timeout|refused", about="A regular expression (RE2) that the message contains."
        )
        fields.optional("level", "This level and worse", _LEVELS, "Any level")
    if source == "event":
        fields.text("type", "Type of the event", "payment.failed")
    if source == "prometheus":
        fields.area("query", "PromQL query", 'sum by (job) (rate(http_errors_total{job="shop"}[5m]))', 90)
        fields.combobox("datasource", "Data source", _names(lambda: rules.datasources(api)), "The only one")
    else:
        seen = _selectors(api, fields.value("metric")) if source == "metric" else []
        fields.many("labels", "Only with these labels", seen, 'All of them; or like host=~"web.*"')


def _condition() -> None:
    """How the value is computed and compared."""
    source, operator = fields.value("source"), fields.value("operator")
    first, second = st.columns([3, 2], vertical_alignment="top")
    if source != "prometheus" and operator != "absent":
        with first:
            fields.select("aggregation", "Fires when the", list(AGGREGATIONS), lambda name: AGGREGATIONS[name])
        with second:
            fields.text("evaluation_window", "over", "5m")
    elif source != "prometheus":
        fields.text("evaluation_window", "Fires when nothing came for", "5m")
    first, second = st.columns([3, 2], vertical_alignment="top")
    operators = [one for one in CONDITIONS if source != "prometheus" or one not in {"absent", "anomaly"}]
    with first:
        if source == "prometheus":
            fields.optional("operator", "Fires when the result is", operators, "there at all", CONDITIONS.__getitem__)
        else:
            fields.select("operator", "is", operators, CONDITIONS.__getitem__)
    with second:
        if operator in RANGES:
            low, high = st.columns(2)
            with low:
                fields.text("low", "low")
            with high:
                fields.text("high", "high")
            fields.said("threshold")
        elif operator == "anomaly":
            fields.text("threshold", "z-score above", "4", about="In robust standard deviations from what is expected.")
        elif operator and operator != "absent":
            fields.text("threshold", "threshold")


def _more(api: Api, original: rules.Rule | None) -> None:
    source, operator = fields.value("source"), fields.value("operator")
    fields.area("description", "Description", "", 70)
    if operator in {"greater_than", "greater_or_equal", "less_than", "less_or_equal"}:
        fields.text(
            "resolve_threshold", "Resolves only at", "the threshold", about="Hysteresis: further back than it began."
        )
    if operator == "anomaly":
        fields.text(
            "season", "Season", "1d", about="How long until the same is normal again; without one, all of the past."
        )
    fields.text("keep_firing_for", "Keep firing for", "0s")
    fields.select("no_data", "When no data comes", list(_NO_DATA), lambda name: _NO_DATA[name])
    fields.text("min_samples", "At least so many samples", "1")
    fields.text("interval", "Evaluate every", "as the setting says")
    if source != "prometheus":
        fields.choice("grouping", "One alert", list(_GROUPING), lambda name: _GROUPING[name])
        if fields.value("grouping") == drafts.BY:
            fields.many(
                "group_by", "One alert for each of these labels", _label_names(api, fields.value("metric")), "host"
            )
    fields.area("annotations", "Annotations", "summary: {{ $labels.host }} is at {{ $value }}", 90)
    fields.area("alert_labels", "Labels of its alerts", "team: payments", 70)
    fields.text("service", "Service", "checkout")
    fields.text("runbook_url", "Runbook", "https://")
    fields.text("escalation_policy", "Escalation policy", "")
    fields.many("suppression_rules", "Suppression rules", [], "None")
    fields.choice("correlation", "Correlate its alerts with others", ["allow", "deny"], word)
    if original is None:
        fields.text("id", "Id", "made by the system", about="Lower-case letters, digits, - and _.")
        st.toggle("Switched on", key=fields.key("enabled"), persist_state="page")


def _series(api: Api, metric: str) -> Sequence[metrics.Series]:
    """Series of a metric; none of them is a must."""
    try:
        return metrics.series_of(api, metric)
    except (ApiDown, Refused):
        return []


def _selectors(api: Api, metric: str | None) -> list[str]:
    """A matcher for every label that was seen at a metric."""
    series = _series(api, metric) if metric else []
    pairs = {(name, value) for one in series for name, value in one["labels"].items()}
    return [matcher(name, "=", value) for name, value in sorted(pairs)]


def _label_names(api: Api, metric: str | None) -> list[str]:
    """The labels that a metric's series carry."""
    return sorted({name for one in (_series(api, metric) if metric else []) for name in one["labels"]})


def _metrics(api: Api) -> list[str]:
    try:
        return metrics.names(api)[0]
    except (ApiDown, Refused):
        return []


def _names(read: Callable[[], list[dict[str, Any]]]) -> list[str]:
    try:
        return [str(one["name"]) for one in read()]
    except (ApiDown, Refused):
        return []


def _advice(api: Api, body: Mapping[str, Any]) -> Markup | None:
    """What could be better in the definition; None while it is not whole, or where the API gives none."""
    try:
        return rule_parts.advice(rules.lint(api, {**body, "name": body["name"] or "Preview"}))
    except (ApiDown, Refused):
        return None


def _set_threshold(value: Any) -> None:
    """Take over what the slider says; a callback."""
    if isinstance(value, tuple):
        st.session_state[fields.key("low")], st.session_state[fields.key("high")] = map(drafts.number_text, value)
    else:
        st.session_state[fields.key("threshold")] = drafts.number_text(value)


def _address(original: rules.Rule | None) -> str:
    return f"/?rule={original['id']}" if original else "/?page=rules"


def _back(original: rules.Rule | None) -> Markup:
    name = original["name"] if original else "All rules"
    return Markup('<p class="back"><a href="{}" data-go>← {}</a></p>').format(_address(original), name)


def _on_send() -> None:
    plan_step((st.session_state["form_top"].send or {}).get("go"))
