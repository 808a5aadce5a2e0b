"""Which rules a series that has just sent makes due."""

from collections import defaultdict
from collections.abc import Iterable

from app.core.labels import Op, matches_all
from app.rules.domain.rule import Rule
from app.telemetry.domain import Series

Pair = tuple[str, str]


class RuleIndex:
    """Rules by metric and, where they ask for one, by the value of a label, so that a series looks at few of them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_pair: dict[tuple[str, Pair | None], list[Rule]] = defaultdict(list)
        for rule in rules:
            self._by_pair[rule.metric, _pair(rule)].append(rule)

    def due(self, series: Iterable[Series]) -> set[str]:
        """Ids of the rules that select at least one of the series."""
        found: set[str] = set()
        for one in series:
            for pair in (None, *one.labels.items()):
                for rule in self._by_pair.get((one.metric, pair), ()):
                    if rule.id not in found and matches_all(rule.matchers, one.labels):
                        found.add(rule.id)
        return found


def _pair(rule: Rule) -> Pair | None:
    """A label value that every series of the rule has; None when it asks for none."""
    equal = (matcher for matcher in rule.matchers if matcher.op is Op.EQUAL and matcher.value)
    return next(((matcher.name, matcher.value) for matcher in equal), None)
