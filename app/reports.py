"""What rules found, as reports of alerts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from app.alerts.domain.alert import Report, Watched
from app.core.durations import format_duration
from app.rules.domain import NoData, Operator, Outcome, Rule, Source, Verdict
from app.rules.domain.identity import Identity, annotations_of, identity_of
from app.rules.domain.templates import parse_template, uses_value

_SOURCE = "rules"
_SAY_AGAIN_AFTER = timedelta(seconds=4)  # less than an interval: samples that arrive in between write nothing
_PLACE = {outcome: place for place, outcome in enumerate(Outcome)}  # firing first, then what is held


def reports_of(
    verdicts: Sequence[Verdict],
    watched: Mapping[str, Collection[str]],
    now: datetime,
    known: Mapping[str, Mapping[str, Watched]] | None = None,
) -> Iterator[Report]:
    """Verdicts as reports; "condition is false" is worth one only where an alert waits for it.

    `watched` are, by rule, the fingerprints of the alerts that do. Groups that alert_labels make one alert are one: it
    fires while one of them does. What is `known` of alerts saves reports that would say the same again.
    """
    for rule_id, of_rule in groupby(verdicts, key=lambda verdict: verdict.rule.id):
        waiting, seen = watched.get(rule_id, ()), (known or {}).get(rule_id, {})
        spoken: set[str] = set()
        found = sorted(of_rule, key=lambda one: _PLACE[one.outcome])
        for verdict in found:
            firing = verdict.outcome is Outcome.FIRING
            if firing or waiting:
                identity = identity_of(verdict.rule, verdict.labels, verdict.value)
                ends = identity.fingerprint in waiting and identity.fingerprint not in spoken and _ends(verdict)
                if (firing and not _said_just_now(verdict, seen.get(identity.fingerprint), now)) or ends:
                    yield report_of(verdict, identity, now)
                spoken.add(identity.fingerprint)
        if waiting and _tells_by_silence(found):
            for fingerprint in sorted(set(waiting) - spoken):
                yield _gone(found[0].rule, fingerprint, now)


def fingerprints_of(verdicts: Sequence[Verdict]) -> list[str]:
    """The fingerprints of the alerts that verdicts speak of."""
    return [identity_of(one.rule, one.labels, one.value).fingerprint for one in verdicts]


def _said_just_now(verdict: Verdict, alert: Watched | None, now: datetime) -> bool:
    """Whether a firing verdict tells nothing that its alert has not heard a moment ago."""
    return (
        alert is not None
        and alert.steady
        and alert.value == verdict.value
        and now - alert.last_seen_at < _SAY_AGAIN_AFTER
    )


def report_of(verdict: Verdict, identity: Identity, now: datetime) -> Report:
    """What a verdict says of the alert of its group."""
    rule = verdict.rule
    labels = dict(identity.labels)
    if rule.service:
        labels.setdefault("service", rule.service)
    firing = verdict.outcome is Outcome.FIRING
    return Report(
        fingerprint=identity.fingerprint,
        namespace=identity.namespace,
        actor="engine",
        name=rule.name,
        severity=rule.severity,
        firing=firing,
        held=verdict.outcome is Outcome.HELD,
        event_at=now,
        source=_SOURCE,
        description=rule.description,
        service=labels.get("service"),
        labels=labels,
        annotations=annotations_of(rule, verdict.labels, verdict.value) if firing else {},
        metric=rule.metric or None,
        value=verdict.value,
        threshold=_threshold(verdict),
        rule_id=rule.id,
        notification_channels=tuple(rule.notification_channels),
        escalation_policy=rule.escalation_policy,
        pending_for=rule.pending_for,
        keep_firing_for=rule.keep_firing_for,
        reason=verdict.reason,
        evaluation=evaluation_of(verdict),
    )


def evaluation_of(verdict: Verdict) -> dict[str, Any]:
    """What is kept of an evaluation with the change that it made."""
    return {
        "rule_version": verdict.rule.version,
        "outcome": verdict.outcome.value,
        "value": verdict.value,
        "threshold": _threshold(verdict),
        "window": format_duration(verdict.rule.window),
        "n_samples": verdict.n_samples,
    }


def _threshold(verdict: Verdict) -> float | list[float] | None:
    if verdict.expected is not None:
        return [verdict.expected.low, verdict.expected.high]
    threshold = verdict.rule.threshold
    return list(threshold) if isinstance(threshold, tuple) else threshold


def _ends(verdict: Verdict) -> bool:
    """Whether the verdict can end an alert: missing data and errors never do, unless the rule says so."""
    if verdict.outcome is Outcome.NO_DATA:
        return verdict.rule.no_data is NoData.OK
    return verdict.outcome in (Outcome.OK, Outcome.HELD)


def _tells_by_silence(found: Sequence[Verdict]) -> bool:
    """Whether an alert that a rule's verdicts do not speak of any more is one whose condition is false."""
    rule, outcomes = found[0].rule, {verdict.outcome for verdict in found}
    if Outcome.ERROR in outcomes:
        return False
    if rule.source is Source.PROMETHEUS or rule.operator is Operator.ABSENT:
        return True
    # Another value is another alert; only a group without data may still be the one that an alert speaks of.
    return Outcome.NO_DATA not in outcomes and _follows_the_value(rule)


def _follows_the_value(rule: Rule) -> bool:
    return any(uses_value(parse_template(text)) for text in rule.alert_labels.values())


def _gone(rule: Rule, fingerprint: str, now: datetime) -> Report:
    if rule.source is Source.PROMETHEUS:
        reason = "the query does not return it any more"
    elif rule.operator is Operator.ABSENT:
        reason = "what was missing is there again"
    else:
        reason = "its labels follow the value, which is another one by now"
    return Report(
        fingerprint=fingerprint,
        namespace=f"rule:{rule.id}",
        actor="engine",
        name=rule.name,
        severity=rule.severity,
        firing=False,
        event_at=now,
        source=_SOURCE,
        rule_id=rule.id,
        pending_for=rule.pending_for,
        keep_firing_for=rule.keep_firing_for,
        reason=reason,
    )
