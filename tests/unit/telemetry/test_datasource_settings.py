"""What may be said of a data source, and which of them a rule means."""

import pytest

from app.core.errors import Invalid
from app.core.outgoing import MASK
from app.telemetry.datasources.domain import Datasource, SourceFailed, check_settings, datasource_for

URL = "https://prometheus.example.org/prefix"


def problems(**given):
    with pytest.raises(Invalid) as caught:
        check_settings({"url": URL, **given}, {})
    return caught.value.errors


def test_secrets_are_masked_and_kept_apart():
    given = {"url": URL + "/", "username": "me", "password": "s3cret", "headers": {"X-Key": "k"}, "timeout": 2}
    shown, secrets = check_settings(given, {})
    assert shown == {
        "url": URL,
        "username": "me",
        "password": MASK,
        "headers": {"X-Key": MASK},
        "timeout": "2s",
    }
    assert secrets == {"password": "s3cret", "headers": {"X-Key": "k"}}


def test_a_mask_that_comes_back_keeps_the_secret():
    kept = {"token": "t", "headers": {"A": "1", "B": "2"}}
    given = {"url": URL, "token": MASK, "headers": {"A": MASK, "B": "3"}}
    assert check_settings(given, kept)[1] == {"token": "t", "headers": {"A": "1", "B": "3"}}


def test_null_takes_a_setting_out():
    given = {"url": URL, "token": None, "headers": None, "username": None, "password": None, "timeout": None}
    assert check_settings(given, {"token": "t"}) == ({"url": URL}, {})


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"url": None}, "url", "say where the server is"),
        ({"url": "prometheus:9090"}, "url", "use a URL like https://prometheus.example.org"),
        ({"url": "file:///etc/passwd"}, "url", "use a URL like"),
        ({"url": "https://"}, "url", "use a URL like"),
        ({"url": "https://me:secret@example.org"}, "url", "use username and password, or token"),
        ({"url": "https://example.org/?x=1"}, "url", "leave out ? and #"),
        ({"url": "https://example.org/#x"}, "url", "leave out ? and #"),
        ({"url": "https://example.org/a b"}, "url", "use a URL like"),
        ({"url": "https://example.org/api/v1/query"}, "url", "leave out /api/v1/query"),
        ({"timeout": "99ms"}, "timeout", "use 100ms to 30s"),
        ({"timeout": "31s"}, "timeout", "use 100ms to 30s"),
        ({"timeout": "soon"}, "timeout", "is no duration"),
        ({"timeout": True}, "timeout", "use a duration"),
        ({"username": "a:b"}, "username", "without a colon"),
        ({"username": "a\nb"}, "username", "printable"),
        ({"username": ""}, "username", "1 to 200"),
        ({"password": "p"}, "password", "needs a username"),
        ({"username": "u", "password": ""}, "password", "1 to 500"),
        ({"username": "u", "password": MASK}, "password", "the mask stands for a secret that is not stored"),
        ({"token": "Bearer x"}, "token", "leave out the word Bearer"),
        ({"token": "a\r\nX: y"}, "token", "printable ASCII"),
        ({"token": "ü"}, "token", "printable ASCII"),
        ({"token": "t", "username": "u"}, "token", "not with both"),
        ({"token": "t", "headers": {"authorization": "x"}}, "headers", "leave one of them out"),
        ({"headers": {"Host": "x"}}, "headers", "set by us"),
        ({"headers": {"X": "a\r\nY: b"}}, "headers", "printable ASCII"),
        ({"headers": {"X": MASK}}, "headers", "the mask stands for a secret"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_mend(given, field, words):
    found = problems(**given)
    assert list(found) == [field]
    assert words in found[field][0]


def named(*names):
    found = [Datasource(f"id-{name}", name, URL) for name in names]
    return {one.name: one for one in found} | {one.id: one for one in found}


def test_a_rule_means_the_one_that_it_names_by_name_or_id():
    assert datasource_for(named("a", "b"), "b").name == "b"
    assert datasource_for(named("a", "b"), "id-a").name == "a"


def test_a_rule_that_names_none_means_the_only_one_or_the_default():
    assert datasource_for(named("a"), None).name == "a"
    assert datasource_for(named("a", "default", "b"), None).name == "default"


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        ((), None, "no data source to ask; make one"),
        (("a", "b"), None, r"several \(a, b\); name one"),
        (("prod", "dev"), "prot", "there is no data source prot; did you mean prod?"),
        (("prod",), "elsewhere", "there is no data source elsewhere; make one"),
    ],
)
def test_a_rule_that_means_none_is_told_how_to_mend_it(names, wanted, words):
    with pytest.raises(SourceFailed, match=words):
        datasource_for(named(*names), wanted)
