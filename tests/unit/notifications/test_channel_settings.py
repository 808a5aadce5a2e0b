"""What a channel's settings may be, and which of them are shown."""

import pytest

from app.core.errors import Invalid
from app.core.outgoing import MASK
from app.notifications.domain.channels import check_settings, check_type

URL = "https://example.org/hook?key=1"


def problems(given, type_="webhook"):
    with pytest.raises(Invalid) as caught:
        check_settings(type_, given, {})
    return caught.value.errors["settings"]


def test_secrets_are_masked_and_kept_apart():
    given = {"url": URL, "secret": "s3cret", "headers": {"Authorization": "Bearer x"}, "timeout": 5, "format": "native"}
    shown, secrets = check_settings("webhook", given, {})
    assert shown == {
        "url": URL,
        "secret": MASK,
        "headers": {"Authorization": MASK},
        "timeout": "5s",
        "format": "native",
    }
    assert secrets == {"secret": "s3cret", "headers": {"Authorization": "Bearer x"}}


def test_a_mask_that_comes_back_keeps_the_secret():
    kept = {"secret": "s3cret", "headers": {"X-A": "1", "X-B": "2"}}
    _, secrets = check_settings("webhook", {"url": URL, "secret": MASK, "headers": {"X-A": MASK, "X-B": "3"}}, kept)
    assert secrets == {"secret": "s3cret", "headers": {"X-A": "1", "X-B": "3"}}


def test_null_takes_a_setting_out():
    assert check_settings("webhook", {"url": URL, "secret": None}, {"secret": "x"}) == ({"url": URL}, {})


@pytest.mark.parametrize(
    "given, name, part",
    [
        ({}, "url", "needs a URL"),
        ({"url": "ftp://example.org"}, "url", "use a URL like"),
        ({"url": "http://"}, "url", "use a URL like"),
        ({"url": "http://example.org:99999/"}, "url", "use a URL like"),
        ({"url": "http://example.org/a b"}, "url", "use a URL like"),
        ({"url": "http://user:pw@example.org/"}, "url", "leave user and password out"),
        ({"url": 5}, "url", "use a URL like"),
        ({"url": URL, "format": "alertmanager"}, "format", "supported is native"),
        ({"url": URL, "timeout": "2m"}, "timeout", "100ms to 1m"),
        ({"url": URL, "timeout": "soon"}, "timeout", "no duration"),
        ({"url": URL, "headers": {"Host": "x"}}, "headers", "set by us"),
        ({"url": URL, "headers": {"X-Alerting-Signature": "x"}}, "headers", "set by us"),
        ({"url": URL, "headers": {"X": "a\r\nY: b"}}, "headers", "printable ASCII"),
        ({"url": URL, "headers": {"a b": "c"}}, "headers", "no header name"),
        ({"url": URL, "secret": ""}, "secret", "1 to 500"),
        ({"url": URL, "secert": "x"}, "secert", "did you mean secret?"),
    ],
)
def test_what_cannot_be_used_says_how_to_mend_it(given, name, part):
    assert part in problems(given)[name][0]


def test_the_websocket_has_no_settings():
    assert check_settings("websocket", {}, {}) == ({}, {})
    assert problems({"url": URL}, "websocket")["url"] == ["Unknown field."]


@pytest.mark.parametrize(
    "type_, part", [("email", "come in a later version"), ("slack", "later"), ("pager", "no channel type pager")]
)
def test_an_unknown_type_says_what_is_supported(type_, part):
    with pytest.raises(Invalid) as caught:
        check_type(type_)
    assert part in caught.value.errors["type"][0]
    assert "webhook, websocket" in caught.value.errors["type"][0]
