"""The dashboard over the real system, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard import (
    DESK,
    PHONE,
    calm,
    raise_alert,
    row,
    sign_in,
    token_of_role,
    visit,
    wait_for_badge,
)

HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def calm_system(system):
    """The running system, on which only these tests raise alerts."""
    calm(system)
    return system


@pytest.fixture(autouse=True)
def closed_pages(browser):
    """Each test closes its browser windows."""
    expect.set_options(timeout=15_000)
    yield
    for context in browser.contexts:
        context.close()


def test_the_empty_overview_says_what_is_watched_and_how_to_make_an_alert(browser, calm_system):
    page = visit(browser, calm_system)

    expect(page.get_by_role("heading", name="All quiet")).to_be_visible()
    expect(page.get_by_text("system.cpu.usage above")).to_be_visible()
    expect(page.get_by_text('python3 -c "while True: pass"')).to_be_visible()
    expect(page.get_by_text(f"{calm_system.url}/alerts/create")).to_be_visible()


def test_only_a_good_token_opens_the_door_and_signing_out_closes_it(browser, calm_system):
    page = browser.new_context().new_page()
    page.goto(calm_system.dashboard_url)
    sign_in(page, "not-a-token-at-all")
    expect(page.get_by_role("alert")).to_contain_text("unknown, expired or revoked")

    sign_in(page, calm_system.token)
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Sign out")).to_be_visible()
    cookie = next(c for c in page.context.cookies() if c["name"].startswith("alerting_session"))
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert calm_system.token not in cookie["value"]
    assert calm_system.token not in page.content()

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_label("Access token")).to_be_visible()
    page.goto(calm_system.dashboard_url)
    expect(page.get_by_label("Access token")).to_be_visible()


def test_a_revoked_token_leads_back_to_the_sign_in_page_and_then_to_where_one_was(browser, calm_system):
    alert = raise_alert(calm_system, "Seen before the end")
    token_id, token = token_of_role(calm_system, "responder")
    page = visit(browser, calm_system, f"/?alert={alert['id']}", token=token)
    wait_for_badge(page, "live")

    assert calm_system.api("DELETE", f"/auth/tokens/{token_id}").status_code == 204
    page.reload()

    expect(page.get_by_role("status")).to_contain_text("Your session has ended")
    sign_in(page, calm_system.token)
    expect(page.get_by_role("heading", name="Seen before the end")).to_be_visible()


def test_a_link_to_an_alert_survives_the_sign_in_and_works_from_another_site(browser, calm_system):
    alert = raise_alert(calm_system, "Linked from a message")
    path = f"/?alert={alert['id']}"
    page = visit(browser, calm_system, path)
    expect(page.get_by_role("heading", name="Linked from a message")).to_be_visible()

    # The same machine by another name is another site to the browser, as a web mail would be.
    mail = page.context.new_page()
    mail.goto(calm_system.dashboard_url.replace("127.0.0.1", "localhost") + "/sign-in")
    mail.evaluate("address => { location.href = address }", calm_system.dashboard_url + path)
    expect(mail.get_by_role("heading", name="Linked from a message")).to_be_visible()


def test_an_alert_appears_is_acknowledged_and_is_resolved_without_a_reload(browser, calm_system):
    page = visit(browser, calm_system)
    wait_for_badge(page, "live")
    page.evaluate("window.notReloaded = true")

    alert = raise_alert(
        calm_system,
        "Checkout fails",
        "CRITICAL",
        labels={"service": "checkout", "host": "web-1"},
        value=7.5,
        threshold=5,
    )
    appeared = row(page, "Checkout fails")
    expect(appeared).to_contain_text("Critical")
    expect(appeared).to_contain_text("checkout")
    expect(appeared).to_contain_text("7.5")
    expect(page.get_by_text("New alert: Critical: Checkout fails")).to_be_attached()

    appeared.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    expect(appeared).to_contain_text("by admin")
    assert calm_system.get(f"/alerts/{alert['id']}")["status"] == "ACKNOWLEDGED"

    appeared.get_by_role("button", name="Resolve").click()
    expect(appeared).to_have_count(0)
    assert calm_system.get(f"/alerts/{alert['id']}")["status"] == "RESOLVED"
    assert page.evaluate("window.notReloaded")


def test_an_action_that_came_too_late_says_why(browser, calm_system):
    alert = raise_alert(calm_system, "Somebody is quicker")
    page = visit(browser, calm_system)
    late = row(page, "Somebody is quicker")
    expect(late).to_be_visible()
    page.route("**/live/alerts", lambda route: route.abort())
    page.evaluate("document.querySelector('.bar').alertingLive.trigger = null")  # this page hears of nothing any more
    assert calm_system.api("POST", f"/alerts/{alert['id']}/resolve").status_code == 200

    late.get_by_role("button", name="Acknowledge").click()

    expect(late.get_by_role("alert")).to_contain_text("RESOLVED")


def test_a_burst_ends_with_the_last_state_on_the_screen(browser, calm_system):
    page = visit(browser, calm_system)
    wait_for_badge(page, "live")
    alerts = [{"name": f"Burst {n}", "severity": "LOW", "labels": {"n": str(n)}} for n in range(60)]

    for part in (alerts[:20], alerts[20:40], alerts[40:]):
        assert calm_system.api("POST", "/alerts/bulk/create", json={"alerts": part}).status_code == 200

    expect(page.get_by_role("article")).to_have_count(50)
    expect(page.get_by_text("These are the newest 50")).to_be_visible()
    expect(page.get_by_role("link", name="Burst 59", exact=True)).to_be_visible()
    resolved = [{**alert, "status": "resolved"} for alert in alerts]
    assert calm_system.api("POST", "/alerts/bulk/create", json={"alerts": resolved}).status_code == 200
    expect(row(page, "Burst")).to_have_count(0)


def test_filters_stand_in_the_url_and_survive_reload_and_back(browser, calm_system):
    raise_alert(calm_system, "Filtered in", "LOW", labels={"host": "needle-7"})
    raise_alert(calm_system, "Filtered out", "MEDIUM", labels={"host": "needle-7"})
    page = visit(browser, calm_system)
    page.get_by_role("button", name="Low").click()
    search = page.get_by_placeholder("Search name, label, text")
    search.fill("needle-7")
    search.press("Enter")
    expect(row(page, "Filtered out")).to_have_count(0)
    expect(row(page, "Filtered in")).to_be_visible()
    assert {"severity=Low", "q=needle-7"} <= set(page.url.split("?")[1].split("&"))
    filtered = page.url

    page.reload()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("link", name="Filtered in").click()
    expect(page.get_by_role("heading", name="Filtered in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("article")).to_have_count(1)
    assert page.url == filtered

    search.fill("nothing-like-it")
    search.press("Enter")
    expect(page.get_by_role("heading", name="No alert matches")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(row(page, "Filtered out")).to_be_visible()


def test_the_page_of_an_alert_tells_its_story_and_takes_part_in_it(browser, calm_system):
    alert = raise_alert(
        calm_system,
        f"Story {HOSTILE}",
        labels={"host": HOSTILE},
        annotations={"summary": HOSTILE, "runbook_url": "https://runbooks.example/x", "click": "javascript:alert(1)"},
        notification_channels=["websocket"],
    )
    page = visit(browser, calm_system, f"/?alert={alert['id']}")
    wait_for_badge(page, "live")
    expect(page.get_by_role("heading", name="Story")).to_have_text(f"Story {HOSTILE}")
    expect(page.get_by_role("link", name="Runbook")).to_have_attribute("href", "https://runbooks.example/x")
    expect(page.get_by_text("javascript:alert(1)")).to_be_visible()
    assert page.locator('a[href^="javascript"], .view img').count() == 0
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("Opened")
    expect(page.locator(".deliveries")).to_contain_text("websocket")

    note = page.get_by_label("Note or comment")
    note.fill("Looking into it")
    note.press("Enter")
    expect(timeline).to_contain_text("Looking into it")
    expect(note).to_have_value("")
    note.fill("Half typed")
    assert (
        calm_system.api("POST", f"/alerts/{alert['id']}/comment", json={"text": "From a colleague"}).status_code == 201
    )
    expect(timeline).to_contain_text("From a colleague")
    expect(note).to_have_value("Half typed")

    note.fill("It was the disk")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".headline")).to_contain_text("Resolved")
    expect(timeline).to_contain_text("It was the disk")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".headline")).to_contain_text("Closed")
    page.get_by_role("link", name="All alerts").click()
    expect(page.get_by_placeholder("Search name, label, text")).to_be_visible()


def test_a_link_to_an_alert_that_is_not_there_says_so(browser, calm_system):
    page = visit(browser, calm_system, "/?alert=no-such-alert")
    expect(page.get_by_role("heading", name="There is no such alert")).to_be_visible()


def test_a_viewer_looks_and_does_not_act(browser, calm_system):
    raise_alert(calm_system, "To be looked at")
    page = visit(browser, calm_system, token=token_of_role(calm_system, "viewer")[1])

    expect(row(page, "To be looked at").get_by_role("button", name="Acknowledge")).to_be_disabled()
    expect(page.get_by_text("it may look, not act")).to_be_visible()


def test_a_token_that_only_sends_is_told_so(browser, calm_system):
    page = browser.new_context().new_page()
    page.goto(calm_system.dashboard_url)
    sign_in(page, token_of_role(calm_system, "ingest")[1])
    expect(page.get_by_role("alert")).to_contain_text("may only send data")


def test_without_the_stream_the_page_polls_and_says_so(browser, calm_system):
    page = browser.new_context().new_page()
    page.route("**/live/alerts", lambda route: route.abort())
    page.goto(calm_system.dashboard_url)
    sign_in(page, calm_system.token)
    wait_for_badge(page, "stale")

    raise_alert(calm_system, "Found by polling")
    expect(row(page, "Found by polling")).to_be_visible()

    page.unroute("**/live/alerts")
    wait_for_badge(page, "live")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_fetches_nothing_from_elsewhere(browser, calm_system, size, scheme):
    alert = raise_alert(calm_system, "A rather long name of an alert " * 4, labels={"path": "/very/long" * 30})
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    fetched, errors = [], []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(calm_system.dashboard_url)
    sign_in(page, calm_system.token)
    wait_for_badge(page, "live")
    expect(row(page, "A rather long name")).to_be_visible()
    assert is_wide(page) is False
    page.goto(f"{calm_system.dashboard_url}/?alert={alert['id']}")
    expect(page.get_by_role("heading", name="A rather long name")).to_be_visible()
    assert is_wide(page) is False

    host = calm_system.dashboard_url.removeprefix("http://")
    assert [url for url in fetched if not re.match(rf"(http|ws)://{host}/|data:|blob:", url)] == []
    assert errors == []


def is_wide(page):
    """Whether the page has to be scrolled sideways."""
    return page.evaluate(
        """() => [document.scrollingElement, document.querySelector('[data-testid=stMain]')]
            .some(element => element.scrollWidth > element.clientWidth)"""
    )
