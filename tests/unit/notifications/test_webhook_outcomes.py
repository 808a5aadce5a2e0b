"""What a receiver's answer means, where webhooks may go, and what they carry."""

import hashlib
import hmac
import ipaddress
import json
from datetime import timedelta

import pytest

from app.notifications.channels.guard import is_allowed
from app.notifications.channels.webhook import headers_of, native_body, outcome_of, retry_after
from tests.unit.notifications.telling import T0, sending


@pytest.mark.parametrize(
    "status, outcome",
    [
        (200, "ok"),
        (204, "ok"),
        (301, "permanent"),
        (400, "permanent"),
        (401, "permanent"),
        (404, "permanent"),
        (408, "temporary"),
        (410, "permanent"),
        (425, "temporary"),
        (429, "temporary"),
        (500, "temporary"),
        (503, "temporary"),
        (599, "temporary"),
    ],
)
def test_what_a_status_means(status, outcome):
    assert outcome_of(status)[0] == outcome


def test_a_redirect_names_its_location():
    assert outcome_of(302, "https://example.org/new")[1] == (
        "HTTP 302 redirects to https://example.org/new; redirects are not followed, so set the final URL"
    )


@pytest.mark.parametrize(
    "value, seconds",
    [
        (None, None),
        ("120", 120),
        ("0", 0),
        ("99999999999", 86400),
        ("Sat, 31 Jan 2026 12:01:30 GMT", 90),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_how_long_a_receiver_asks_us_to_wait(value, seconds):
    assert retry_after(value, T0) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "address, allowed",
    [
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("192.168.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("2001:4860:4860::8888", True),
        ("::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_only_public_addresses_are_reached(address, allowed):
    assert is_allowed(ipaddress.ip_address(address), ()) is allowed


def test_the_settings_let_networks_through():
    networks = (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("::1/128"))
    assert is_allowed(ipaddress.ip_address("10.1.2.3"), networks)
    assert is_allowed(ipaddress.ip_address("::ffff:10.1.2.3"), networks)
    assert is_allowed(ipaddress.ip_address("::1"), networks)
    assert not is_allowed(ipaddress.ip_address("10.2.0.1"), networks)


def test_the_native_body():
    body = native_body(sending(maybe_duplicate=True), T0, "http://dash")
    assert body == {
        "id": "N1",
        "kind": "firing",
        "sent_at": "2026-01-31T12:00:00Z",
        "maybe_duplicate": True,
        "subject": {
            "type": "alert",
            "id": "A1",
            "title": "Disk full",
            "status": "ACTIVE",
            "severity": "HIGH",
            "url": "http://dash/?alert=A1",
        },
        "alerts": [{"id": "A1", "name": "Disk full", "links": {"dashboard": "http://dash/?alert=A1"}}],
        "reason": "first notification",
    }


def test_the_signature_covers_timestamp_and_body():
    body = json.dumps({"a": 1}).encode()
    headers = headers_of(sending(), body, "s3cret", T0)
    signed = headers["X-Alerting-Timestamp"].encode() + b"." + body
    assert headers["X-Alerting-Timestamp"] == str(int(T0.timestamp()))
    assert headers["X-Alerting-Signature"] == "v1=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["Idempotency-Key"] == "N1"
    assert "X-Alerting-Maybe-Duplicate" not in headers


def test_without_a_secret_nothing_is_signed_and_a_possible_repeat_is_marked():
    headers = headers_of(sending(maybe_duplicate=True), b"{}", None, T0)
    assert "X-Alerting-Signature" not in headers
    assert headers["X-Alerting-Maybe-Duplicate"] == "true"
