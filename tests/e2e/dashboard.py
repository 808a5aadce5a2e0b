"""The dashboard as a person uses it: pages in a browser, signed in, and what they show."""

import uuid

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def visit(browser, system, path="/", *, token=None, size=DESK, scheme="light"):
    """A page of a browser of its own, signed in, at `path`."""
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    page.goto(system.dashboard_url + path)
    sign_in(page, token or system.token)
    return page


def sign_in(page, token):
    """Type the token where the page asks for it."""
    page.get_by_label("Access token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def row(page, name):
    """The row of the feed with this alert."""
    return page.get_by_role("article").filter(has_text=name)


def wait_for_badge(page, state):
    """Wait until the badge of the live stream says `state`."""
    page.locator(f'.badge[data-state="{state}"]').wait_for()


def raise_alert(system, name, severity="HIGH", **more):
    """A new alert by the API."""
    answer = system.api("POST", "/alerts/create", json={"name": name, "severity": severity, **more})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def calm(system):
    """Let no rule fire on a busy test machine, and resolve what is open."""
    for rule in system.get("/rules", limit=100)["items"]:
        answer = system.api("PATCH", f"/rules/{rule['id']}", json={"threshold": 1e9})
        assert answer.status_code == 200, answer.text
    while found := system.get("/alerts", status=["ACTIVE", "ACKNOWLEDGED"], limit=200)["items"]:
        for alert in found:
            assert system.api("POST", f"/alerts/{alert['id']}/resolve").status_code == 200


def token_of_role(system, role):
    """A new token: its id and its value."""
    made = system.api("POST", "/auth/tokens", json={"name": f"{role}-{uuid.uuid4().hex[:8]}", "role": role})
    assert made.status_code == 201, made.text
    return made.json()["id"], made.json()["token"]
