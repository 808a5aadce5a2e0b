"""Whatever JSON comes in for logs and events, the answer is no 5xx; and both readers accept the same items."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.auth.domain import Role
from app.auth.service import create_token
from app.core.clock import utcnow
from app.core.db import open_engine
from app.release import migrate
from app.telemetry.intake import EVENTS, LOGS
from app.web import create_app
from tests.integration.conftest import settings_for

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
FIELDS = {
    "message": TEXTS,
    "type": TEXTS,
    "level": st.sampled_from(["error", "WARN", "", "made up", "\x00"]),
    "timestamp": st.one_of(
        st.sampled_from(["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "9999-12-31T23:59:59-23:59", "now"]),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    "service": TEXTS,
    "host": TEXTS,
    "source": TEXTS,
    "value": st.floats(allow_nan=False, allow_infinity=False),
    "labels": st.dictionaries(TEXTS, st.one_of(TEXTS, SCALARS), max_size=3),
    "other": JSON,
}
ITEMS = st.fixed_dictionaries({}, optional={name: st.one_of(values, JSON) for name, values in FIELDS.items()})
BODIES = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(st.lists(st.one_of(ITEMS, JSON), max_size=4), JSON) for name in ("entries", "events")
        },
    ),
)


@pytest.fixture(scope="module")
def post(redis_url, tmp_path_factory):
    home = tmp_path_factory.mktemp("intake")
    url = f"sqlite:///{home / 'alerting.db'}"
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    app = create_app(settings_for(url, redis_url, home))
    open_ends = app.extensions["alerting"]
    open_ends.redis.flushdb()
    with open_ends.transaction() as session:
        _, token = create_token(session, "source", Role.INGEST, utcnow())
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    yield lambda path, raw: client.post(path, data=raw, content_type="application/json", headers=headers)
    open_ends.close()


@pytest.mark.parametrize("path", ["/logs/ingest", "/events/ingest"])
@given(body=BODIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_json_makes_a_5xx(post, path, body):
    answer = post(path, orjson.dumps(body))
    assert answer.status_code in (202, 400, 422)
    if answer.status_code == 202:
        items = body["entries" if path == "/logs/ingest" else "events"]
        refused = [one["index"] for one in answer.json["rejected"]]
        assert answer.json["accepted"] + len(refused) == len(items)
        assert refused == sorted(set(refused))


@pytest.mark.parametrize("path", ["/logs/ingest", "/events/ingest"])
@given(raw=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_make_a_5xx(post, path, raw):
    assert post(path, raw).status_code in (202, 400, 422)


@pytest.mark.parametrize("form", [LOGS, EVENTS], ids=["logs", "events"])
@given(item=ITEMS)
@settings(deadline=None)
def test_both_readers_agree(form, item):
    body = {form.name: [item]}
    fast, careful = form.fast_batch(orjson.dumps(body), NOW), form.careful_batch(body, NOW)
    if fast is not None and not careful.rejected:
        assert fast == careful
    # Limits of labels and times, which the careful reader looks at already, are checked after the fast one.
    assert fast is None or set(careful.rejected.get(0, ())) <= {"labels", "timestamp"}
