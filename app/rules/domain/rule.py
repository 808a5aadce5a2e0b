"""A rule: its definition, what a change to it means, and its health."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

import orjson

from app.core.labels import Matcher, Op, parse_matcher
from app.core.severity import Severity
from app.telemetry.domain import RULE_SERIES, Window

Selector = dict[str, str] | tuple[str, ...]
#: Words of the API and of the dashboard, so that a rule of such an id could not be read.
RESERVED_IDS = frozenset({"import", "export", "backtest", "lint", "new", "noise"})
Threshold = float | tuple[float, float]


class Source(StrEnum):
    """Where a rule's series come from."""

    METRIC = "metric"
    LOG = "log"
    EVENT = "event"
    PROMETHEUS = "prometheus"


class Operator(StrEnum):
    """How the aggregated value is compared with the threshold; a range's bounds belong to its inside."""

    GREATER_THAN = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    LESS_THAN = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    OUTSIDE_RANGE = "outside_range"
    INSIDE_RANGE = "inside_range"
    ABSENT = "absent"
    ANOMALY = "anomaly"


RANGES = frozenset({Operator.OUTSIDE_RANGE, Operator.INSIDE_RANGE})


class Aggregation(StrEnum):
    """What one number a window becomes."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    LAST = "last"
    COUNT = "count"
    RATE = "rate"
    DELTA = "delta"
    STDDEV = "stddev"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"


class NoData(StrEnum):
    """What it means that no sample came."""

    KEEP = "keep"  # nothing: alerts stay as they are
    OK = "ok"  # the condition does not hold
    ALERT = "alert"  # one alert for the whole data source


class Health(StrEnum):
    """How the last evaluation of a rule went; pending before the first, late when it is long due."""

    PENDING = "pending"
    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"
    LATE = "late"


@dataclass(frozen=True, kw_only=True)
class Definition:
    """Everything that a person says of a rule.

    `window` is the evaluation window, `pending_for` is `for`; `interval` None means the setting's.
    `group_by` None makes every series of a metric an alert of its own, () one alert of all; entries of logs and events
    are one series unless grouped. `operator` None (Prometheus only) means that whatever the query returns is firing.
    `threshold` is a pair for ranges, the z-score for anomaly, None for absent and where there is no operator.
    `alert_labels` and `annotations` are templates.
    """

    name: str
    severity: Severity
    metric: str = ""
    operator: Operator | None = None
    threshold: Threshold | None = None
    description: str = ""
    source: Source = Source.METRIC
    window: timedelta = timedelta(minutes=5)
    aggregation: Aggregation = Aggregation.AVG
    pending_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    resolve_threshold: float | None = None
    no_data: NoData = NoData.KEEP
    interval: timedelta | None = None
    min_samples: int = 1
    labels: Selector = field(default_factory=dict)
    group_by: tuple[str, ...] | None = None
    season: timedelta | None = None
    pattern: str | None = None
    level: str | None = None
    type: str | None = None
    query: str | None = None
    datasource: str | None = None
    service: str | None = None
    runbook_url: str | None = None
    alert_labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    notification_channels: tuple[str, ...] = ()
    escalation_policy: str | None = None
    suppression_rules: tuple[str, ...] = ()
    correlation: str = "allow"
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class Rule(Definition):
    """A rule as it is stored, in one of its versions."""

    id: str
    version: int

    @cached_property
    def matchers(self) -> tuple[Matcher, ...]:
        """The selector's matchers."""
        return selector_matchers(self.labels)

    @cached_property
    def series_metric(self) -> str:
        """The metric of the series that it judges: the one that it names, or its own count of matching entries.

        What is counted is part of that name, so that a changed pattern begins with an empty window.
        """
        if self.source is Source.METRIC:
            return self.metric
        counted = orjson.dumps([self.source, self.pattern, self.level, self.type, self.labels, self.group_by])
        return f"{RULE_SERIES}{self.id}:{zlib.crc32(counted):08x}"

    @cached_property
    def grouping(self) -> tuple[str, ...] | None:
        """The labels that make an alert's identity; None when all of a series do."""
        return () if self.group_by is None and self.source in (Source.LOG, Source.EVENT) else self.group_by

    @cached_property
    def wanted(self) -> Window:
        """The window to be read for an evaluation."""
        # Entries were selected when they were counted; their series carry the labels of the grouping only.
        matchers = self.matchers if self.source is Source.METRIC else ()
        return Window(self.series_metric, matchers, self.window)


#: What an alert of the rule rests on: changing one of these ends the alerts that it has.
_CONDITION = (
    *("source", "metric", "operator", "threshold", "aggregation", "window", "min_samples", "labels", "group_by"),
    *("season", "pattern", "level", "type", "query", "datasource", "alert_labels"),
)


class Change(StrEnum):
    """What a new definition means for a rule."""

    NONE = "none"
    DESCRIPTION = "description"  # its alerts stay as they are
    CONDITION = "condition"  # its alerts are resolved: they tell of a condition that is no longer asked for
    ENABLED = "enabled"
    DISABLED = "disabled"  # its alerts are resolved: nobody watches them


def change_between(old: Definition, new: Definition) -> Change:
    """What the change from `old` to `new` means."""
    if all(getattr(old, name) == getattr(new, name) for name in Definition.__dataclass_fields__):
        return Change.NONE
    if old.enabled != new.enabled:
        return Change.ENABLED if new.enabled else Change.DISABLED
    if any(getattr(old, name) != getattr(new, name) for name in _CONDITION):
        return Change.CONDITION
    return Change.DESCRIPTION


def selector_matchers(labels: Mapping[str, str] | tuple[str, ...]) -> tuple[Matcher, ...]:
    """The matchers of a selector; ValueError for one that cannot be read.

    An object maps a label to its value, or to an operator (=~, !~ or !=) and a value, like `=~web.*`.
    A list holds matchers, like `host=~"web.*"`.
    """
    if isinstance(labels, Mapping):
        return tuple(_matcher_of(name, text) for name, text in labels.items())
    return tuple(parse_matcher(text) for text in labels)


def _matcher_of(name: str, text: str) -> Matcher:
    for op in (Op.MATCHES, Op.NOT_MATCHES, Op.NOT_EQUAL):
        if text.startswith(op):
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            return parse_matcher(f'"{quoted}"{text}')
    return Matcher(name, Op.EQUAL, text)
