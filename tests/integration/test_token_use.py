"""The note of a token's use holds no request back, and a revoked token's ticket opens nothing."""

import threading

import sqlalchemy as sa

from app.auth.store import TokenRow
from app.core.db import Base
from tests.integration.stores_that_fail import writes_fail


def used_at(runtime, role):
    with runtime.reading() as session:
        return session.scalar(sa.select(TokenRow.last_used_at).where(TokenRow.name == role))


def test_a_read_does_not_wait_for_whoever_writes(runtime, other_runtime, client, headers):
    mine = headers("viewer")
    answers = []
    reader = threading.Thread(
        target=lambda: answers.append(client.get("/auth/me", headers=mine).status_code), daemon=True
    )
    with other_runtime.transaction() as session:
        session.execute(sa.update(TokenRow).values(version=2))  # SQLite: the write lock; PostgreSQL: the row's
        reader.start()
        reader.join(5)
        assert answers == [200]
    assert used_at(runtime, "viewer") is None
    client.get("/auth/me", headers=mine)
    assert used_at(runtime, "viewer") is not None


def test_a_read_does_not_fail_with_the_note(runtime, client, headers):
    mine = headers("viewer")
    with writes_fail(runtime, Base.metadata.tables["api_tokens"]):
        assert client.get("/auth/me", headers=mine).status_code == 200
    assert used_at(runtime, "viewer") is None


def test_the_ticket_of_a_revoked_token_opens_nothing(client, headers):
    made = client.post("/auth/tokens", json={"name": "screen", "role": "viewer"}, headers=headers("admin")).json
    theirs = {"Authorization": f"Bearer {made['token']}"}
    ticket = client.post("/auth/stream-ticket", headers=theirs).json["ticket"]
    client.delete(f"/auth/tokens/{made['id']}", headers=headers("admin"))
    answer = client.get(f"/alerts/stream?ticket={ticket}")
    assert (answer.status_code, answer.json["detail"]) == (401, "the token that got this ticket is expired or revoked")
