"""Which page an address names, and the way from one page to another without loading everything anew."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

OVERVIEW = "overview"
_BY_NAME = {"rules": "rules", "import": "rules_import", "explore": "explore"}


def page_named_by(query: Mapping[str, str]) -> str:
    """The module of dashboard.pages that shows what this query names; the overview when it names nothing."""
    if query.get("alert"):
        return "alert"
    if rule := query.get("rule"):
        return "rule_form" if rule == "new" or query.get("edit") else "rule"
    return _BY_NAME.get(query.get("page", ""), OVERVIEW)


def place_in_the_bar(page: str) -> str:
    """The entry of the bar under which a page stands."""
    if page == "explore":
        return "explore"
    return "alerts" if page in {OVERVIEW, "alert"} else "rules"


def query_of(address: Any) -> dict[str, list[str]]:
    """The query of an address, each name with its values; empty for what is no address."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(address).query) if isinstance(address, str) else ():
        found.setdefault(name, []).append(value)
    return found


def plan_step(address: Any) -> None:
    """Remember that somebody asked for another page; for callbacks, which cannot go there themselves."""
    st.session_state["step"] = address


def take_step() -> None:
    """Go to the page that was asked for, if one was; the browser's history gains an entry."""
    address = st.session_state.pop("step", None)
    if address is not None:
        st.switch_page(st.session_state["home"], query_params=query_of(address))


def stay_on(page: str) -> None:
    """What every page begins with: go where somebody asked to go, and show nothing on an address of another page."""
    take_step()
    if page_named_by(st.query_params) != page:
        st.rerun()  # an event and a step came together: the page is another one by now
