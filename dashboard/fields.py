"""The fields of a form: each is a widget under a name, with what the API said of it below."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from markupsafe import Markup


def key(name: str) -> str:
    """The name under which the session keeps a field."""
    return f"field_{name}"


def value(name: str) -> Any:
    """What stands in a field now."""
    return st.session_state[key(name)]


def said(name: str) -> None:
    """What the API said of a field, until it holds something else."""
    message = st.session_state["form_errors"].get(name)
    if message and st.session_state["form_tried"].get(name) == st.session_state.get(key(name)):
        st.html(Markup('<p class="field-error" role="alert">{}</p>').format(message))


def text(name: str, label: str, placeholder: str = "", *, about: str | None = None) -> None:
    """One line of text."""
    st.text_input(label, placeholder=placeholder, help=about, key=key(name), persist_state="page")
    said(name)


def area(name: str, label: str, placeholder: str, height: int) -> None:
    """Several lines of text."""
    st.text_area(label, placeholder=placeholder, height=height, key=key(name), persist_state="page")
    said(name)


def choice(name: str, label: str, options: Sequence[str], shown: Callable[[str], str]) -> None:
    """A choice among few, all of them shown."""
    st.segmented_control(
        label, options, format_func=shown, key=key(name), persist_state="page", required=True, width="stretch"
    )
    said(name)


def select(name: str, label: str, options: Sequence[str], shown: Callable[[str], str]) -> None:
    """A choice among many."""
    st.selectbox(label, options, format_func=shown, key=key(name), persist_state="page")
    said(name)


def optional(name: str, label: str, options: Sequence[str], nothing: str, shown: Callable[[str], str] = str) -> None:
    """A choice that may be left open."""
    st.selectbox(
        label, options, index=None, format_func=shown, placeholder=nothing, key=key(name), persist_state="page"
    )
    said(name)


def combobox(name: str, label: str, options: Sequence[str], nothing: str) -> None:
    """A choice among what is known that takes any other text as well."""
    now = value(name) or None
    st.session_state[key(name)] = now
    listed = [*([now] if now and now not in options else []), *options]
    st.selectbox(
        label,
        listed,
        index=None,
        placeholder=nothing,
        accept_new_options=True,
        key=key(name),
        persist_state="page",
    )
    said(name)


def many(name: str, label: str, options: Sequence[str], nothing: str) -> None:
    """Several choices among what is known, or any other texts."""
    listed = list(dict.fromkeys([*value(name), *options]))
    st.multiselect(label, listed, placeholder=nothing, accept_new_options=True, key=key(name), persist_state="page")
    said(name)
