"""The parts of an alert's page."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from dashboard.components.marks import ACTIONS_OF, action_buttons, looking_only, may_act, severity_chip, status_mark
from dashboard.components.wording import (
    NONE,
    actor,
    ago,
    clock,
    exact,
    joined,
    number,
    ordered_labels,
    threshold,
    unit,
    word,
)

_SHOWN_ELSEWHERE = {"summary", "description", "runbook_url"}
_TONE_OF_DELIVERY = {"delivered": "good", "sent": "good", "dead": "bad", "cancelled": "calm"}


def back() -> Markup:
    """The way back to the overview."""
    return Markup('<p class="back"><a href="/" data-send="back">← All alerts</a></p>')


def header(alert: dict[str, Any]) -> Markup:
    """Name, severity, status, and in one sentence what is wrong."""
    annotations = alert.get("annotations") or {}
    runbook = web_link((alert.get("links") or {}).get("runbook")) or web_link(annotations.get("runbook_url"))
    said = annotations.get("summary") or alert.get("description") or ""
    return Markup('<div class="headline"><div>{}{}</div><h1>{}</h1>{}{}</div>').format(
        severity_chip(alert["severity"]),
        status_mark(alert["status"]),
        alert["name"],
        Markup("<p>{}</p>").format(said) if said else "",
        Markup("<p>{}</p>").format(_link(runbook, "Runbook ↗")) if runbook else "",
    )


def actions(alert: dict[str, Any], role: str) -> Markup:
    """The buttons, with one field for a note that goes along or a comment that stands alone."""
    possible = ACTIONS_OF.get(alert["status"], ())
    if not may_act(role):
        return Markup('<div class="actions"><div class="acts">{}</div>{}</div>').format(
            action_buttons(alert, possible, role), looking_only(role)
        )
    return Markup(
        '<div class="actions"><input data-note type="text" maxlength="2000" aria-label="Note or comment" '
        'placeholder="Note (goes along with the action) or comment"><div class="acts">{}</div>'
        '<p class="refused" role="alert" hidden></p></div>'
    ).format(action_buttons(alert, (*possible, "comment"), role))


def facts(alert: dict[str, Any], now: datetime) -> Markup:
    """What is known, as pairs; then labels and annotations."""
    labels = [Markup("<span>{} <b>{}</b></span>").format(*pair) for pair in ordered_labels(alert)]
    notes = _notes(alert)
    return Markup('<section class="panel"><h2>Facts</h2><dl class="facts">{}</dl>{}{}</section>').format(
        _pairs([*_measured(alert), *_history(alert, now), *_origin(alert)]),
        Markup('<div class="labels">{}</div>').format(joined(labels)) if labels else "",
        Markup('<dl class="facts notes">{}</dl>').format(_pairs(notes)) if notes else "",
    )


def timeline(alert: dict[str, Any], now: datetime) -> Markup:
    """What happened, newest first."""
    entries = sorted(alert.get("timeline") or [], key=lambda entry: entry["seq"], reverse=True)
    if not entries:
        return Markup('<section class="panel"><h2>Timeline</h2><p class="none">Nothing yet.</p></section>')
    return Markup('<section class="panel"><h2>Timeline</h2><ol class="timeline">{}</ol></section>').format(
        joined([_entry(entry, now) for entry in entries])
    )


def deliveries(alert: dict[str, Any], now: datetime) -> Markup:
    """Who was told, and how that went."""
    found = alert.get("deliveries") or []
    if not found:
        return Markup(
            '<section class="panel"><h2>Deliveries</h2><p class="none">Nobody was told: the alert names no channel, '
            "or it is suppressed.</p></section>"
        )
    return Markup('<section class="panel"><h2>Deliveries</h2><ul class="deliveries">{}</ul></section>').format(
        joined([_delivery(delivery, now) for delivery in found])
    )


def web_link(text: Any) -> str | None:
    """`text` when it is an address on the web; anything else (javascript:, data:) is no link."""
    if not isinstance(text, str):
        return None
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    return text.strip() if parts.scheme in {"http", "https"} and parts.netloc else None


Pair = tuple[str, Markup | str]


def _measured(alert: dict[str, Any]) -> list[Pair]:
    units = unit(alert.get("metric"))
    pairs: list[Pair] = []
    if alert.get("value") is not None:
        pairs.append(("Value", f"{number(alert['value'])}{units}"))
    if alert.get("threshold") is not None:
        pairs.append(("Limit", f"{threshold(alert['threshold'])}{units}"))
    if alert.get("metric"):
        pairs.append(("Metric", Markup("<code>{}</code>").format(alert["metric"])))
    return pairs


def _history(alert: dict[str, Any], now: datetime) -> list[Pair]:
    seen, episodes = int(alert.get("occurrences") or 1), int(alert.get("episodes") or 1)
    last = Markup("{} times, last {} ago").format(f"{seen:,}", ago(alert.get("last_seen_at")))
    pairs: list[Pair] = [
        ("Since", _when(alert.get("activated_at") or alert.get("first_seen_at"), now)),
        ("Seen", last if seen > 1 else "once"),
    ]
    if episodes > 1:
        pairs.append(("Came back", "once" if episodes == 2 else f"{episodes - 1} times"))
    if alert.get("acknowledged_at"):
        pairs.append(("Acknowledged", _by(alert, "acknowledged", now)))
    if alert.get("suppression_reason"):
        until = f", until {exact(alert['suppressed_until'])}" if alert.get("suppressed_until") else ""
        pairs.append(("Suppressed", f"{alert['suppression_reason']}{until}"))
    if alert.get("resolved_at"):
        why = f", {word(alert['resolution']).lower()}" if alert.get("resolution") else ""
        pairs.append(("Resolved", _by(alert, "resolved", now) + why))
    return pairs


def _origin(alert: dict[str, Any]) -> list[Pair]:
    pairs: list[Pair] = [("Source", Markup("<code>{}</code>").format(alert.get("source") or NONE))]
    if alert.get("notification_channels"):
        pairs.append(("Channels", ", ".join(map(str, alert["notification_channels"]))))
    pairs.append(("Id", Markup("<code>{}</code>").format(alert["id"])))
    return pairs


def _notes(alert: dict[str, Any]) -> list[Pair]:
    annotations = alert.get("annotations") or {}
    notes: list[Pair] = [
        (word(str(name)), _text(value)) for name, value in annotations.items() if name not in _SHOWN_ELSEWHERE
    ]
    description = alert.get("description")
    if annotations.get("summary") and description and description != annotations["summary"]:
        notes.insert(0, ("Description", _text(description)))
    return notes


def _text(value: Any) -> Markup:
    link = web_link(value)
    return _link(link, link) if link else Markup("{}").format(str(value))


def _link(address: str, text: str) -> Markup:
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(address, text)


def _by(alert: dict[str, Any], what: str, now: datetime) -> Markup:
    return Markup("{} by {}").format(_when(alert[f"{what}_at"], now), actor(alert.get(f"{what}_by")))


def _pairs(pairs: list[tuple[str, Any]]) -> Markup:
    return joined([Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*pair) for pair in pairs])


def _when(text: str | None, now: datetime) -> Markup:
    return Markup("{} ago <small>{}</small>").format(ago(text), clock(text, now))


def _entry(entry: dict[str, Any], now: datetime) -> Markup:
    before, after = entry.get("from"), entry.get("to")
    moved = Markup("<em>{} → {}</em>").format(word(before), word(after)) if before and after and before != after else ""
    tone = "comment" if entry["kind"] in {"comment", "commented"} else (after or "").lower()
    return Markup(
        '<li class="{}"><time datetime="{}" title="{}">{}</time><div><b>{}</b> {}<small>by {}</small>{}</div></li>'
    ).format(
        tone,
        entry["at"],
        exact(entry["at"]),
        clock(entry["at"], now),
        word(entry["kind"]),
        moved,
        actor(entry.get("actor")),
        Markup("<p>{}</p>").format(entry["reason"]) if entry.get("reason") else "",
    )


def _delivery(delivery: dict[str, Any], now: datetime) -> Markup:
    attempts = delivery.get("attempts") or []
    state = str(delivery["state"])
    when = delivery.get("delivered_at") or delivery.get("sent_at") or delivery.get("created_at")
    fate = clock(when, now)
    if delivery.get("dead_reason"):
        fate = str(delivery["dead_reason"])
    elif delivery.get("state_reason") and state not in {"delivered", "sent"}:
        fate = word(str(delivery["state_reason"]))
    elif delivery.get("next_attempt_at") and state not in {"delivered", "sent"}:
        fate = f"next try {clock(delivery['next_attempt_at'], now)}"
    return Markup(
        '<li><div><span class="state-word {}">{}</span> <b>{}</b><small>{} · {}</small></div><p>{}</p>{}</li>'
    ).format(
        _TONE_OF_DELIVERY.get(state, "pending"),
        word(state),
        delivery.get("channel_name") or delivery.get("channel") or NONE,
        delivery.get("channel_type") or "",
        word(str(delivery.get("kind") or "")).lower(),
        fate,
        Markup("<ol>{}</ol>").format(joined([_attempt(attempt, now) for attempt in attempts])) if attempts else "",
    )


def _attempt(attempt: dict[str, Any], now: datetime) -> Markup:
    latency = f"{attempt['latency_ms']:,.0f} ms" if attempt.get("latency_ms") is not None else ""
    said = " · ".join(
        part for part in (str(attempt.get("status") or ""), latency, str(attempt.get("error") or "")) if part
    )
    return Markup("<li>{} {} <small>{}</small></li>").format(
        clock(attempt.get("at"), now), word(str(attempt.get("outcome") or "")).lower(), said
    )
