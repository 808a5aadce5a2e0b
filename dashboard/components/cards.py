"""The summary cards: how things stand, in five numbers."""

from typing import Any

from markupsafe import Markup

from dashboard.components.wording import ago, duration, joined


def cards(summary: dict[str, Any]) -> Markup:
    """The row of cards."""
    by_severity, oldest = summary.get("by_severity") or {}, summary.get("oldest_open")
    critical, high = int(by_severity.get("CRITICAL", 0)), int(by_severity.get("HIGH", 0))
    mtta, mttr = (summary.get(name) or {} for name in ("mtta_s", "mttr_s"))
    acknowledged = int(summary.get("acknowledged") or 0)
    age = Markup("oldest {}").format(ago(oldest["activated_at"])) if oldest else "all quiet"
    shown = [
        _card("Open", int(summary.get("open") or 0), age),
        _card(
            "Critical and high", critical + high, f"{critical:,} critical, {high:,} high", alarming=critical + high > 0
        ),
        _card("Acknowledged", acknowledged, f"{int(summary.get('suppressed') or 0)} suppressed"),
        _card("Resolved, 24 h", int(summary.get("resolved") or 0), _median("after {} (median)", mttr.get("median"))),
        _card("Time to acknowledge", duration(mtta.get("median")), _median("median; 95 % in {}", mtta.get("p95"))),
    ]
    return Markup('<div class="cards" role="list" aria-label="Summary">{}</div>').format(joined(shown))


def _median(sentence: str, seconds: float | None) -> str:
    return "none yet" if seconds is None else sentence.format(duration(seconds))


def _card(title: str, figure: int | str, note: Markup | str, *, alarming: bool = False) -> Markup:
    shown = f"{figure:,}" if isinstance(figure, int) else figure
    return Markup('<div class="card {}" role="listitem"><h2>{}</h2><b>{}</b><small>{}</small></div>').format(
        "alarming" if alarming else "", title, shown, note
    )
