"""What anomaly rules compare with: the past of each group, one value every few minutes, kept for two weeks.

The samples themselves are kept for a day. So each evaluation writes down the values of the moments that have passed
since the last one; a new rule begins with what the samples that are kept can tell.
"""

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import orjson
from redis import Redis

from app.core.labels import Labels
from app.rules.domain.anomaly import HISTORY, Baseline, baseline, bucket_ends, step_of
from app.rules.domain.evaluation import GroupKey, group_key, judge
from app.rules.domain.grouping import Groups, grouped
from app.rules.domain.rule import Operator, Rule
from app.settings import Settings
from app.telemetry import service as telemetry
from app.telemetry.domain import RULE_SERIES, Milliseconds, Points, Series, Windows, milliseconds

_CacheKey = tuple[GroupKey, int, int]


class BaselineCache:
    """Baselines of this process, each good for the time between two values of the past; the least used go first."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._kept: OrderedDict[_CacheKey, Baseline | str] = OrderedDict()

    def get(self, key: _CacheKey) -> Baseline | str | None:
        """The baseline; None when it is not known."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: _CacheKey, value: Baseline | str) -> None:
        """Keep a baseline."""
        self._kept[key] = value
        while len(self._kept) > self._max_size:
            self._kept.popitem(last=False)


_cache = BaselineCache(10_000)


def baselines(
    redis: Redis, rules: Sequence[Rule], windows: Windows, now: datetime, settings: Settings
) -> dict[GroupKey, Baseline | str]:
    """What the past of every group of the anomaly rules among `rules` lets expect now; or why it lets nothing."""
    found: dict[GroupKey, Baseline | str] = {}
    for position, rule in enumerate(rules):
        if rule.operator is Operator.ANOMALY:
            groups = grouped([rule], windows.only(position))
            found.update(_of_rule(redis, rule, windows, groups, now, settings))
    return found


def _of_rule(
    redis: Redis, rule: Rule, windows: Windows, groups: Groups, now: datetime, settings: Settings
) -> dict[GroupKey, Baseline | str]:
    now_ms = milliseconds(now)
    bucket = now_ms // (step_of(rule) // timedelta(milliseconds=1))
    found: dict[GroupKey, Baseline | str] = {}
    missing: list[int] = []
    for group, labels in enumerate(groups.labels):
        known = _cache.get((group_key(rule, labels), rule.version, bucket))
        if known is None:
            missing.append(group)
        else:
            found[group_key(rule, labels)] = known
    if missing:
        for group, computed in _computed(redis, rule, windows, groups, missing, now, settings).items():
            key = group_key(rule, groups.labels[group])
            _cache.put((key, rule.version, bucket), computed)
            found[key] = computed
    return found


def _computed(
    redis: Redis, rule: Rule, windows: Windows, groups: Groups, chosen: list[int], now: datetime, settings: Settings
) -> dict[int, Baseline | str]:
    now_ms = milliseconds(now)
    pasts = [past_of(rule, groups.labels[group]) for group in chosen]
    known = telemetry.history(redis, pasts)
    kept_since = milliseconds(now - settings.retention_samples + rule.window)
    ends = [
        bucket_ends(rule, max(int(known[past][0][-1]) if known[past][0].size else 0, kept_since), now_ms)
        for past in pasts
    ]
    earliest = min((int(one[0]) for one in ends if one.size), default=None)
    if earliest is not None:
        since = earliest - rule.window // timedelta(milliseconds=1)
        new = _values_at(redis, rule, windows, groups, chosen, ends, since, now)
        telemetry.extend_history(redis, dict(zip(pasts, new, strict=True)), keep=HISTORY)
        known = {
            past: (np.concatenate((known[past][0], times)), np.concatenate((known[past][1], values)))
            for past, (times, values) in zip(pasts, new, strict=True)
        }
    return {group: baseline(rule, *known[past], now_ms) for group, past in zip(chosen, pasts, strict=True)}


def _values_at(
    redis: Redis,
    rule: Rule,
    windows: Windows,
    groups: Groups,
    chosen: list[int],
    ends: list[Milliseconds],
    since_ms: int,
    now: datetime,
) -> list[Points]:
    """The rule's value of each chosen group at its moments, out of the samples; moments without one are left out."""
    bounds = [*groups.starts, len(groups.members)]
    members = sorted({member for group in chosen for member in groups.members[bounds[group] : bounds[group + 1]]})
    past = telemetry.span(redis, [windows.series[member] for member in members], since_ms, now)
    place = {member: position for position, member in enumerate(members)}
    narrowed = Groups()
    for group in chosen:
        narrowed.rule.append(0)
        narrowed.labels.append(groups.labels[group])
        narrowed.starts.append(len(narrowed.members))
        narrowed.members.extend(place[member] for member in groups.members[bounds[group] : bounds[group + 1]])
    owners = np.repeat(np.arange(len(chosen)), [one.size for one in ends])
    judged = judge([rule], past, narrowed, owners, np.concatenate(ends))
    usable = np.isfinite(judged.values)
    return [
        (moments[good], judged.values[owners == position][good])
        for position, moments in enumerate(ends)
        for good in (usable[owners == position],)
    ]


def past_of(rule: Rule, labels: Labels) -> Series:
    """The series that keeps the past of a group of an anomaly rule; another condition begins another one."""
    judged = orjson.dumps(
        [rule.series_metric, rule.aggregation, rule.window.total_seconds(), rule.labels, rule.group_by]
    )
    return Series.of(f"{RULE_SERIES}{rule.id}:{zlib.crc32(judged):08x}", labels)
