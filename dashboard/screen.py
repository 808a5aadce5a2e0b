"""What one browser session shows: the bar on top, and under it the page that the URL names."""

import streamlit as st

from dashboard.client import ApiDown, Refused, connect, who_am_i
from dashboard.components.bar import bar
from dashboard.components.view import style
from dashboard.pages import alert, overview
from dashboard.sessions import cookie_name, unseal
from dashboard.settings import settings

# No page_icon: it would load numpy and Pillow; main.py serves the favicon that the page names by itself.
st.set_page_config(page_title="Alerting", layout="wide")
style()
# One page whose content the query names: /?alert=ID is an alert, everything else the overview with its filters. So a
# step is one entry of the browser's history, and back, reload and links from messages all do what they should.
watched = st.query_params.get("alert")
home = st.Page((alert if watched else overview).show, title="Alerting", url_path="home", default=True)
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
bar(me, refresh_s=settings().refresh_s, watch=watched, ended=ended, on_dirty=(alert if watched else overview).refresh)
if not ended:
    chosen.run()
