"""Which rules a series that has just sent makes due, and which count an entry of a log or an event."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from app.rules.domain.entries import ByLabel, EntryIndex
from app.rules.domain.rule import Rule
from app.telemetry.domain import Series


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

    def due(self, series: Iterable[Series]) -> set[str]:
        """Ids of the rules that select at least one of the series."""
        found: set[str] = set()
        for one in series:
            if (rules := self._by_metric.get(one.metric)) is not None:
                found.update(rule.id for rule in rules.selecting(one.labels))
        return found

    @cached_property
    def of_entries(self) -> EntryIndex:
        """The rules among them that count entries of logs and events."""
        return EntryIndex(self._rules)
