"""A rule: its definition, what a change to it means, and its health."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from app.core.labels import Matcher, Op, parse_matcher
from app.core.severity import Severity
from app.telemetry.domain import Window

Selector = dict[str, str] | tuple[str, ...]


class Operator(StrEnum):
    """How the aggregated value is compared with the threshold."""

    GREATER_THAN = "greater_than"
    GREATER_OR_EQUAL = "greater_or_equal"
    LESS_THAN = "less_than"
    LESS_OR_EQUAL = "less_or_equal"
    EQUAL = "equal"
    NOT_EQUAL = "not_equal"


class Aggregation(StrEnum):
    """What one number a window becomes."""

    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    LAST = "last"
    COUNT = "count"


class Health(StrEnum):
    """How the last evaluation of a rule went; pending before the first."""

    PENDING = "pending"
    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Definition:
    """Everything that a person says of a rule.

    `window` is the evaluation window, `pending_for` is `for`; `interval` None means the setting's.
    `group_by` None makes every series an alert of its own, () one alert of all.
    """

    name: str
    metric: str
    operator: Operator
    threshold: float
    severity: Severity
    description: str = ""
    source: str = "metric"
    window: timedelta = timedelta(minutes=5)
    aggregation: Aggregation = Aggregation.AVG
    pending_for: timedelta = timedelta(0)
    interval: timedelta | None = None
    min_samples: int = 1
    labels: Selector = field(default_factory=dict)
    group_by: tuple[str, ...] | None = None
    service: str | None = None
    runbook_url: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    notification_channels: tuple[str, ...] = ()
    escalation_policy: str | None = None
    suppression_rules: tuple[str, ...] = ()
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
    def wanted(self) -> Window:
        """The window to be read for an evaluation."""
        return Window(self.metric, self.matchers, self.window)


#: What an alert of the rule rests on: changing one of these ends the alerts that it has.
_CONDITION = ("source", "metric", "operator", "threshold", "aggregation", "window", "min_samples", "labels", "group_by")


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
