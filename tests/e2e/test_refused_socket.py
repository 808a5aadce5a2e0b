"""How gunicorn ends a WebSocket that is refused: Werkzeug's server, which other tests use, waits for the client."""

from tests.integration.listening import talking


def test_a_page_learns_by_the_close_code_that_it_needs_a_new_ticket(system):
    with talking(f"127.0.0.1:{system.ports['PORT']}", "?ticket=nonsense") as talker:
        assert talker.close_code() == 4401
