"""The bar on top: the name, the pages, the badge of the live stream, who is signed in. It holds the one EventSource."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.steps import plan_step, take_step

_HERE = Path(__file__).parent
_MOUNT = st.components.v2.component(
    "alerting_bar",
    html=(_HERE / "bar.html").read_text(),
    js=(_HERE / "bar.js").read_text(),
    isolate_styles=False,
)
KEY = "bar"


@st.fragment(key=KEY)
def bar(
    me: Mapping[str, Any] | None,
    *,
    place: str,
    refresh_s: float,
    coalesce_s: float,
    watch: str | None,
    ended: bool,
    on_dirty: Callable[[], None],
) -> None:
    """Show the bar and keep the stream open; `on_dirty` runs when something changed that the page shows.

    `place` is the entry of the bar that is marked. Events that come within `coalesce_s` run `on_dirty` once. `watch` is
    the one alert that the page is about, None when it is about all. With `ended` the browser goes to the sign-in page
    and comes back here afterwards.

    It is a fragment so that events only queue up: a rerun asked for from outside of all fragments stops the run in
    progress, even in the middle of a callback, and what somebody had just clicked would be lost.
    """
    data = {
        "name": (me or {}).get("name", ""),
        "role": (me or {}).get("role", ""),
        "place": place,
        "coalesce_ms": round(coalesce_s * 1000),
        "refresh_ms": round(refresh_s * 1000),
        "watch": watch,
        "ended": ended,
    }
    _MOUNT(key=KEY, data=data, on_dirty_change=on_dirty, on_go_change=_on_go)
    take_step()


def _on_go() -> None:
    plan_step((st.session_state[KEY].go or {}).get("go"))
