"""The latest verdicts of every rule, in Redis, for whoever asks why; the next evaluation replaces them."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from redis import Redis

from app.rules.domain.rule import Rule
from app.rules.domain.verdict import Expected, Outcome, Verdict
from app.telemetry.domain import milliseconds, moment_of

KEPT_SERIES = 500
_KEPT = timedelta(days=1)
_ORDER = {outcome: place for place, outcome in enumerate(Outcome)}  # firing first


class _Kept(msgspec.Struct, array_like=True):
    """A verdict without what its rule says anyway."""

    labels: dict[str, str]
    outcome: Outcome
    value: float | None
    n_samples: int
    note: str
    expected: Expected | None


class Latest(msgspec.Struct, array_like=True):
    """The last evaluation of a rule: when, how long its batch took, and at most KEPT_SERIES of its verdicts."""

    version: int
    at_ms: int
    duration_ms: float
    n_series: int
    n_firing: int
    kept: list[_Kept]

    @property
    def at(self) -> datetime:
        """When it was."""
        return moment_of(self.at_ms)

    def verdicts(self, rule: Rule) -> list[Verdict]:
        """The verdicts; none when the rule is another version by now, because they would be explained by it."""
        if rule.version != self.version:
            return []
        return [
            Verdict(rule, one.labels, one.outcome, one.value, one.n_samples, one.note, one.expected)
            for one in self.kept
        ]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Latest).decode


def latest_of(verdicts: Sequence[Verdict], now: datetime, duration: timedelta) -> Latest:
    """What is kept of a rule's verdicts (at least one), those that fire first."""
    n_firing = sum(verdict.outcome is Outcome.FIRING for verdict in verdicts)
    if len(verdicts) > KEPT_SERIES:
        chosen: Sequence[Verdict] = sorted(verdicts, key=lambda one: _ORDER[one.outcome])[:KEPT_SERIES]
    else:
        chosen = verdicts
    return Latest(
        version=verdicts[0].rule.version,
        at_ms=milliseconds(now),
        duration_ms=round(duration / timedelta(milliseconds=1), 3),
        n_series=len(verdicts),
        n_firing=n_firing,
        kept=[
            _Kept(cast(dict[str, str], one.labels), one.outcome, one.value, one.n_samples, one.note, one.expected)
            for one in chosen
        ],
    )


def keep(redis: Redis, latest: Mapping[str, Latest]) -> None:
    """Keep what was found last, by rule id, in one round trip."""
    pipe = redis.pipeline(transaction=False)
    for rule_id, one in latest.items():
        pipe.set(_key(rule_id), _encode(one), ex=_KEPT)
    pipe.execute()


def read(redis: Redis, rule_ids: Sequence[str]) -> dict[str, Latest]:
    """What was found last, by rule id; a rule that was not evaluated lately is left out."""
    if not rule_ids:
        return {}
    raw: list[Any] = cast(list[Any], redis.mget([_key(rule_id) for rule_id in rule_ids]))
    found: dict[str, Latest] = {}
    for rule_id, text in zip(rule_ids, raw, strict=True):
        # What another release wrote is as good as nothing, and must not take the list of all rules with it.
        with contextlib.suppress(msgspec.DecodeError):
            if text:
                found[rule_id] = _decode(text)
    return found


def _key(rule_id: str) -> str:
    return f"verdicts:{rule_id}"
