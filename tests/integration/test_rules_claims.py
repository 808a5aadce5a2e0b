"""Which rules are claimed when, by whom, and what is left behind."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.rules import service
from app.rules.domain import Definition, Outcome, Verdict
from app.rules.store import RuleRow
from app.telemetry import service as telemetry
from app.telemetry.domain import Sample, Series
from tests.unit.rules.making import definition

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def make(runtime):
    def create(rule_id, now=NOW, **changes):
        with runtime.transaction() as session:
            return service.create_rule(session, definition(**changes), rule_id, now, runtime.settings)

    return create


@pytest.fixture
def change(runtime):
    def apply(rule_id, now=NOW, **changes):
        with runtime.transaction() as session:
            return service.change_rule(session, rule_id, changes, None, now, runtime.settings)

    return apply


@pytest.fixture
def claim(runtime):
    """Claim, evaluate and record as the pipeline does; the claim."""

    def run(now=NOW, *arrivals, limit=100):
        with runtime.transaction() as session:
            found = service.claim_due(session, runtime.redis, arrivals, now, limit)
            windows = telemetry.windows(runtime.redis, service.windows_wanted(found), now)
            service.record(session, runtime.redis, found, service.evaluate(found.rules, windows), now)
            return found

    return run


@pytest.fixture
def get(runtime):
    def read(rule_id):
        with runtime.reading() as session:
            return service.get_rule(session, rule_id)

    return read


def ids(claim):
    return [rule.id for rule in claim.rules]


def series(**labels):
    return Series.of("queue.length", labels)


def test_a_rule_is_due_at_once_and_again_after_its_interval(make, claim):
    make("r", interval=10 * SECOND)
    assert ids(claim(NOW)) == ["r"]
    assert ids(claim(NOW + 9.999 * SECOND)) == []
    assert ids(claim(NOW + 10 * SECOND)) == ["r"]


def test_the_interval_of_the_settings_is_the_default(make, claim, runtime):
    make("r")
    claim(NOW)
    assert ids(claim(NOW + runtime.settings.evaluation_interval - timedelta(milliseconds=1))) == []
    assert ids(claim(NOW + runtime.settings.evaluation_interval)) == ["r"]


def test_a_series_that_arrives_makes_the_rules_due_that_select_it(make, claim):
    make("web", labels={"host": "=~web.*"})
    make("db", labels={"host": "db"})
    make("off", enabled=False)
    make("other", metric="queue.age")
    claim(NOW)
    assert ids(claim(NOW + SECOND, series(host="web-1"))) == ["web"]
    assert sorted(ids(claim(NOW + SECOND, series(host="web-1"), series(host="db")))) == ["db", "web"]
    assert ids(claim(NOW + SECOND, series(host="x"))) == []


def test_a_changed_selector_is_heeded_by_the_next_arrival(make, change, claim):
    make("r", labels={"host": "a"})
    claim(NOW)
    assert ids(claim(NOW + SECOND, series(host="b"))) == []
    change("r", labels={"host": "b"})
    claim(NOW + SECOND)
    assert ids(claim(NOW + 2 * SECOND, series(host="b"))) == ["r"]
    assert ids(claim(NOW + 2 * SECOND, series(host="a"))) == []


def test_no_more_are_claimed_than_asked_for_and_the_longest_due_come_first(make, claim):
    for n in range(5):
        make(f"r{n}", now=NOW - n * SECOND)
    assert sorted(ids(claim(NOW, limit=2))) == ["r3", "r4"]
    assert sorted(ids(claim(NOW, limit=2))) == ["r1", "r2"]
    assert ids(claim(NOW, limit=2)) == ["r0"]


def test_arrivals_that_do_not_fit_wait_for_the_next_claim(make, claim):
    for n in range(5):
        make(f"r{n}")
    claim(NOW)
    first = ids(claim(NOW + SECOND, series(), limit=3))
    second = ids(claim(NOW + SECOND, limit=3))
    assert len(first) == 3
    assert sorted(first + second) == [f"r{n}" for n in range(5)]


def test_a_claim_that_fails_leaves_the_rules_as_due_as_they_were(make, claim, runtime):
    make("r")

    def fail():
        with runtime.transaction() as session:
            assert ids(service.claim_due(session, runtime.redis, [], NOW, 100)) == ["r"]
            raise RuntimeError("the worker dies")

    with pytest.raises(RuntimeError, match="the worker dies"):
        fail()
    assert ids(claim(NOW)) == ["r"]


def test_two_workers_never_evaluate_the_same_rule_at_once(make, runtime, other_runtime):
    for n in range(4):
        make(f"r{n}")
    if runtime.engine.dialect.name == "sqlite":
        with runtime.transaction() as session:
            first = ids(service.claim_due(session, runtime.redis, [], NOW, 2))
        with other_runtime.transaction() as session:
            second = ids(service.claim_due(session, runtime.redis, [], NOW, 4))
    else:
        with runtime.transaction() as one, other_runtime.transaction() as two:
            first = ids(service.claim_due(one, runtime.redis, [], NOW, 2))
            second = ids(service.claim_due(two, runtime.redis, [series()], NOW, 4))
    assert len(first) == len(second) == 2
    assert sorted(first + second) == [f"r{n}" for n in range(4)]


def test_evaluations_that_were_missed_are_counted_and_not_caught_up(make, claim, get):
    make("r", interval=10 * SECOND)
    claim(NOW)
    claim(NOW + 10 * SECOND)
    assert get("r").n_missed == 0
    claim(NOW + 45 * SECOND)
    assert get("r").n_missed == 2
    assert ids(claim(NOW + 45 * SECOND)) == []


def test_health_tells_how_the_last_evaluation_went(make, claim, get, runtime):
    make("r", labels={"host": "=~.+"}, aggregation="sum", interval=SECOND)
    assert get("r").health == "pending"
    claim(NOW)
    assert (get("r").health, get("r").health_reason) == ("no_data", "no sample of queue.length within 1m")
    assert get("r").last_evaluated_at == NOW
    telemetry.receive(runtime.redis, [Sample("queue.length", {"host": "a"}, NOW, 5.0)], NOW, runtime.settings)
    claim(NOW + SECOND)
    assert (get("r").health, get("r").health_reason) == ("ok", None)
    telemetry.receive(
        runtime.redis,
        [Sample("queue.length", {"host": "b"}, NOW - timedelta(seconds=n), 1e308) for n in range(3)],
        NOW,
        runtime.settings,
    )
    claim(NOW + 2 * SECOND)
    assert get("r").health == "error"
    claim(NOW + 59 * SECOND)
    assert (get("r").health, get("r").last_evaluated_at) == ("ok", NOW + 59 * SECOND)


def test_a_definition_that_cannot_be_read_fails_alone(make, claim, runtime):
    make("good")
    make("bad")
    with runtime.transaction() as session:
        session.execute(sa.update(RuleRow).where(RuleRow.id == "bad").values(definition="{}"))
    found = claim(NOW, series())
    assert ids(found) == ["good"]
    assert list(found.broken) == ["bad"]
    with runtime.reading() as session:
        health, reason = session.execute(
            sa.select(RuleRow.health, RuleRow.health_reason).where(RuleRow.id == "bad")
        ).one()
    assert health == "error"
    assert reason.startswith("the definition cannot be read")


def test_a_rule_that_cannot_be_evaluated_fails_alone(make, runtime, get):
    make("good")
    make("bad")
    with runtime.transaction() as session:
        found = service.claim_due(session, runtime.redis, [], NOW, 10)
        windows = telemetry.windows(runtime.redis, service.windows_wanted(found), NOW)
        for rule in found.rules:
            if rule.id == "bad":
                object.__setattr__(rule, "window", "nonsense")
        verdicts = service.evaluate(found.rules, windows)
        service.record(session, runtime.redis, found, verdicts, NOW)
    assert {verdict.rule.id: verdict.outcome for verdict in verdicts} == {"good": "no_data", "bad": "error"}
    assert (get("good").health, get("bad").health) == ("no_data", "error")


def test_dropped_pending_alerts_are_counted(make, get, runtime):
    make("r")
    for n in (2, 3):
        with runtime.transaction() as session:
            found = service.claim_due(session, runtime.redis, [], NOW + n * timedelta(minutes=1), 10)
            service.record(
                session, runtime.redis, found, [Verdict(found.rules[0], {}, Outcome.OK, 1.0, 1)], NOW, dropped={"r": n}
            )
    assert get("r").n_dropped == 5


@pytest.mark.parametrize(
    ("changes", "withdrawn"),
    [
        ({"threshold": 99.0}, ["r"]),
        ({"labels": {"host": "b"}}, ["r"]),
        ({"enabled": False}, ["r"]),
        ({"name": "another"}, []),
        ({"notification_channels": ("x",)}, []),
    ],
)
def test_a_change_of_the_condition_withdraws_the_alerts_once(make, change, claim, changes, withdrawn):
    make("r")
    claim(NOW)
    change("r", now=NOW + SECOND, **changes)
    found = claim(NOW + SECOND)
    assert [row.id for row in found.withdrawn] == withdrawn
    assert ids(found) == ([] if "enabled" in changes else ["r"])
    assert claim(NOW + timedelta(hours=1)).withdrawn == ()


def test_a_rule_that_is_switched_off_rests_until_it_is_switched_on(make, change, claim):
    make("r")
    change("r", enabled=False)
    claim(NOW)
    assert claim(NOW + timedelta(days=1)).claimed == ()
    change("r", enabled=True, now=NOW + timedelta(days=1))
    assert ids(claim(NOW + timedelta(days=1))) == ["r"]


def test_a_deleted_rule_is_withdrawn_once_and_its_row_goes_away(make, claim, runtime):
    make("r")
    claim(NOW)
    with runtime.transaction() as session:
        service.delete_rule(session, "r", NOW + SECOND)
    found = claim(NOW + SECOND, series())
    assert (ids(found), [row.id for row in found.withdrawn]) == ([], ["r"])
    with runtime.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(RuleRow)) == 0


def test_a_rule_made_again_before_the_withdrawal_is_withdrawn_first(make, claim, runtime):
    make("r")
    claim(NOW)
    with runtime.transaction() as session:
        service.delete_rule(session, "r", NOW)
    make("r", threshold=5.0)
    found = claim(NOW)
    assert ([rule.threshold for rule in found.rules], [row.id for row in found.withdrawn]) == ([5.0], ["r"])
    assert claim(NOW + timedelta(minutes=1)).withdrawn == ()


def test_a_claim_takes_the_same_statements_however_many_rules(make, runtime):
    def statements(n_rules):
        for n in range(n_rules):
            make(f"r{n_rules}-{n}", metric=f"m{n_rules}")
        seen = []

        def note(_connection, _cursor, statement, *_):
            seen.append(statement)

        sa.event.listen(runtime.engine, "before_cursor_execute", note)
        with runtime.transaction() as session:
            found = service.claim_due(session, runtime.redis, [Series.of(f"m{n_rules}", {})], NOW, 100)
            service.record(session, runtime.redis, found, [], NOW)
        sa.event.remove(runtime.engine, "before_cursor_execute", note)
        assert len(found.rules) == n_rules
        return len(seen)

    assert statements(1) == statements(30)


def test_the_definition_in_the_row_is_the_definition(make, get):
    made = make("r", labels={"host": "=~web.*"}, group_by=("host",), pending_for=SECOND)
    assert get("r") == made
    assert isinstance(get("r").rule, Definition)
