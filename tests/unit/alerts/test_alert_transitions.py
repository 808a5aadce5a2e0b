"""The transition table, whole: what is allowed leads where it says, everything else is refused with the choices."""

from dataclasses import replace

import pytest

from app.alerts.domain import lifecycle
from app.alerts.domain.alert import Handling, Resolution, Signal, Status
from app.alerts.domain.lifecycle import PERSONAL, TRANSITIONS, Action, step
from app.core.errors import InvalidTransition
from tests.unit.alerts.making import T0, alert, minutes

SUPPRESSOR = ({"id": "s1", "kind": "silence", "reason": "works", "until": None},)
IN_STATUS = {
    Status.PENDING: alert(signal=Signal.PENDING),
    Status.ACTIVE: alert(),
    Status.ACKNOWLEDGED: alert(handling=Handling.ACKNOWLEDGED, acknowledged_by="token:ann"),
    Status.SUPPRESSED: alert(suppressors=SUPPRESSOR),
    Status.RESOLVED: alert(signal=Signal.RESOLVED, resolved_at=T0),
    Status.CLOSED: alert(signal=Signal.CLOSED),
}
ALL = [(status, action) for status in Status for action in Action]


@pytest.mark.parametrize(("status", "action"), ALL)
def test_every_pair_of_status_and_action(status, action):
    before = IN_STATUS[status]
    changes = {"suppressors": SUPPRESSOR} if action is Action.SUPPRESS else {}
    if (status, action) not in TRANSITIONS:
        with pytest.raises(InvalidTransition) as refused:
            step(before, action, T0, "engine", "", **changes)
        assert refused.value.current == status
        assert set(refused.value.allowed) <= set(PERSONAL)
        return
    if action is Action.DROP:
        return  # a dropped alert leaves no row and no line behind
    done = step(before, action, T0 + minutes(1), "engine", "because", **changes)
    assert done.alert.status is TRANSITIONS[status, action]
    assert done.alert.version == before.version + 1
    (line,) = done.entries
    assert (line.seq, line.from_status, line.to_status) == (2, status, done.alert.status)


def test_a_suppressed_alert_comes_back_acknowledged_as_it_was():
    before = replace(IN_STATUS[Status.ACKNOWLEDGED], suppressors=SUPPRESSOR)
    assert before.status is Status.SUPPRESSED
    assert step(before, Action.UNSUPPRESS, T0, "engine", "").alert.status is Status.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("status", "act"),
    [
        (Status.ACKNOWLEDGED, lambda a: lifecycle.acknowledge(a, T0, "token:ann", "", None)),
        (Status.ACTIVE, lambda a: lifecycle.unacknowledge(a, T0, "token:ann", "")),
        (Status.RESOLVED, lambda a: lifecycle.resolve(a, T0, "token:ann", "", Resolution.MANUAL)),
        (Status.CLOSED, lambda a: lifecycle.close(a, T0, "token:ann", "")),
    ],
)
def test_asking_for_what_is_so_already_changes_nothing(status, act):
    before = IN_STATUS[status]
    done = act(before)
    assert done.alert == before
    assert done.entries == ()


def test_a_second_person_takes_over():
    done = lifecycle.acknowledge(IN_STATUS[Status.ACKNOWLEDGED], T0, "token:bob", "mine", None)
    assert done.alert.acknowledged_by == "token:bob"
    assert [line.kind for line in done.entries] == ["taken_over"]
    assert done.entries[0].detail == {"from": "token:ann"}


def test_the_same_person_can_ask_for_more_time():
    done = lifecycle.acknowledge(IN_STATUS[Status.ACKNOWLEDGED], T0, "token:ann", "longer", T0 + minutes(30))
    assert done.alert.ack_expires_at == T0 + minutes(30)
    assert [(line.kind, line.reason) for line in done.entries] == [("acknowledgement_changed", "longer")]


def test_a_resolve_makes_the_decision_whom_to_tell_due():
    done = lifecycle.resolve(alert(), T0 + minutes(3), "token:ann", "fixed", Resolution.MANUAL)
    assert done.alert.dispatch_due_at == T0 + minutes(3)
    assert (done.alert.resolved_by, done.alert.resolution) == ("token:ann", Resolution.MANUAL)
