"""The API's rules as the dashboard uses them: reads, changes, back-tests, import."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from dashboard.client import Api, call, get

Rule = dict[str, Any]
PAGE = 50
_LONG_S = 20.0  # a back-test over a day, an import of thousands of rules


#: The fields of a rule that are its definition: what a back-test takes.
_DEFINED = frozenset(
    {
        *("name", "description", "severity", "source", "metric", "operator", "threshold", "resolve_threshold"),
        *("evaluation_window", "aggregation", "for", "keep_firing_for", "no_data", "season", "interval"),
        *("min_samples", "labels", "group_by", "pattern", "level", "type", "query", "datasource", "service"),
        *("runbook_url", "alert_labels", "annotations", "notification_channels", "escalation_policy"),
        *("suppression_rules", "correlation", "enabled"),
    }
)


class RulePage(NamedTuple):
    """Some rules, newest first, and where the next ones begin."""

    items: list[Rule]
    next_cursor: str | None


def list_rules(api: Api, filters: Mapping[str, str | None], limit: int = PAGE) -> RulePage:
    """Rules that all filters let through; a filter that is empty is left out."""
    query = [("limit", str(limit)), *((name, value) for name, value in filters.items() if value)]
    answer = get(api, "/rules", query)
    return RulePage(answer["items"], answer.get("next_cursor"))


def get_rule(api: Api, rule_id: str) -> Rule:
    """One rule with advice; Refused with 404 when there is none."""
    return cast(Rule, get(api, _path(rule_id)))


def noise(api: Api) -> dict[str, dict[str, Any]]:
    """How many alerts each rule raised in the last 24 h, by its id; rules without any are left out."""
    return {one["rule_id"]: one for one in get(api, "/rules/noise")["items"]}


def verdicts(api: Api, rule_id: str) -> dict[str, Any]:
    """What the last evaluation found, series by series."""
    return cast(dict[str, Any], get(api, f"{_path(rule_id)}/verdicts"))


def evaluate(api: Api, rule_id: str) -> dict[str, Any]:
    """The same, computed now."""
    return cast(dict[str, Any], call(api, "POST", f"{_path(rule_id)}/evaluate", timeout=_LONG_S))


def versions(api: Api, rule_id: str) -> list[dict[str, Any]]:
    """Every version of a rule with its definition, newest first."""
    return cast(list[dict[str, Any]], get(api, f"{_path(rule_id)}/versions")["items"])


def create(api: Api, body: Mapping[str, Any]) -> Rule:
    """A new rule; Refused with 422 names the fields that it does not take."""
    return cast(Rule, call(api, "POST", "/rules", json=dict(body)))


def change(api: Api, rule_id: str, changes: Mapping[str, Any], expected_version: int) -> Rule:
    """A rule with changes; Refused with 409 when it is no longer in the version that was looked at."""
    body = {**changes, "expected_version": expected_version}
    return cast(Rule, call(api, "PATCH", _path(rule_id), json=body))


def backtest(api: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    """When a rule would have fired and resolved."""
    return cast(dict[str, Any], call(api, "POST", "/rules/backtest", json=dict(body), timeout=_LONG_S))


def lint(api: Api, body: Mapping[str, Any]) -> list[dict[str, str]]:
    """Advice on a definition: field and message."""
    return cast(list[dict[str, str]], call(api, "POST", "/rules/lint", json=dict(body))["advice"])


def import_rules(api: Api, text: str, *, form: str, dry_run: bool) -> dict[str, Any]:
    """What becomes, or with `dry_run` would become, of a file of rules; `form` is native or prometheus."""
    query = {"format": form, "dry_run": str(dry_run).lower()}
    # JSON is YAML as well.
    kind = "application/yaml"
    answer = call(api, "POST", "/rules/import", kind=kind, params=query, content=text.encode(), timeout=_LONG_S)
    return cast(dict[str, Any], answer)


def datasources(api: Api) -> list[dict[str, Any]]:
    """The Prometheus-compatible servers that rules may ask."""
    return cast(list[dict[str, Any]], get(api, "/datasources", [("limit", "100")])["items"])


def channels(api: Api) -> list[dict[str, Any]]:
    """The channels that rules may name."""
    return cast(list[dict[str, Any]], get(api, "/channels", [("limit", "100")])["items"])


def definition_of(rule: Rule) -> Rule:
    """What a person said of a rule, without what the system keeps of it."""
    return {name: value for name, value in rule.items() if name in _DEFINED}


def _path(rule_id: str) -> str:
    return f"/rules/{quote(rule_id, safe='')}"
