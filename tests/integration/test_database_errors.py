"""What errors of the database tell, and what an error after the commit does."""

import pytest
import sqlalchemy as sa

from app.auth.domain import Role
from app.auth.service import create_token
from app.auth.store import TokenRow
from app.core.clock import utcnow
from app.core.db import after_commit, insert_many
from tests.integration.logged import logged

VALUE = "a-value-that-nobody-shall-read"


def text_of(error):
    """All that a log would show of it."""
    found = []
    while error is not None:
        found.append(f"{error!s} {error!r} {error.args}")
        error = error.__cause__ or error.__context__
    return "\n".join(found)


def test_an_error_holds_no_value_of_the_row(runtime):
    now = utcnow()

    def twice(session):
        for _ in range(2):
            create_token(session, "name", Role.VIEWER, now, value=VALUE)

    with pytest.raises(sa.exc.IntegrityError) as caught:
        runtime.run(twice)
    assert "token_hash" in str(caught.value)
    with runtime.reading() as session:
        hashed = sa.func.length(TokenRow.token_hash)
        assert session.scalars(sa.select(hashed)).all() == []

    def broken(session):
        row = {"id": "x", "name": VALUE, "role": VALUE[:16], "token_hash": None, "created_at": now, "updated_at": now}
        insert_many(session, TokenRow.__table__, [{**row, "version": 1}])

    with pytest.raises(sa.exc.IntegrityError) as caught_too:
        runtime.run(broken)
    assert VALUE not in text_of(caught_too.value)
    assert VALUE[:16] not in text_of(caught_too.value)


def test_a_hook_that_fails_after_the_commit_stops_nothing(runtime):
    ran = []

    def unit(session):
        create_token(session, "kept", Role.VIEWER, utcnow())
        after_commit(session, "one", lambda: ran.append("one"))
        after_commit(session, "bad", lambda: 1 // 0)
        after_commit(session, "two", lambda: ran.append("two"))
        return "answered"

    with logged() as logs:
        assert runtime.run(unit) == "answered"
    assert ran == ["one", "two"]
    assert [(entry["event"], entry["hook"]) for entry in logs] == [("after the commit", "bad")]
    with runtime.reading() as session:
        assert session.scalars(sa.select(TokenRow.name)).all() == ["kept"]
