"""An open page lives on when the API or the dashboard's own server is killed, and shows what happened meanwhile."""

from playwright.sync_api import expect

from tests.e2e.dashboard import calm, raise_alert, row, visit, wait_for_badge


def test_an_open_page_comes_back_after_kill_9_of_the_api_and_of_the_dashboard(browser, new_system):
    expect.set_options(timeout=30_000)
    system = new_system().start()
    calm(system)
    page = visit(browser, system)
    wait_for_badge(page, "live")

    system.kill("web")
    page.locator('.badge:not([data-state="live"])').wait_for()
    wait_for_badge(page, "live")
    raise_alert(system, "After the API came back")
    expect(row(page, "After the API came back")).to_be_visible()

    system.kill("dashboard")
    page.locator('.badge:not([data-state="live"])').wait_for()
    raise_alert(system, "While the dashboard was away")
    expect(row(page, "While the dashboard was away")).to_be_visible()
    wait_for_badge(page, "live")
    page.context.close()
