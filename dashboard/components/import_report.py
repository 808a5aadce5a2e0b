"""What an import did, or would do."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from dashboard.components.rule_wording import counted
from dashboard.components.wording import joined

_MOST = 200


def report(found: Mapping[str, Any]) -> Markup:
    """Counts, then what was skipped and why, then advice."""
    title = "This is what the import would do" if found.get("dry_run") else "Imported"
    figures = [
        Markup("<span><b>{:,}</b>{}</span>").format(count_of(found.get(name)), name)
        for name in ("created", "updated", "unchanged", "skipped")
    ]
    return Markup('<section class="panel"><h2>{}</h2><div class="report">{}</div></section>{}{}').format(
        title, joined(figures), _skipped(found), _advice(found)
    )


def changes_something(found: Mapping[str, Any]) -> bool:
    """Whether an import would create or update any rule."""
    return count_of(found.get("created")) + count_of(found.get("updated")) > 0


def count_of(value: Any) -> int:
    """How many: the API gives a number, or a list of what it counts."""
    return len(value) if isinstance(value, list | tuple) else int(value or 0)


def _skipped(found: Mapping[str, Any]) -> Markup:
    skipped = found.get("skipped") or []
    if not isinstance(skipped, list) or not skipped:
        return Markup("")
    lines = [
        Markup("<li><b>{}</b> <small>{}</small>{}</li>").format(
            one.get("name") or f"number {one.get('index')}",
            f"in group {one['group']}" if one.get("group") else "",
            Markup("<p>{}</p>").format(one.get("reason") or ""),
        )
        for one in skipped[:_MOST]
    ]
    more = Markup('<p class="hint">and {:,} more</p>').format(len(skipped) - _MOST) if len(skipped) > _MOST else ""
    return Markup(
        '<section class="panel"><h2>Skipped<small>{} cannot be mapped</small></h2>'
        '<ul class="reasons">{}</ul>{}</section>'
    ).format(counted(len(skipped), "rule"), joined(lines), more)


def _advice(found: Mapping[str, Any]) -> Markup:
    advice = found.get("advice") or []
    if not advice:
        return Markup("")
    lines = [
        Markup("<li><b>{}</b> <small>{}</small><p>{}</p></li>").format(
            one.get("id") or "", one.get("field") or "", one.get("message") or ""
        )
        for one in advice[:_MOST]
    ]
    more = Markup('<p class="hint">and {:,} more</p>').format(len(advice) - _MOST) if len(advice) > _MOST else ""
    return Markup('<section class="panel advice"><h2>Advice</h2><ul class="reasons">{}</ul>{}</section>').format(
        joined(lines), more
    )
