"""The feed of alerts: its rows, and what stands there when there are none."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from dashboard.components.marks import action_buttons, copyable, severity_chip, status_mark
from dashboard.components.rule_wording import CONDITIONS
from dashboard.components.wording import actor, ago, joined, number, ordered_labels, threshold, unit, word

_QUICK_ACTIONS = {"ACTIVE": ("acknowledge", "resolve"), "ACKNOWLEDGED": ("resolve",), "SUPPRESSED": ("resolve",)}
_LOAD = 'python3 -c "while True: pass"'


def row(alert: dict[str, Any], role: str) -> Markup:
    """One alert of the feed."""
    return Markup(
        '<article class="row {tone}" data-name="{severity}: {name}">'
        '<div class="severity">{chip}</div>'
        '<div class="what"><a class="name" href="/?alert={id}" data-open="{id}">{name}</a>{labels}</div>'
        '<div class="value">{value}</div>'
        '<div class="since">{age}<small>{times}</small></div>'
        '<div class="state">{status}{more}</div>'
        '<div class="acts">{buttons}</div>'
        '<p class="refused" role="alert" hidden></p></article>'
    ).format(
        tone=f"{alert['severity'].lower()} is-{alert['status'].lower()}",
        severity=word(alert["severity"]),
        chip=severity_chip(alert["severity"]),
        id=alert["id"],
        name=alert["name"],
        labels=_labels(alert),
        value=_value(alert),
        age=ago(alert.get("activated_at") or alert.get("first_seen_at")),
        times=_times(alert),
        status=status_mark(alert["status"]),
        more=_more(alert),
        buttons=action_buttons(alert, _QUICK_ACTIONS.get(alert["status"], ()), role),
    )


def heading() -> Markup:
    """The names of the columns, for wide screens."""
    return Markup(
        '<div class="row heading" aria-hidden="true"><div>Severity</div><div>Alert</div><div>Value</div>'
        "<div>Age</div><div>Status</div><div></div></div>"
    )


def nothing_matches() -> Markup:
    """What stands there when filters leave nothing."""
    return Markup(
        '<div class="empty"><h2>No alert matches</h2><p>There may be others outside these filters.</p>'
        '<p><button type="button" data-send="clear">Clear the filters</button></p></div>'
    )


def only_of_rule(rule_id: str) -> Markup:
    """The line that says that these are the alerts of one rule only, with the ways out."""
    return Markup(
        '<p class="hint">Only alerts of the rule <a href="/?rule={0}" data-go>{0}</a>. '
        '<a href="/" data-go>Show those of all rules</a></p>'
    ).format(rule_id)


def all_quiet(rules: Sequence[dict[str, Any]], api_url: str, home: str) -> Markup:
    """What stands there when nothing is wrong: what is watched, and how to see an alert happen."""
    create = (
        f"curl -X POST {api_url}/alerts/create \\\n"
        f'  -H "Authorization: Bearer $(cat {home}/token)" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"name": "My first alert", "severity": "HIGH",\n"""
        """       "labels": {"service": "checkout"}}'"""
    )
    return Markup(
        '<div class="empty"><h2><span class="calm" aria-hidden="true"></span>All quiet</h2>'
        "<p>No alert is open. A new one appears here by itself, without a reload.</p>"
        '<div class="halves"><section><h3>Watched now</h3>{watched}</section>'
        "<section><h3>Make one happen</h3>"
        "<p>Keep the cores of a watched machine busy, one such command for each core. "
        "The CPU rule fires, and resolves when you stop them:</p>{load}"
        "<p>Or send an alert yourself, from anything that speaks HTTP:</p>{create}</section></div></div>"
    ).format(watched=_watched(rules), load=copyable(_LOAD), create=copyable(create))


def _watched(rules: Sequence[dict[str, Any]]) -> Markup:
    if not rules:
        return Markup("<p>No rule is switched on. Alerts that are sent to the API show up all the same.</p>")
    lines = [
        Markup("<li>{} <b>{}</b><small>{} {} {}{}</small></li>").format(
            severity_chip(rule.get("severity", "INFO")),
            rule["name"],
            rule.get("metric") or rule.get("source", ""),
            CONDITIONS.get(rule.get("operator", ""), rule.get("operator", "")),
            threshold(rule.get("threshold")),
            unit(rule.get("metric")),
        )
        for rule in rules[:8]
    ]
    more = Markup("<p>and {} more rules</p>").format(len(rules) - 8) if len(rules) > 8 else Markup("")
    return Markup('<ul class="watched">{}</ul>{}').format(joined(lines), more)


def _labels(alert: dict[str, Any]) -> Markup:
    shown = ordered_labels(alert)
    if not shown:
        return Markup('<div class="labels"><span>{}</span></div>').format(alert.get("source") or "")
    parts = [Markup("<span>{} <b>{}</b></span>").format(name, value) for name, value in shown[:3]]
    if len(shown) > 3:
        parts.append(Markup("<span>+{}</span>").format(len(shown) - 3))
    return Markup('<div class="labels">{}</div>').format(joined(parts))


def _value(alert: dict[str, Any]) -> Markup:
    if alert.get("value") is None:
        return Markup("")
    units = unit(alert.get("metric"))
    limit: Markup | str = ""
    if alert.get("threshold") is not None:
        limit = Markup("<small>limit {}{}</small>").format(threshold(alert["threshold"]), units)
    return Markup("<b>{}{}</b>{}").format(number(alert["value"]), units, limit)


def _times(alert: dict[str, Any]) -> str:
    seen = int(alert.get("occurrences") or 1)
    return "seen once" if seen == 1 else f"seen {seen:,} times"


def _more(alert: dict[str, Any]) -> Markup:
    if alert["status"] == "ACKNOWLEDGED" and alert.get("acknowledged_by"):
        return Markup("<small>by {}</small>").format(actor(alert["acknowledged_by"]))
    if alert["status"] == "SUPPRESSED" and alert.get("suppression_reason"):
        return Markup('<small title="{0}">{0}</small>').format(alert["suppression_reason"])
    if alert["status"] in {"RESOLVED", "CLOSED"} and alert.get("resolved_at"):
        return Markup("<small>{} ago</small>").format(ago(alert["resolved_at"]))
    return Markup("")
