"""What an alert of a rule is called: its labels, its texts, and the fingerprint that tells it from others."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.labels import Labels, fingerprint
from app.rules.domain.rule import Rule
from app.rules.domain.templates import parse_template
from app.rules.domain.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Identity:
    """Namespace and fingerprint of a group's alert, and the labels that they are made of."""

    namespace: str
    fingerprint: str
    labels: Labels


def identity_of(rule: Rule, labels: Labels, value: float | None) -> Identity:
    """The identity of the alert of a group: its labels, overlaid by the rule's own, without empty ones."""
    namespace = f"rule:{rule.id}"
    if rule.alert_labels:
        own = {name: parse_template(text).render(labels, value) for name, text in rule.alert_labels.items()}
        labels = {name: text for name, text in {**labels, **own}.items() if text and name != "alertname"}
    return Identity(namespace, fingerprint(namespace, labels), labels)


def annotations_of(rule: Rule, labels: Labels, value: float | None) -> dict[str, str]:
    """The texts of a group's alert, filled in; `labels` are those of the series."""
    runbook = {"runbook_url": rule.runbook_url} if rule.runbook_url else {}
    return {**runbook, **{name: parse_template(text).render(labels, value) for name, text in rule.annotations.items()}}


def without_doubles(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts of one rule; one error in their place when two of its groups would be the same alert."""
    rule = verdicts[0].rule
    if not rule.alert_labels:
        return list(verdicts)
    seen: set[str] = set()
    for verdict in verdicts:
        if verdict.outcome is Outcome.FIRING:
            identity = identity_of(rule, verdict.labels, verdict.value)
            if identity.fingerprint in seen:
                shown = ", ".join(f'{name}="{text}"' for name, text in sorted(identity.labels.items()))
                note = f"two series become the same alert {{{shown}}}; let alert_labels keep what tells them apart"
                return [Verdict(rule, {}, Outcome.ERROR, None, 0, note)]
            seen.add(identity.fingerprint)
    return list(verdicts)
