"""The parts of a rule's page."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from dashboard.components.marks import may_act, notice, severity_chip
from dashboard.components.rule_list import health_mark, health_reason, may_change, only_admins
from dashboard.components.rule_wording import conditions, counted, health_of, labels_text, unit_of
from dashboard.components.story import web_link
from dashboard.components.wording import NONE, actor, ago, clock, exact, joined, number, threshold, word

Rule = Mapping[str, Any]
_OUTCOMES = {"firing": "Firing", "held": "Held", "ok": "Ok", "no_data": "No data", "error": "Error"}
_MOST_VERDICTS = 50
_HELD = "no longer true, kept firing for a while"
_HEAD = Markup(
    "<tr><th>Outcome</th><th>Series</th><th>Value</th><th>Threshold</th><th>Window</th><th>Samples</th></tr>"
)
#: What versions are not compared by: what the system itself keeps of a rule.
_NOT_DEFINED = {"id", "version", "created_at", "updated_at"}


def back() -> Markup:
    """The way back to the list."""
    return Markup('<p class="back"><a href="/?page=rules" data-go>← All rules</a></p>')


def header(rule: Rule) -> Markup:
    """Name, severity, health, and in one sentence what it watches."""
    runbook = web_link(rule.get("runbook_url"))
    return Markup('<div class="headline"><div>{}{}</div><h1>{}</h1><p class="condition">{}</p>{}{}</div>').format(
        severity_chip(rule["severity"]),
        health_mark(rule),
        rule["name"],
        conditions(rule),
        Markup("<p>{}</p>").format(rule["description"]) if rule.get("description") else "",
        Markup('<p><a href="{}" target="_blank" rel="noopener noreferrer">Runbook ↗</a></p>').format(runbook)
        if runbook
        else "",
    )


def ill_health(rule: Rule) -> Markup | None:
    """What is wrong with a rule that cannot do its work; None for one that can."""
    reason = health_reason(rule)
    if health_of(rule) == "error":
        return notice("The last evaluation failed", reason, "Its alerts stay as they are until it can be evaluated.")
    if health_of(rule) == "late":
        return notice("The evaluation is late", reason, "Are the workers running? See the operations guide.")
    if health_of(rule) == "no_data":
        return notice("There is no data", reason, _WITHOUT_DATA.get(str(rule.get("no_data")), ""))
    return None


_WITHOUT_DATA = {
    "keep": "Alerts that are open stay open, and no new one is raised.",
    "ok": "That counts as well: the condition does not hold.",
    "alert": "That is an alert by itself.",
}


def actions(rule: Rule, role: str, open_alerts: str) -> Markup:
    """The buttons; deleting and switching off say first how many alerts that resolves."""
    by_admin = "" if may_change(role) else Markup(' disabled title="Needs the role admin; yours is {}"').format(role)
    by_responder = (
        "" if may_act(role) else Markup(' disabled title="Needs the role responder; yours is {}"').format(role)
    )
    evaluate = Markup('<button type="button" data-send="evaluate"{}>Evaluate now</button>').format(by_responder)
    alerts = Markup('<a class="button" href="/?status=All&amp;of={}" data-go>Its alerts</a>').format(rule["id"])
    if by_admin:
        barred = joined([Markup('<button type="button"{}>{}</button>').format(by_admin, name) for name in _CHANGES])
        return Markup('<div class="actions"><div class="acts">{}{}{}</div>{}</div>').format(
            evaluate, alerts, barred, only_admins(role)
        )
    edit = Markup('<a class="button first" href="/?rule={}&amp;edit=1" data-go>Edit</a>').format(rule["id"])
    return Markup(
        '<div class="actions"><div class="acts">{}{}{}{}{}</div><p class="refused" role="alert" hidden></p></div>'
    ).format(edit, evaluate, alerts, _on_or_off(rule, open_alerts), _delete(rule, open_alerts))


_CHANGES = ("Edit", "Switch off", "Delete")


def facts(rule: Rule, now: datetime) -> Markup:
    """How its evaluation goes, as pairs."""
    duration_ms = rule.get("last_duration_ms")
    evaluated = rule.get("last_evaluated_at")
    pairs: list[tuple[str, Markup | str]] = [
        (
            "Evaluated",
            Markup("{} ago <small>{}</small>").format(ago(evaluated), clock(evaluated, now))
            if evaluated
            else "not yet",
        ),
        ("Took", f"{number(duration_ms)} ms" if duration_ms is not None else NONE),
        ("Series", _count(rule.get("n_series"))),
        ("Firing", _count(rule.get("n_firing"))),
        ("Missed evaluations", _count(rule.get("n_missed"))),
        ("Dropped before firing", _count(rule.get("n_dropped"))),
        (
            "Without data",
            {"keep": "alerts stay", "ok": "counts as well", "alert": "raises an alert"}.get(
                str(rule.get("no_data")), NONE
            ),
        ),
        ("At least", counted(int(rule.get("min_samples") or 1), "sample")),
        ("Channels", ", ".join(map(str, rule.get("notification_channels") or [])) or "none"),
        ("Version", f"{rule.get('version', NONE)}"),
        ("Id", Markup("<code>{}</code>").format(rule["id"])),
    ]
    if rule.get("group_by") is not None:
        pairs.insert(6, ("One alert for each", ", ".join(rule["group_by"]) or "rule"))
    shown = joined([Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*pair) for pair in pairs])
    notes = [
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(word(str(name)), str(text))
        for name, text in (rule.get("annotations") or {}).items()
    ]
    return Markup('<section class="panel"><h2>Facts</h2><dl class="facts">{}</dl>{}</section>').format(
        shown, Markup('<dl class="facts notes">{}</dl>').format(joined(notes)) if notes else ""
    )


def advice(found: Sequence[Mapping[str, Any]]) -> Markup | None:
    """What could be better in a definition; None when there is nothing to say."""
    if not found:
        return None
    lines = [Markup("<li><b>{}</b> {}</li>").format(one.get("field") or "rule", one.get("message")) for one in found]
    return Markup('<section class="panel advice"><h2>Advice</h2><ul>{}</ul></section>').format(joined(lines))


def verdicts(found: Mapping[str, Any], rule: Rule, now: datetime) -> Markup:
    """What was found of each series, firing ones first."""
    listed = found.get("verdicts") or []
    when = f"at {clock(found['at'], now)}" if found.get("at") else "not evaluated yet"
    took = f", in {number(found['duration_ms'])} ms" if found.get("duration_ms") is not None else ""
    if not listed:
        body = Markup('<p class="none">{}</p>').format(
            "There is no series to judge."
            if found.get("at")
            else "There is nothing to show before the first evaluation."
        )
    else:
        body = Markup('<table class="table verdicts"><thead>{}</thead><tbody>{}</tbody></table>').format(
            _HEAD, joined([_verdict(one, rule) for one in listed[:_MOST_VERDICTS]])
        )
    n_series = int(found.get("n_series") or len(listed))
    n_hidden = n_series - min(len(listed), _MOST_VERDICTS)
    more = Markup('<p class="hint">and {:,} more series</p>').format(n_hidden)
    return Markup('<section class="panel"><h2>Verdicts<small>{}{}</small></h2>{}{}</section>').format(
        when, took, body, more if n_hidden > 0 and listed else ""
    )


def versions(found: Sequence[Mapping[str, Any]], now: datetime) -> Markup:
    """Who changed what, newest first."""
    entries = [_version(one, found[n + 1] if n + 1 < len(found) else None, now) for n, one in enumerate(found)]
    if not entries:
        return Markup('<section class="panel"><h2>Versions</h2><p class="none">None are kept.</p></section>')
    return Markup('<section class="panel"><h2>Versions</h2><ol class="timeline">{}</ol></section>').format(
        joined(entries)
    )


def unavailable(title: str) -> Markup:
    """A panel whose content this API does not have."""
    return Markup(
        '<section class="panel"><h2>{}</h2><p class="none">Not available from this API.</p></section>'
    ).format(title)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The fields in which two definitions differ, with what stood there and what stands there now."""
    names = [name for name in {**old, **new} if name not in _NOT_DEFINED]
    return [(name, _shown(old.get(name)), _shown(new.get(name))) for name in names if old.get(name) != new.get(name)]


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _version(one: Mapping[str, Any], before: Mapping[str, Any] | None, now: datetime) -> Markup:
    changed = differences(before.get("definition") or {}, one.get("definition") or {}) if before else []
    lines = [
        Markup("<li><code>{}</code> <del>{}</del> → <ins>{}</ins></li>").format(*difference) for difference in changed
    ]
    return Markup(
        '<li><time datetime="{}" title="{}">{}</time><div><b>Version {}</b> {}<small>by {}</small>{}</div></li>'
    ).format(
        one.get("at"),
        exact(one.get("at")),
        clock(one.get("at"), now),
        one.get("version"),
        word(str(one.get("change") or "")).lower(),
        actor(one.get("actor")),
        Markup('<ul class="changed">{}</ul>').format(joined(lines)) if lines else "",
    )


def _verdict(one: Mapping[str, Any], rule: Rule) -> Markup:
    outcome, units = str(one.get("outcome") or ""), unit_of(rule)
    limit = one.get("threshold")
    n_samples = one.get("n_samples")
    return Markup(
        '<tr><td><span class="status outcome-{}"{}>{}</span></td><td>{}<p>{}</p></td><td>{}</td>'
        '<td data-name="limit ">{}</td><td data-name="over ">{}</td><td data-name="samples ">{}</td></tr>'
    ).format(
        outcome,
        Markup(' title="{}"').format(_HELD) if outcome == "held" else "",
        _OUTCOMES.get(outcome, outcome),
        labels_text(one.get("labels") or {}),
        one.get("reason") or "",
        f"{number(one['value'])}{units}" if one.get("value") is not None else NONE,
        f"{threshold(limit)}{units}" if limit is not None else NONE,
        one.get("window") or NONE,
        f"{n_samples:,}" if n_samples is not None else NONE,
    )


def _on_or_off(rule: Rule, open_alerts: str) -> Markup:
    if not rule.get("enabled", True):
        return Markup(
            '<button type="button" data-act="enable" data-rule="{}" data-busy="Switching on…">Switch on</button>'
        ).format(rule["id"])
    return _confirmed(
        "off",
        "Switch off",
        f"Nothing is watched then. {open_alerts}",
        Markup(
            '<button type="button" class="grave" data-act="disable" data-rule="{}" data-busy="Switching off…">'
            "Switch the rule off</button>"
        ).format(rule["id"]),
    )


def _delete(rule: Rule, open_alerts: str) -> Markup:
    return _confirmed(
        "delete",
        "Delete",
        f"This cannot be undone. {open_alerts}",
        Markup(
            '<button type="button" class="grave" data-act="delete" data-rule="{}" data-busy="Deleting…">'
            "Delete the rule</button>"
        ).format(rule["id"]),
    )


def _confirmed(name: str, title: str, warning: str, button: Markup) -> Markup:
    return Markup(
        '<details class="confirm" data-name="{}"><summary class="button">{}…</summary>'
        '<div class="sure"><p>{}</p>{}</div></details>'
    ).format(name, title, warning, button)


def _count(n: Any) -> str:
    return NONE if n is None else f"{n:,}"
