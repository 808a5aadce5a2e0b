"""Shows blocks of HTML and reports what is clicked in them; only blocks that changed are touched."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import streamlit as st
from markupsafe import Markup
from streamlit.errors import StreamlitAPIException

_HERE = Path(__file__).parent
_MOUNT = st.components.v2.component(
    "alerting_view", html='<div class="view"></div>', js=(_HERE / "view.js").read_text(), isolate_styles=False
)


def style() -> None:
    """Put the style of all our parts on the page."""
    st.html(_HERE / "look.css")


def show_again(fragment: str) -> None:
    """Read and show one fragment anew; for callbacks."""
    # A fragment that was never shown is unknown: then the callback returns, and the whole page runs.
    with suppress(StreamlitAPIException):
        st.rerun(fragment)


def view(
    blocks: Mapping[str, Markup],
    *,
    key: str,
    now: datetime,
    on_change: Callable[[], None] | None = None,
    on_send: Callable[[], None] | None = None,
    announce: bool = False,
) -> Any:
    """Show `blocks` in order; each keeps its place, focus and typed text for as long as its HTML stays the same.

    `on_change` runs when an action went through, `on_send` when something with data-send or data-open was clicked
    (its value is then the trigger `send`). With `announce`, new blocks are read out to screen readers.
    """
    data = {
        # A tuple: in a list Streamlit would look for a dataframe, and load pandas (80 MB) to do so.
        "blocks": tuple((name, str(html)) for name, html in blocks.items()),
        "now": now.isoformat(),
        "announce": announce,
    }
    return _MOUNT(key=key, data=data, on_change_change=on_change or _nothing, on_send_change=on_send or _nothing)


def _nothing() -> None:
    """Streamlit reports a trigger only when something listens."""
