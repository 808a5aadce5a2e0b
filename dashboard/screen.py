"""What one browser session shows: the bar on top, and under it the page that the URL names."""

from importlib import import_module
from typing import Any

import streamlit as st

from dashboard.client import ApiDown, Refused, connect, who_am_i
from dashboard.components.bar import bar
from dashboard.components.view import style
from dashboard.sessions import cookie_name, unseal
from dashboard.settings import settings
from dashboard.steps import page_named_by, place_in_the_bar

# No page_icon: it would load numpy and Pillow; main.py serves the favicon that the page names by itself.
st.set_page_config(page_title="Alerting", layout="wide")
style()
# One page whose content the query names: /?alert=ID is an alert, /?rule=ID a rule, nothing the overview. So a step is
# one entry of the browser's history, and back, reload and links from messages all do what they should.
name = page_named_by(st.query_params)
# Only the page that is shown is imported: Altair and what it brings (80 MB) must not come with the overview.
page: Any = import_module(f"dashboard.pages.{name}")
home = st.Page(page.show, title="Alerting", url_path="home", default=True)
st.session_state["home"] = home
chosen = st.navigation([home], position="hidden")

token = unseal(st.context.cookies.get(cookie_name()))
api = connect(token or "")
me, ended = None, token is None
if token:
    try:
        me = who_am_i(api)
    except Refused as refused:
        ended = refused.status == 401
    except ApiDown:
        me = st.session_state.get("me")
st.session_state.update(api=api, me=me)
bar(
    me,
    place=place_in_the_bar(name),
    refresh_s=settings().refresh_s,
    coalesce_s=page.COALESCE_S,
    watch=st.query_params.get("alert"),
    ended=ended,
    on_dirty=page.refresh,
)
if name != "rule_form":
    st.session_state.pop("draft_of", None)  # a form that was left begins anew
if not ended:
    chosen.run()
