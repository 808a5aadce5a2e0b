"""The fast reader of incoming alerts and the explaining schema accept exactly the same items."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerts.intake import read_report
from app.alerts.schemas import AlertIn
from app.core.errors import Invalid

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=220)
JSON = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
LABELS = st.dictionaries(TEXTS, st.one_of(TEXTS, JSON), max_size=3)
RIGHT = {
    "name": st.text("ab", min_size=1, max_size=5),
    "severity": st.sampled_from(["high", "P1", "INFO", "bad"]),
    "labels": LABELS,
    "annotations": LABELS,
    "value": st.one_of(JSON, st.sampled_from(["3", "-1e3", "nan"])),
    "threshold": st.one_of(JSON, st.lists(JSON, max_size=3)),
    "status": st.sampled_from(["firing", "resolved", "FIRING"]),
    "starts_at": st.sampled_from(
        [
            *("2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00", "2026-01-31T12:00:00", "now"),
            *("0001-01-01T00:00:00+02:00", "1969-12-31T23:59:59Z", "9001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ]
    ),
    "fingerprint": TEXTS,
    "notification_channels": st.lists(st.one_of(TEXTS, JSON), max_size=3),
    "metric": TEXTS,
    "other": JSON,
}
ITEMS = st.fixed_dictionaries(
    {"name": RIGHT["name"], "severity": RIGHT["severity"]},
    optional={name: st.one_of(values, JSON) for name, values in RIGHT.items() if name not in {"name", "severity"}},
)


def check_both_readers_agree(item):
    if AlertIn().validate(item):
        with pytest.raises(Invalid) as refused:
            read_report(item, NOW, ())
        assert refused.value.errors
    else:
        read_report(item, NOW, ())


@given(ITEMS)
def test_both_readers_agree(item):
    check_both_readers_agree(item)


@pytest.mark.parametrize("name", RIGHT)
@given(data=st.data())
def test_both_readers_agree_on_a_single_field(name, data):
    item = {"name": "a", "severity": "high", name: data.draw(RIGHT[name])}
    check_both_readers_agree(item)
