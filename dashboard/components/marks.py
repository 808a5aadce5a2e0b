"""The small marks that several pages share: severity, status, buttons, notices."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from dashboard.components.wording import joined, word

#: What may be done with an alert in each status; the first of them is the one that a responder wants most.
ACTIONS_OF: dict[str, tuple[str, ...]] = {
    "PENDING": (),
    "ACTIVE": ("acknowledge", "resolve"),
    "ACKNOWLEDGED": ("resolve", "unacknowledge"),
    "SUPPRESSED": ("resolve",),
    "RESOLVED": ("close",),
    "CLOSED": (),
}
_BUSY = {
    "acknowledge": "Acknowledging…",
    "unacknowledge": "Undoing…",
    "resolve": "Resolving…",
    "close": "Closing…",
    "comment": "Sending…",
}
_ROLES_THAT_ACT = {"responder", "admin"}


def may_act(role: str) -> bool:
    """Whether a token of this role may acknowledge, resolve, close and comment."""
    return role in _ROLES_THAT_ACT


def looking_only(role: str) -> Markup:
    """The line that says why the buttons are disabled."""
    return Markup(
        '<p class="hint">Your token has the role <b>{}</b>: it may look, not act. '
        "To acknowledge and resolve, sign in with the token of a responder.</p>"
    ).format(role)


def severity_chip(severity: str) -> Markup:
    """The severity, in words and in colour."""
    return Markup('<span class="chip {}">{}</span>').format(severity.lower(), word(severity))


def status_mark(status: str) -> Markup:
    """The status, in words with a dot."""
    return Markup('<span class="status {}">{}</span>').format(status.lower(), word(status))


def action_buttons(alert: dict[str, Any], actions: Sequence[str], role: str) -> Markup:
    """One button an action; for a role that may not act they stand there, disabled, and say why."""
    barred = Markup(' disabled title="Needs the role responder; yours is {}"').format(role)
    return joined(
        [
            Markup(
                '<button type="button" class="act {0}" data-act="{0}" data-alert="{1}" data-busy="{2}" '
                'aria-label="{3}: {4}"{5}>{3}</button>'
            ).format(action, alert["id"], _BUSY[action], word(action), alert["name"], "" if may_act(role) else barred)
            for action in actions
        ]
    )


def copyable(command: str) -> Markup:
    """A command in a box with a button that copies it."""
    return Markup(
        '<div class="command"><pre><code>{0}</code></pre><button type="button" data-copy="{0}">Copy</button></div>'
    ).format(command)


def notice(title: str, *sentences: Markup | str) -> Markup:
    """A box that says what is wrong and what to do."""
    body = joined([Markup("<p>{}</p>").format(sentence) for sentence in sentences])
    return Markup('<div class="notice" role="alert"><h2>{}</h2>{}</div>').format(title, body)


def api_down(url: str, reason: str, kept: bool) -> Markup:
    """What stands on a page while the API does not answer."""
    return notice(
        "The API does not answer",
        Markup("Tried <code>{}</code>: {}.").format(url, reason),
        Markup(
            "Is it running? On the machine itself <code>make up</code> starts everything, and "
            "<code>curl {}/monitoring/health</code> says what is missing. This page tries again by itself."
        ).format(url),
        "What stands below is what was known last." if kept else "",
    )
