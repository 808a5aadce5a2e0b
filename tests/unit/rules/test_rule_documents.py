"""Files of rules: what is read as what, and what is refused before it does harm."""

import pytest

from app.core.errors import Invalid, Malformed
from app.rules.documents import read_document


def read(text, **more):
    return read_document(text.encode(), is_yaml=True, **more)


def test_yaml_is_read_as_its_present_version_has_it():
    text = "{a: yes, b: 2020-01-01, c: 1:30, d: 012, e: 1e3, f: -3, g: 0.5, h: true, i: null, j: }"
    expected = ["yes", "2020-01-01", "1:30", "012", 1000.0, -3, 0.5, True, None, None]
    assert read(text) == dict(zip("abcdefghij", expected, strict=True))


def test_without_types_every_scalar_is_the_text_that_was_written():
    assert read("{a: 1.10, b: yes, c: null, d: }", typed=False) == {"a": "1.10", "b": "yes", "c": "null", "d": ""}


def test_anchors_and_merges_are_followed():
    assert read("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: *x") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}, "e": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", "the body is no YAML"),
        ("a: *b", "stands within its own anchor or before it"),
        ("a: &a [*a]", "stands within its own anchor or before it"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("? [a]\n: b", "unhashable key"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("[" * 5000, "nests deeper than 8 levels"),
        ("[" * 9 + "]" * 9, "nests deeper than 8 levels"),
    ],
)
def test_yaml_that_cannot_be_read_is_refused(text, reason):
    with pytest.raises(Malformed, match=reason):
        read(text)


def test_a_bomb_of_aliases_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Malformed, match="more than 300000 values"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a: "\\0"', "cannot be stored"),
        ("a: !!timestamp 2020-01-01", "a value of type date"),
        ("a: !!binary aGk=", "a value of type bytes"),
        ("!!set {a, b}", "a value of type set"),
    ],
)
def test_what_json_does_not_know_is_refused(text, reason):
    with pytest.raises(Invalid, match=reason):
        read(text)


def test_json_that_cannot_be_read_is_refused():
    for raw in (b"{", b'"\xff"', b"NaN"):
        with pytest.raises(Malformed, match="the body is no JSON"):
            read_document(raw, is_yaml=False)
    with pytest.raises(Malformed, match="no UTF-8 text"):
        read_document(b"a: \xff", is_yaml=True)
