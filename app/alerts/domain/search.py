"""What a list of alerts is asked for."""

from dataclasses import dataclass
from datetime import datetime

from app.alerts.domain.alert import Alert, Status
from app.core.labels import Matcher
from app.core.severity import Severity

SORTS = ("-activated_at", "activated_at", "-created_at", "created_at", "-last_seen_at", "last_seen_at")


@dataclass(frozen=True)
class Search:
    """Filters, all of which an alert must satisfy; an empty one lets everything through."""

    statuses: tuple[Status, ...] = ()
    severities: tuple[Severity, ...] = ()
    sources: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    rule_id: str | None = None
    matchers: tuple[Matcher, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    sort: str = "-created_at"
    recent_since: datetime | None = None  # of the resolved ones only those resolved since then; no pending, no closed

    @property
    def sorted_by(self) -> str:
        """The field that orders the list."""
        return self.sort.removeprefix("-")

    def place_of(self, alert: Alert) -> tuple[datetime, str]:
        """Where an alert stands in the list's order; a pending one was never active and counts by its creation."""
        moment: datetime | None = getattr(alert, self.sorted_by)
        return moment or alert.created_at, alert.id

    @property
    def descending(self) -> bool:
        """Newest first."""
        return self.sort.startswith("-")
