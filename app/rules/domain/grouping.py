"""Groups: which series of a rule are judged together, and what labels say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.core.labels import Labels, Op
from app.rules.domain.rule import Operator, Rule
from app.telemetry.domain import Series, Windows


@dataclass
class Groups:
    """Groups of series, in the order of their rules, each the members starts[g]:starts[g + 1] of `members`."""

    rule: list[int] = field(default_factory=list)  # position of the group's rule
    labels: list[Labels] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    members: list[int] = field(default_factory=list)  # positions of series


def grouped(rules: Sequence[Rule], windows: Windows) -> Groups:
    """The groups of every rule; windows.selected[k] belongs to rules[k]."""
    groups = Groups()
    for position, rule in enumerate(rules):
        for labels, members in _groups_of(rule, windows.series, windows.selected[position]):
            groups.rule.append(position)
            groups.labels.append(labels)
            groups.starts.append(len(groups.members))
            groups.members.extend(members)
    return groups


def asked_labels(rule: Rule) -> Labels:
    """The labels that every series of the rule has, because its selector asks for them."""
    return {one.name: one.value for one in rule.matchers if one.op is Op.EQUAL and one.value}


def _groups_of(rule: Rule, series: Sequence[Series], selected: Sequence[int]) -> Iterator[tuple[Labels, Sequence[int]]]:
    by = rule.grouping
    if by is None and rule.operator is Operator.ABSENT:
        if selected:
            yield asked_labels(rule), selected
        return
    if by is None:
        for position in selected:
            yield series[position].labels, (position,)
        return
    found: dict[tuple[str | None, ...], list[int]] = {}
    for position in selected:
        labels = series[position].labels
        found.setdefault(tuple(labels.get(name) for name in by), []).append(position)
    for key, members in found.items():
        # A label that the series lack stays away: it is no value that they share.
        yield {name: value for name, value in zip(by, key, strict=True) if value is not None}, members
