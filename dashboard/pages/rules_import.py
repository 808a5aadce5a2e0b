"""Rules come in here from a file: looked at first, and taken in when the report is confirmed."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard import rules
from dashboard.client import Api, ApiDown, Refused
from dashboard.clock import utcnow
from dashboard.components import import_report, rule_list
from dashboard.components.marks import notice
from dashboard.components.view import view
from dashboard.steps import plan_step, stay_on

FRAGMENT = "rules_import"
COALESCE_S = 2.0
_FORMS = {"native": "Ours", "prometheus": "Prometheus"}
_NATIVE = """rules:
  - id: checkout_slow
    name: Checkout is slow
    metric: checkout.latency_ms
    operator: greater_than
    threshold: 500
    severity: HIGH"""
_PROMETHEUS = """groups:
  - name: node
    rules:
      - alert: InstanceDown
        expr: up == 0
        for: 5m"""
_EXAMPLES = {"native": _NATIVE, "prometheus": _PROMETHEUS}


def show() -> None:
    """The page."""
    _page()


def refresh() -> None:
    """Nothing: what somebody pasted is not to be disturbed by what happens elsewhere."""


@st.fragment(key=FRAGMENT)
def _page() -> None:
    stay_on("rules_import")
    api, now = st.session_state["api"], utcnow()
    role = (st.session_state.get("me") or {}).get("role", "viewer")
    top = {
        "back": Markup('<p class="back"><a href="/?page=rules" data-go>← All rules</a></p>'),
        "title": Markup(
            '<div class="headline"><h1>Import rules</h1><p>A file is looked at first. Nothing changes until '
            "you have seen the report and confirm it.</p></div>"
        ),
    }
    if not rule_list.may_change(role):
        top["notice"] = rule_list.only_admins(role)
    view(top, key="import_top", now=now, on_send=_on_send)
    with st.container(key="import_form"):
        form = st.segmented_control(
            "Format", list(_FORMS), format_func=_FORMS.__getitem__, default="native", key="import_as", required=True
        )
        text = st.text_area("YAML or JSON", height=220, placeholder=_EXAMPLES[form or "native"], key="import_text")
        file = st.file_uploader("or a file", type=["yaml", "yml", "json", "rules"], key="import_file")
        given = file.getvalue().decode("utf-8", errors="replace") if file is not None else text
        st.button(
            "Check",
            disabled=not given.strip() or not rule_list.may_change(role),
            on_click=lambda: _run(api, given, form or "native", dry_run=True),
        )
    _result(api, given, form or "native")


def _result(api: Api, given: str, form: str) -> None:
    """The report of the text that stands there now, with the button that confirms it."""
    kept = st.session_state.get("import_result")
    if not kept or (kept[0], kept[1]) != (given, form):
        return
    found, failed = kept[2], kept[3]
    blocks: dict[str, Markup] = {"failed": failed} if failed else {"report": import_report.report(found)}
    if found and not found.get("dry_run"):
        blocks["on"] = Markup('<p class="back"><a href="/?page=rules" data-go>See all rules</a></p>')
    view(blocks, key="import_report", now=utcnow(), on_send=_on_report_send)
    if found and found.get("dry_run"):
        st.button(
            "Import them",
            type="primary",
            disabled=not import_report.changes_something(found),
            on_click=lambda: _run(api, given, form, dry_run=False),
        )


def _run(api: Api, text: str, form: str, *, dry_run: bool) -> None:
    """Look at the file, or take it in; a callback."""
    found: dict[str, Any] | None = None
    failed: Markup | None = None
    try:
        found = rules.import_rules(api, text, form=form, dry_run=dry_run)
    except ApiDown as down:
        failed = notice("The API does not answer", f"{down}. What you pasted is still here.")
    except Refused as refused:
        said = "Not available from this API." if refused.is_unknown else str(refused)
        failed = notice("This file cannot be imported", said)
    st.session_state["import_result"] = (text, form, found, failed)


def _on_send() -> None:
    plan_step((st.session_state["import_top"].send or {}).get("go"))


def _on_report_send() -> None:
    plan_step((st.session_state["import_report"].send or {}).get("go"))
