"""What a page may send through the dashboard to the API, and from where; nothing of this reaches an API."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from dashboard.live import live_routes


def ask(method, path, **headers):
    """The answer of the dashboard's own routes, behind which no API stands."""

    async def asked():
        async with httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False) as nobody:
            inside = httpx.ASGITransport(Starlette(routes=live_routes(nobody, asyncio.Event())))
            async with httpx.AsyncClient(transport=inside, base_url="http://dash") as client:
                return await client.request(method, path, headers=headers)

    return asyncio.run(asked())


@pytest.mark.parametrize("path", ["/live/rules/cpu/delete", "/live/rules/cpu/disable", "/live/alerts/1/resolve"])
def test_another_site_changes_nothing(path):
    answer = ask("POST", path, **{"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/live/rules/cpu/evaluate", "/live/rules/cpu/nonsense", "/live/alerts/1/delete"])
def test_only_known_actions_are_passed_on(path):
    assert ask("POST", path).status_code == 404


def test_nothing_is_changed_by_a_link():
    assert ask("GET", "/live/rules/cpu/delete").status_code == 405


@pytest.mark.parametrize(("method", "path"), [("POST", "/live/rules/cpu/disable"), ("GET", "/live/rules/export")])
def test_an_api_that_is_away_is_said_so(method, path):
    answer = ask(method, path)
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]


def test_rules_are_exported_in_known_forms_only():
    assert ask("GET", "/live/rules/export?format=exe").status_code == 404
