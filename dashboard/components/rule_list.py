"""The list of rules: its rows, what stands on top, and what stands there when there are none."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from dashboard.components.marks import severity_chip
from dashboard.components.rule_wording import HEALTHS, conditions, counted, health_of
from dashboard.components.wording import NONE, ago, joined

_REASON_OF = {
    "pending": "not evaluated yet",
    "off": "switched off",
    "late": "its evaluation is long due",
    "no_data": "no sample came",
}


def health_mark(rule: Mapping[str, Any]) -> Markup:
    """The health, in words with a dot."""
    health = health_of(rule)
    return Markup('<span class="status health-{}">{}</span>').format(health, HEALTHS.get(health, health))


def health_reason(rule: Mapping[str, Any]) -> str:
    """Why a rule's health is not ok; "" when it is."""
    health = health_of(rule)
    said = str(rule.get("health_reason") or "") if health != "off" else ""
    return "" if health == "ok" else said or _REASON_OF.get(health, "")


def may_change(role: str) -> bool:
    """Whether a token of this role may make, change and delete rules."""
    return role == "admin"


def only_admins(role: str) -> Markup:
    """The line that says why rules cannot be changed."""
    return Markup(
        '<p class="hint">Your token has the role <b>{}</b>: it sees every rule and changes none. '
        "To change rules, sign in with the token of an admin.</p>"
    ).format(role)


def toolbar(role: str) -> Markup:
    """The name of the page, and what can be done with rules as a whole."""
    barred = Markup(' disabled title="Needs the role admin; yours is {}"').format(role)
    if may_change(role):
        buttons = Markup(
            '<a class="button" href="/?page=import" data-go>Import</a>'
            '<a class="button first" href="/?rule=new" data-go>New rule</a>'
        )
    else:
        buttons = Markup('<button type="button"{0}>Import</button><button type="button"{0}>New rule</button>').format(
            barred
        )
    return Markup(
        '<div class="toolbar"><h1>Rules</h1><div class="acts">'
        '<a class="button" href="/live/rules/export?format=yaml" download="rules.yaml">Export</a>{}</div>{}</div>'
    ).format(buttons, "" if may_change(role) else only_admins(role))


def heading() -> Markup:
    """The names of the columns, for wide screens."""
    return Markup(
        '<div class="row rule heading" aria-hidden="true"><div>Severity</div><div>Rule</div><div>Health</div>'
        "<div>Evaluated</div><div>Alerts, 24 h</div><div>On</div></div>"
    )


def row(rule: Mapping[str, Any], noise: Mapping[str, Any] | None, role: str) -> Markup:
    """One rule of the list; `noise` is its count of alerts, None where it is not known."""
    reason = health_reason(rule)
    return Markup(
        '<article class="row rule {tone}">'
        '<div class="severity">{chip}</div>'
        '<div class="what"><a class="name" href="/?rule={id}" data-go>{name}</a><p class="watches">{watches}</p></div>'
        '<div class="state">{health}{reason}</div>'
        '<div class="since">{evaluated}</div>'
        '<div class="value">{noise}</div>'
        '<div class="acts">{switch}</div>'
        '<p class="refused" role="alert" hidden></p></article>'
    ).format(
        tone=f"{str(rule['severity']).lower()} health-{health_of(rule)}",
        chip=severity_chip(rule["severity"]),
        id=rule["id"],
        name=rule["name"],
        watches=conditions(rule),
        health=health_mark(rule),
        reason=Markup('<small title="{0}">{0}</small>').format(reason) if reason else "",
        evaluated=Markup("{} ago").format(ago(rule["last_evaluated_at"])) if rule.get("last_evaluated_at") else NONE,
        noise=_noise(noise),
        switch=switch(rule, role),
    )


def switch(rule: Mapping[str, Any], role: str) -> Markup:
    """The switch that turns a rule on and off; for a role that may not, it stands there and says why."""
    barred = Markup(' disabled title="Needs the role admin; yours is {}"').format(role)
    enabled = bool(rule.get("enabled", True))
    return Markup(
        '<button type="button" class="switch" role="switch" aria-checked="{}" data-act="{}" data-rule="{}" '
        'aria-label="{} is switched on"{}></button>'
    ).format(
        "true" if enabled else "false",
        "disable" if enabled else "enable",
        rule["id"],
        rule["name"],
        "" if may_change(role) else barred,
    )


def none_yet(role: str) -> Markup:
    """What stands there when there is no rule at all."""
    ways = Markup(
        '<p><a class="button first" href="/?rule=new" data-go>New rule</a> '
        '<a class="button" href="/?page=import" data-go>Import a file</a></p>'
    )
    return Markup(
        '<div class="empty"><h2>No rules yet</h2><p>A rule watches a metric, log entries, events or a query, '
        "and raises an alert when its condition holds. Make one, or bring a file of rules: ours, or those of "
        "Prometheus.</p>{}</div>"
    ).format(ways if may_change(role) else Markup("<p>An admin can make the first one.</p>"))


def nothing_matches() -> Markup:
    """What stands there when filters leave nothing."""
    return Markup(
        '<div class="empty"><h2>No rule matches</h2><p>There may be others outside these filters.</p>'
        '<p><button type="button" data-send="clear">Clear the filters</button></p></div>'
    )


def pages(query: Mapping[str, str], next_cursor: str | None, n_shown: int) -> Markup | None:
    """The way to the next rules and back to the first; None when all of them are shown."""
    kept = [(name, value) for name, value in query.items() if name != "cursor"]
    links = []
    if query.get("cursor"):
        first = urlencode(kept)
        links.append(Markup('<a class="button" href="/?{}" data-send="first">First page</a>').format(first))
    if next_cursor:
        after = urlencode([*kept, ("cursor", next_cursor)])
        links.append(Markup('<a class="button" href="/?{}" data-open="{}">Next page</a>').format(after, next_cursor))
    if not links:
        return None
    return Markup(
        '<div class="pages"><span>{} on this page, newest first</span><div class="acts">{}</div></div>'
    ).format(counted(n_shown, "rule"), joined(links))


def _noise(noise: Mapping[str, Any] | None) -> Markup | str:
    if noise is None:
        return NONE
    n_open = int(noise.get("n_open") or 0)
    quiet = int(noise.get("n_alerts") or 0) == 0 and n_open == 0
    shown = Markup("<small>{} open now</small>").format(n_open) if n_open else ""
    return Markup('<b class="{}">{:,}</b>{}').format("quiet" if quiet else "", int(noise.get("n_alerts") or 0), shown)
