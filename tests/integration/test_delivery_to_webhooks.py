"""A message on its way to a real receiver: planned, claimed, sent, recorded."""

import hashlib
import hmac

from app.core.clock import utcnow
from app.notifications import service
from app.notifications.domain import Kind
from app.notifications.store import ChannelRow
from tests.integration.delivering import all_of, claim, deliver, make_channel, plan, record, seconds, states, subject
from tests.receivers.answering import answering, drip, garbage, hang_up, silence, status


def test_a_firing_notice_and_its_end_arrive_once_and_in_order(runtime):
    with answering() as receiver:
        make_channel(runtime, receiver.url)
        for now in (subject(), subject(), subject("RESOLVED"), subject("RESOLVED")):
            plan(runtime, now)
            deliver(runtime, now)
        assert [body["kind"] for body in receiver.bodies] == ["firing", "resolved"]
        assert [body["subject"]["status"] for body in receiver.bodies] == ["ACTIVE", "RESOLVED"]
    assert states(runtime) == [("firing", "delivered"), ("resolved", "delivered")]


def test_the_record_of_a_delivery(runtime):
    with answering(status(202, b"thank you")) as receiver:
        make_channel(runtime, receiver.url + "?key=s3cret")
        plan(runtime, subject())
        deliver(runtime, subject())
        [(headers, _)] = receiver.messages
    [one] = all_of(runtime)
    assert (one.state, one.reason, one.destination) == ("delivered", "first notification", receiver.url)
    assert headers["Idempotency-Key"] == one.id
    assert one.sent_at is not None
    assert one.delivered_at is not None
    [tried] = one.attempts
    assert (tried.n, tried.outcome, tried.status, tried.response, tried.error) == (1, "ok", 202, "thank you", None)
    assert tried.latency_ms > 0


def test_secrets_are_stored_sealed_and_used(runtime):
    with answering() as receiver:
        more = {"secret": "the secret of the channel", "headers": {"Authorization": "Bearer of the channel"}}
        channel = make_channel(runtime, receiver.url, settings=more)
        assert "of the channel" not in repr(channel)
        plan(runtime, subject())
        deliver(runtime, subject())
        [(headers, body)] = receiver.messages
    signed = headers["X-Alerting-Timestamp"].encode() + b"." + body
    expected = hmac.new(b"the secret of the channel", signed, hashlib.sha256).hexdigest()
    assert headers["X-Alerting-Signature"] == f"v1={expected}"
    assert headers["Authorization"] == "Bearer of the channel"


def test_connections_are_kept(runtime):
    with answering() as receiver:
        make_channel(runtime, receiver.url)
        for name in "abc":
            plan(runtime, subject(id=name))
            deliver(runtime, subject(id=name))
        assert len(receiver.messages) == 3
        assert len(receiver.connections) == 1


def test_a_receiver_that_fails_is_tried_again_later(runtime):
    with answering(status(503, Retry_After="30"), status(200)) as receiver:
        make_channel(runtime, receiver.url)
        now = utcnow()
        plan(runtime, subject(), now=now)
        deliver(runtime, subject(), now=now)
        [one] = all_of(runtime)
        assert (one.state, one.state_reason) == ("retry_wait", "try 1 failed: HTTP 503")
        assert one.due_at >= now + seconds(30)
        assert not deliver(runtime, subject(), now=now + seconds(29)).sending
        deliver(runtime, subject(), now=one.due_at)
        assert states(runtime) == [("firing", "delivered")]
        assert [tried.outcome for tried in all_of(runtime)[0].attempts] == ["temporary", "ok"]


def test_a_page_is_given_up_after_its_tries(runtime):
    with answering(status(500)) as receiver:
        make_channel(runtime, receiver.url)
        now = utcnow()
        plan(runtime, subject(), now=now)
        for _ in range(runtime.settings.page_attempts):
            deliver(runtime, subject(), now=now)
            now = all_of(runtime)[0].due_at or now
        [one] = all_of(runtime)
    assert (one.state, one.state_reason) == ("dead", "gave up after 8 tries: HTTP 500")
    assert [tried.n for tried in one.attempts] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_message_that_waited_too_long_is_dead(runtime):
    make_channel(runtime, "http://127.0.0.1:9/")
    now = utcnow()
    plan(runtime, subject(), now=now)
    claimed = claim(runtime, subject(), now=now + runtime.settings.page_expires)
    assert not claimed.sending
    assert [change.state for change in claimed.changes] == ["dead"]
    assert all_of(runtime)[0].state_reason == "expired; before that: waits for its turn"


def outcome_of(runtime, answer, kind="firing", **settings):
    """How the only try of a message to a receiver with this answer is recorded."""
    with answering(status(200), answer) if kind == "resolved" else answering(answer) as receiver:
        make_channel(runtime, receiver.url, settings=settings)
        plan(runtime, subject())
        deliver(runtime, subject())
        if kind == "resolved":
            plan(runtime, subject("RESOLVED"))
            deliver(runtime, subject("RESOLVED"))
    return all_of(runtime)[-1]


def test_a_redirect_is_not_followed(runtime):
    one = outcome_of(runtime, status(302, Location="http://127.0.0.1:9/elsewhere"))
    assert one.state == "dead"
    assert "http://127.0.0.1:9/elsewhere" in one.state_reason


def test_a_refusal_is_final(runtime):
    one = outcome_of(runtime, status(404, b"no such hook"))
    assert (one.state, one.attempts[0].outcome, one.attempts[0].response) == ("dead", "permanent", "no such hook")


def test_bytes_that_are_no_http_are_a_temporary_failure(runtime):
    one = outcome_of(runtime, garbage)
    assert (one.state, one.attempts[0].outcome) == ("retry_wait", "temporary")


def test_a_receiver_that_hangs_up_is_a_temporary_failure_and_may_have_it(runtime):
    one = outcome_of(runtime, hang_up)
    assert (one.state, one.attempts[0].outcome, one.maybe_duplicate) == ("retry_wait", "temporary", True)


def test_garbage_with_200_is_delivered_and_kept_short(runtime):
    one = outcome_of(runtime, status(200, b"\x00\xff" + b"x" * 100_000))
    assert one.state == "delivered"
    assert one.attempts[0].response == "\ufffd\ufffd" + "x" * 2046


def test_silence_makes_a_page_go_again_marked(runtime):
    one = outcome_of(runtime, silence, timeout="1s")
    assert (one.state, one.attempts[0].outcome, one.maybe_duplicate) == ("retry_wait", "ambiguous", True)
    assert one.attempts[0].error == "no answer within 1s"


def test_an_answer_that_drips_for_ever_is_silence(runtime):
    one = outcome_of(runtime, drip, timeout="1s")
    assert (one.attempts[0].outcome, one.attempts[0].error) == ("ambiguous", "no answer within 1s")


def test_silence_ends_anything_else(runtime):
    one = outcome_of(runtime, silence, kind="resolved", timeout="1s")
    assert (one.kind, one.state) == ("resolved", "dead")
    assert one.state_reason == "may have arrived, so it does not go again: no answer within 1s"


def test_the_next_try_says_that_it_may_be_a_repeat(runtime):
    with answering(hang_up, status(200)) as receiver:
        make_channel(runtime, receiver.url)
        plan(runtime, subject())
        deliver(runtime, subject())
        deliver(runtime, subject(), now=all_of(runtime)[0].due_at)
        headers = [headers for headers, _ in receiver.messages]
        assert "X-Alerting-Maybe-Duplicate" not in headers[0]
        assert headers[1]["X-Alerting-Maybe-Duplicate"] == "true"
        assert headers[0]["Idempotency-Key"] == headers[1]["Idempotency-Key"]
        assert [body["maybe_duplicate"] for body in receiver.bodies] == [False, True]


def test_nobody_listens(runtime):
    with answering() as receiver:
        url = receiver.url
    make_channel(runtime, url)
    plan(runtime, subject())
    deliver(runtime, subject())
    [one] = all_of(runtime)
    assert (one.state, one.maybe_duplicate) == ("retry_wait", False)
    assert "refused" in one.attempts[0].error


def test_an_inside_address_is_refused(runtime):
    make_channel(runtime, "http://169.254.169.254/latest/meta-data")
    make_channel(runtime, "http://[::ffff:10.0.0.1]/", "mapped")
    plan(runtime, subject(channels=("hook", "mapped")))
    deliver(runtime, subject())
    assert [one.state for one in all_of(runtime)] == ["dead", "dead"]
    assert all("no public address" in one.state_reason for one in all_of(runtime))


def test_a_slow_receiver_does_not_hold_the_others_records_back(runtime):
    with answering(silence) as slow, answering() as quick:
        make_channel(runtime, slow.url, "slow", settings={"timeout": "20s"})
        make_channel(runtime, quick.url, "quick")
        plan(runtime, subject(channels=("slow", "quick")))
        claimed = claim(runtime, subject())
        with service.open_sends(runtime) as sends:
            sends.start(claimed.sending)
            done = sends.finished(10)
            assert [one.sending.channel_id for one in done] == ["quick"]
            record(runtime, done)
            assert sends.room == runtime.settings.delivery_concurrency // 2
            slow.ending.set()
            record(runtime, sends.finished(10))
    assert {one.channel: one.state for one in all_of(runtime)} == {"slow": "retry_wait", "quick": "delivered"}


def test_a_channel_whose_secrets_cannot_be_read_fails_alone(runtime):
    with answering() as receiver:
        make_channel(runtime, receiver.url, "good")
        make_channel(runtime, receiver.url, "bad", settings={"secret": "x"})
        with runtime.transaction() as session:
            session.get(ChannelRow, "bad").sealed = "not ours"
        plan(runtime, subject(channels=("good", "bad")))
        deliver(runtime, subject())
    assert {one.channel: one.state for one in all_of(runtime)} == {"good": "delivered", "bad": "dead"}


def test_a_worse_severity_is_told_as_an_update(runtime):
    with answering() as receiver:
        make_channel(runtime, receiver.url)
        for severity in ("MEDIUM", "CRITICAL", "CRITICAL"):
            plan(runtime, subject(severity=severity))
            deliver(runtime, subject(severity=severity))
        assert [(body["kind"], body["reason"]) for body in receiver.bodies] == [
            (Kind.FIRING, "first notification"),
            (Kind.UPDATE, "severity rose from MEDIUM to CRITICAL"),
        ]
