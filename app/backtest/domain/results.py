"""What a rehearsal of a rule found, and how that compares with what was known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.labels import Labels
from app.telemetry.domain import Milliseconds, Numbers

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fired:
    """One time that an alert fired; `reopened` when the same alert had fired shortly before: a flap.

    `resolved_at` None means that it still fires at the end.
    """

    labels: Labels
    annotations: Mapping[str, str]
    pending_at: datetime | None
    fired_at: datetime
    resolved_at: datetime | None
    value: float | None
    reason: str
    reopened: bool


@dataclass(frozen=True)
class Curve:
    """What a rule saw of one group: its value at moments (NaN where there is none), and for anomalies the band."""

    labels: Labels
    times: Milliseconds
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None


@dataclass(frozen=True)
class Rehearsal:
    """What a rule would have done; `fired` in the order of time."""

    since: datetime
    until: datetime
    n_evaluations: int
    n_samples: int
    fired: tuple[Fired, ...]
    curves: tuple[Curve, ...]
    failures: tuple[str, ...] = ()

    @property
    def n_alerts(self) -> int:
        """Alerts that were opened."""
        return sum(not one.reopened for one in self.fired)

    @property
    def n_flaps(self) -> int:
        """Times that an alert fired again shortly after it had been resolved."""
        return sum(one.reopened for one in self.fired)

    @property
    def firing(self) -> timedelta:
        """How long alerts fired, all added up."""
        return sum(((one.resolved_at or self.until) - one.fired_at for one in self.fired), timedelta(0))


@dataclass(frozen=True)
class Score:
    """Firings against labelled windows: how many windows were hit, and how many firings hit none."""

    n_windows: int
    n_hits: int
    n_false_alarms: int
    false_alarms_per_series_day: float

    @property
    def n_missed(self) -> int:
        """Windows in which nothing fired."""
        return self.n_windows - self.n_hits


def score(rehearsal: Rehearsal, labelled: Sequence[tuple[datetime, datetime]]) -> Score:
    """The rehearsal against windows (start, end) in which something should have fired."""
    spans = [(one.fired_at, one.resolved_at or rehearsal.until) for one in rehearsal.fired]
    n_hits = sum(any(fired <= end and over >= start for fired, over in spans) for start, end in labelled)
    n_false = sum(not any(fired <= end and over >= start for start, end in labelled) for fired, over in spans)
    days = max((rehearsal.until - rehearsal.since) / _DAY, 1e-9) * max(len(rehearsal.curves), 1)
    return Score(len(labelled), n_hits, n_false, n_false / days)
