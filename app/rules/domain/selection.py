"""Which rules a series that has just sent makes due, and which count an entry of a log or an event."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.rules.domain.entries import ByLabel, EntryIndex
from app.rules.domain.rule import Operator, Rule
from app.telemetry.domain import Series

_MANY = 500  # series; to read more of them with each sample that arrives would leave no time for other rules


@dataclass(frozen=True)
class Arrived:
    """A rule, and the series of its that have just sent."""

    rule: Rule
    series: list[Series]


@dataclass(frozen=True)
class Due:
    """What arrivals make due: rules as a whole, rules for some series only, and rules that are due a little later."""

    whole: tuple[str, ...]
    parts: Mapping[str, tuple[Series, ...]]
    later: tuple[str, ...]


def due_by_arrival(arrived: Mapping[str, Arrived], n_selected: Mapping[str, int]) -> Due:
    """What is due of the rules that have arrivals; `n_selected` is how many series each of them selects in all.

    A rule whose alerts speak of a series or group each is judged for those that sent. Its other alerts wait for its
    interval, as they would without arrivals. One that must read very many series for it waits a second at most.
    """
    whole, parts, later = [], {}, []
    for rule_id, one in arrived.items():
        # Absence is told by all series together, and labels of its own can make one alert of several groups.
        apart = one.rule.operator is not Operator.ABSENT and not one.rule.alert_labels
        if apart and one.rule.grouping is None and len(one.series) < n_selected[rule_id]:
            parts[rule_id] = tuple(one.series)
        elif n_selected[rule_id] > _MANY and not (apart and one.rule.grouping is None):
            later.append(rule_id)
        elif apart and one.rule.grouping and len(one.series) < n_selected[rule_id]:
            parts[rule_id] = tuple(one.series)
        else:
            whole.append(rule_id)
    return Due(tuple(whole), parts, tuple(later))


class RuleIndex:
    """Rules by metric and, where they ask for one, by the value of a label, so that a series looks at few of them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = list(rules)
        by_metric: dict[str, list[Rule]] = defaultdict(list)
        for rule in self._rules:
            by_metric[rule.series_metric].append(rule)
        self._by_metric = {
            metric: ByLabel(found, lambda rule: rule.wanted.matchers) for metric, found in by_metric.items()
        }

    def selecting(self, series: Iterable[Series]) -> dict[str, Arrived]:
        """By id, the rules that select at least one of the series, with those that they select."""
        found: dict[str, Arrived] = {}
        for one in series:
            if (rules := self._by_metric.get(one.metric)) is not None:
                for rule in rules.selecting(one.labels):
                    found.setdefault(rule.id, Arrived(rule, [])).series.append(one)
        return found

    @cached_property
    def of_entries(self) -> EntryIndex:
        """The rules among them that count entries of logs and events."""
        return EntryIndex(self._rules)
