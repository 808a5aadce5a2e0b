"""Which rules count an entry of a log or an event: each match is a sample of the rule's own series."""

import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import re2

from app.core.labels import Labels, Matcher, Op, compile_pattern, matches_all
from app.core.severity import SEVERITIES_OF_LOGS
from app.rules.domain.rule import Rule, Source
from app.telemetry.domain import Entry, EventEntry, LogEntry, Sample

_UNKNOWN_LEVEL = SEVERITIES_OF_LOGS["info"]
_IN_ONE_SET = 200  # patterns; the automaton of very many does not fit into its memory
_LOOSE_IN_ONE_SET = 25  # patterns like "a.*b" remember what was seen, so their automaton grows with each other
_GAP = re.compile(r"[.\])][*+]|,\}")
_SET_MEMORY = 16 * 1024 * 1024
Pair = tuple[str, str]


class ByLabel:
    """Rules by the value of a label, where they ask for one, so that an entry or a series looks at few of them."""

    def __init__(self, rules: Iterable[Rule], matchers_of: Callable[[Rule], tuple[Matcher, ...]]) -> None:
        self._by_pair: dict[Pair | None, list[tuple[Rule, tuple[Matcher, ...]]]] = defaultdict(list)
        for rule in rules:
            matchers = matchers_of(rule)
            self._by_pair[_pair(matchers)].append((rule, matchers))

    def selecting(self, labels: Labels) -> Iterator[Rule]:
        """The rules that select these labels."""
        for pair in (None, *labels.items()):
            for rule, matchers in self._by_pair.get(pair, ()):
                if matches_all(matchers, labels):
                    yield rule


class PatternSet:
    """Regular expressions (RE2) that are searched for in few passes over a text, however many they are."""

    def __init__(self, patterns: Sequence[str]) -> None:
        loose = [pattern for pattern in patterns if _GAP.search(pattern)]
        others = [pattern for pattern in patterns if not _GAP.search(pattern)]
        self._parts = [
            part
            for some, size in ((others, _IN_ONE_SET), (loose, _LOOSE_IN_ONE_SET))
            for start in range(0, len(some), size)
            for part in _parts(some[start : start + size])
        ]

    def found_in(self, text: str) -> Iterator[str]:
        """The patterns that occur somewhere in `text`."""
        for patterns, searched in self._parts:
            yield from (patterns[position - 1] for position in searched.Match(text) or () if position)


class EntryIndex:
    """The rules that count entries: of events by type; of logs by level first, then by one search for all patterns."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        of_logs: list[Rule] = []
        by_type: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            if rule.source is Source.EVENT:
                by_type[str(rule.type)].append(rule)
            elif rule.source is Source.LOG and _is_readable(rule.pattern):
                of_logs.append(rule)
        self._by_type = {type_: ByLabel(found, _matchers) for type_, found in by_type.items()}
        least = sorted({_least_rank(rule) for rule in of_logs})
        self._by_rank = [(rank, _LogRules([one for one in of_logs if _least_rank(one) <= rank])) for rank in least]

    def counted(self, entries: Iterable[Entry]) -> list[Sample]:
        """A sample for each entry and each rule that counts it; 1 for a log's, an event's own value."""
        return [
            Sample(rule.series_metric, _grouping_labels(rule, entry.labels), entry.at, value)
            for entry in entries
            for value in (entry.value if isinstance(entry, EventEntry) else 1.0,)
            for rule in self._counting(entry)
        ]

    def _counting(self, entry: Entry) -> Iterable[Rule]:
        if isinstance(entry, EventEntry):
            rules = self._by_type.get(entry.type)
            return rules.selecting(entry.labels) if rules is not None else ()
        rank = SEVERITIES_OF_LOGS.get(entry.labels.get("level", ""), _UNKNOWN_LEVEL)
        # The last of those that the level reaches: its rules hold the earlier ones' too.
        reached = [found for least, found in self._by_rank if least <= rank]
        return reached[-1].counting(entry) if reached else ()


class _LogRules:
    """Rules for logs, whatever their level."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        by_pattern: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            by_pattern[rule.pattern or ""].append(rule)
        self._any_message = ByLabel(by_pattern.pop("", ()), _matchers)
        self._patterns = PatternSet(list(by_pattern))
        self._by_pattern = {pattern: ByLabel(found, _matchers) for pattern, found in by_pattern.items()}

    def counting(self, entry: LogEntry) -> Iterator[Rule]:
        """The rules whose pattern and selector the entry satisfies."""
        yield from self._any_message.selecting(entry.labels)
        for pattern in self._patterns.found_in(entry.message):
            yield from self._by_pattern[pattern].selecting(entry.labels)


def _parts(patterns: Sequence[str]) -> list[tuple[Sequence[str], "re2.Set"]]:
    """Patterns and the set that searches for them, in as many parts as their size asks for.

    Each set begins with the empty pattern, which is in every text: where that is not found, the automaton has too
    little memory. A single pattern always has enough, because it was compiled with less.
    """
    options = re2.Options()
    options.log_errors, options.max_mem = False, _SET_MEMORY
    searched = re2.Set.SearchSet(options)
    with contextlib.suppress(re2.error):
        for pattern in ("", *patterns):
            searched.Add(pattern)
        searched.Compile()
        if searched.Match(""):
            return [(patterns, searched)]
    assert len(patterns) > 1
    half = len(patterns) // 2
    return [*_parts(patterns[:half]), *_parts(patterns[half:])]


def _is_readable(pattern: str | None) -> bool:
    """Whether a set takes the pattern; it was checked when the rule was made, and if it is broken it harms no other."""
    try:
        return pattern is None or compile_pattern(pattern) is not None
    except ValueError:
        return False


def _least_rank(rule: Rule) -> int:
    return -1 if rule.level is None else SEVERITIES_OF_LOGS.get(rule.level.strip().lower(), _UNKNOWN_LEVEL)


def _grouping_labels(rule: Rule, labels: Labels) -> dict[str, str]:
    return {name: labels[name] for name in rule.grouping or () if labels.get(name)}


def _matchers(rule: Rule) -> tuple[Matcher, ...]:
    return rule.matchers


def _pair(matchers: Iterable[Matcher]) -> Pair | None:
    """A label value that whatever satisfies the matchers has; None when they ask for none."""
    equal = (matcher for matcher in matchers if matcher.op is Op.EQUAL and matcher.value)
    return next(((matcher.name, matcher.value) for matcher in equal), None)
