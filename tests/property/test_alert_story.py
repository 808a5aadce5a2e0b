"""Any story of reports and people: one open alert a fingerprint, a timeline without gaps, state = fold(timeline)."""

from dataclasses import fields, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.alerts.domain import lifecycle
from app.alerts.domain.absorption import Limits, Result, decide
from app.alerts.domain.alert import Alert, Resolution, Status
from app.alerts.store import REPEATING
from app.core.errors import InvalidTransition
from app.core.severity import Severity
from tests.unit.alerts.making import T0, report

NAMES = [field.name for field in fields(Alert)]
PEOPLE = {
    "acknowledge": lambda a, now: lifecycle.acknowledge(a, now, "token:ann", "", now + timedelta(minutes=5)),
    "take over": lambda a, now: lifecycle.acknowledge(a, now, "token:bob", "", None),
    "unacknowledge": lambda a, now: lifecycle.unacknowledge(a, now, "token:ann", ""),
    "resolve": lambda a, now: lifecycle.resolve(a, now, "token:ann", "", Resolution.MANUAL),
    "close": lambda a, now: lifecycle.close(a, now, "token:ann", ""),
}
SAID = st.builds(
    dict,
    firing=st.booleans(),
    severity=st.sampled_from(Severity),
    late=st.integers(0, 20),
    with_start=st.booleans(),
    pending_for=st.sampled_from([timedelta(0), timedelta(minutes=2)]),
    rule_id=st.sampled_from([None, "r"]),
)
STORY = st.lists(st.tuples(st.integers(0, 12), st.one_of(st.sampled_from(sorted(PEOPLE)), SAID)), max_size=40)


def said(what, now):
    at = now - timedelta(minutes=what["late"])
    fields = {name: what[name] for name in ("firing", "severity", "pending_for", "rule_id")}
    return report(at, **fields, starts_at=at if what["with_start"] and what["firing"] else None)


@given(STORY)
def test_the_timeline_tells_the_state(story):
    now, current, lines, rows, tombstone = T0, None, {}, {}, None
    for wait, event in story:
        now += timedelta(minutes=wait)
        if isinstance(event, str):
            if current is None:
                continue
            try:
                done = PEOPLE[event](current, now)
            except InvalidTransition:
                continue
            after, entries = done.alert, done.entries
        else:
            outcome = decide(current, said(event, now), now, Limits(), f"A{len(rows) + 1}", tombstone)
            tombstone = outcome.tombstone or tombstone
            if outcome.result is Result.DROPPED:
                rows.pop(current.id)
                lines.pop(current.id)
                current = None
                continue
            after, entries = outcome.alert, outcome.entries
            if after is None:
                continue
        if current is not None and current.id == after.id and current.version == after.version:
            assert {name for name in NAMES if getattr(current, name) != getattr(after, name)} <= set(REPEATING)
        lines.setdefault(after.id, []).extend(entries)
        rows[after.id] = current = after
        told = lines[after.id]
        assert [line.seq for line in told] == list(range(1, len(told) + 1))
        assert after.timeline_seq == len(told)
        assert told[-1].to_status is after.status
        for earlier, later in pairwise(told):
            assert earlier.to_status is later.from_status
        still_open = [row for row in rows.values() if row.status not in (Status.RESOLVED, Status.CLOSED)]
        assert len(still_open) <= 1


@given(STORY)
def test_the_same_report_twice_at_once_is_one_report(story):
    now, current = T0, None
    for wait, event in story:
        now += timedelta(minutes=wait)
        if isinstance(event, str):
            continue
        outcome = decide(current, said(event, now), now, Limits(), "A1")
        again = decide(outcome.alert, said(event, now), now, Limits(), "A2") if outcome.alert else outcome
        if outcome.alert is not None and outcome.result is not Result.IGNORED:
            same = replace(again.alert, occurrences=outcome.alert.occurrences)
            assert same == outcome.alert
            assert again.entries == ()
        current = None if outcome.result is Result.DROPPED else outcome.alert or current
