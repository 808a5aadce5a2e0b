"""How many new series may come in: an explosion of labels from one client is stopped, and stops nobody else.

A series that is known is always taken. Which ones are is remembered by each process, so that a batch of known series
costs no round trip; only the others are looked up in Redis, all of a batch in one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from redis import Redis

from app.core.durations import format_duration
from app.settings import Settings
from app.telemetry.domain import API_SERIES, RULE_SERIES, Problems, Series
from app.telemetry.store import TOTAL, registry_key

PER = timedelta(hours=1)
_RESERVED = (RULE_SERIES, API_SERIES)
_MOST_REMEMBERED = 500_000  # some 50 MB
_CLIENT = "telemetry:new:"  # + client; counts its new series, for an hour from the first
_KNOWN, _NEW, _OVER_CLIENT, _OVER_ALL = range(4)
#: Counts the new ones among the given series as far as both limits allow, at one moment for all processes.
#: KEYS: the client's counter, the total, then each metric's registry. ARGV: both limits, seconds, then pairs of a
#: registry's position in KEYS and a series' key. Returns one of the four codes above for each pair.
_COUNT = """
local client, total = tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(redis.call('GET', KEYS[2]) or 0)
local per_client, in_all, found, new = tonumber(ARGV[1]), tonumber(ARGV[2]), {}, 0
for i = 4, #ARGV, 2 do
  local code = 1
  if redis.call('ZSCORE', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) then code = 0
  elseif client + new >= per_client then code = 2
  elseif total + new >= in_all then code = 3
  else new = new + 1 end
  found[#found + 1] = code
end
if new > 0 then
  if redis.call('INCRBY', KEYS[1], new) == new then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
  redis.call('INCRBY', KEYS[2], new)
end
return found
"""


@dataclass
class KnownSeries:
    """Series that this process knows to be known, the least recently used forgotten first; by hash, to be small.

    Two generations: what is used moves to the young one, and the old one goes when the young is full or has its age.
    So nothing stays that was not used for `kept`, after which Redis may have forgotten it.
    """

    capacity: int  # of a generation
    kept: timedelta
    _young: set[int] = field(default_factory=set)
    _old: set[int] = field(default_factory=set)
    _turned_at: datetime | None = None

    def unknown(self, keys: set[int], now: datetime) -> set[int]:
        """Those of `keys` that are not known here."""
        age = self.kept if self._turned_at is None else now - self._turned_at
        if age >= self.kept / 2 or len(self._young) >= self.capacity:
            self._old = self._young if age < self.kept else set()
            self._young, self._turned_at = set(), now
        missing = keys - self._young
        if missing:
            found = missing & self._old
            self._young |= found
            missing -= found
        return missing

    def add(self, keys: set[int]) -> None:
        """From now on these are known."""
        self._young |= keys


@dataclass(frozen=True)
class Sender:
    """Who sends samples, and what the process that takes them in knows."""

    client: str
    known: KnownSeries


def known_series(settings: Settings) -> KnownSeries:
    """An empty memory of the right size; one a process."""
    return KnownSeries(min(settings.series_limit, _MOST_REMEMBERED), settings.retention_samples)


def check_reserved(metric: str) -> Problems:
    """Why a client cannot send this metric; empty when it can."""
    if not metric.startswith(_RESERVED):
        return {}
    prefix = next(prefix for prefix in _RESERVED if metric.startswith(prefix))
    return {"metric": [f"names that begin with {prefix} are the system's own; use another"]}


def refused(
    redis: Redis, sender: Sender, series: Sequence[Series], now: datetime, settings: Settings
) -> Mapping[Series, Problems]:
    """The series that are new and beyond a limit, with the reason; the others are counted and may be written."""
    by_hash = {hash(one.key): one for one in series}
    missing = sender.known.unknown(set(by_hash), now)
    if not missing:
        return {}
    asked = [by_hash[key] for key in missing]
    codes = _counted(redis, asked, sender.client, settings)
    sender.known.add({key for key, code in zip(missing, codes, strict=True) if code in (_KNOWN, _NEW)})
    reasons = {
        _OVER_CLIENT: (
            f"a new series beyond the {settings.series_per_client} that one token may send within "
            f"{format_duration(PER)} (ALERTING_SERIES_PER_CLIENT); known series are still taken, so use labels with "
            "few values"
        ),
        _OVER_ALL: (
            f"a new series beyond the {settings.series_limit} that may be known in all (ALERTING_SERIES_LIMIT); known "
            "series are still taken"
        ),
    }
    return {one: {"labels": [reasons[code]]} for one, code in zip(asked, codes, strict=True) if code in reasons}


def _counted(redis: Redis, asked: Sequence[Series], client: str, settings: Settings) -> list[int]:
    keys = [_CLIENT + client, TOTAL]
    positions: dict[str, int] = {}
    pairs: list[bytes | int] = []
    for one in asked:
        if one.metric not in positions:
            keys.append(registry_key(one.metric))
            positions[one.metric] = len(keys)
        pairs += (positions[one.metric], one.key)
    limits = (settings.series_per_client, settings.series_limit, int(PER.total_seconds()))
    return cast(list[int], redis.register_script(_COUNT)(keys, [*limits, *pairs]))
