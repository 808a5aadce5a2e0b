"""The dashboard's pages of rules and of metrics over the real system, in a real browser."""

import re
import time
import uuid

import pytest
from playwright.sync_api import expect

from tests.conditions import eventually
from tests.e2e.dashboard import DESK, PHONE, calm, token_of_role, visit, wait_for_badge
from tests.e2e.test_dashboard_in_the_browser import is_wide

HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def calm_system(system):
    """The running system, on which no rule fires by itself."""
    calm(system)
    return system


@pytest.fixture(autouse=True)
def closed_pages(browser):
    """Each test closes its browser windows."""
    expect.set_options(timeout=15_000)
    yield
    for context in browser.contexts:
        context.close()


def make_rule(system, **fields):
    """A rule of a test's own on a metric of its own; nothing comes for it unless it is pushed."""
    body = {
        "id": f"test_{uuid.uuid4().hex[:8]}",
        "name": "Queue is long",
        "metric": "test.queue",
        "operator": "greater_than",
        "threshold": 100,
        "severity": "LOW",
    }
    answer = system.api("POST", "/rules", json={**body, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def push(system, metric, *values, **labels):
    """Samples of a series, one a second, the last of them now."""
    now = time.time()
    samples = [
        {"metric": metric, "value": value, "labels": labels, "timestamp": now - len(values) + 1 + n}
        for n, value in enumerate(values)
    ]
    answer = system.api("POST", "/metrics/ingest", json={"samples": samples})
    assert answer.status_code == 202, answer.text


def rule_row(page, name):
    """The row of the list with this rule."""
    return page.get_by_role("article").filter(has_text=name)


def choose(page, label, option):
    """Choose in a list that opens; what is not there is typed in."""
    field = page.get_by_role("combobox", name=label)
    field.click()
    field.fill(option)
    page.keyboard.press("Enter")


def test_the_bar_leads_to_every_page_without_a_reload_and_back(browser, calm_system):
    page = visit(browser, calm_system)
    wait_for_badge(page, "live")
    page.evaluate("window.notReloaded = true")
    places = page.get_by_role("navigation", name="Pages")

    places.get_by_role("link", name="Rules").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    expect(places.get_by_role("link", name="Rules")).to_have_attribute("aria-current", "page")
    assert page.url.endswith("/?page=rules")

    places.get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name="Explore")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    places.get_by_role("link", name="Alerts").click()
    expect(page.get_by_placeholder("Search name, label, text")).to_be_visible()
    assert page.evaluate("window.notReloaded")


def test_the_list_says_what_is_watched_and_switches_a_rule_off_and_on(browser, calm_system):
    rule = make_rule(calm_system, name="Switched about")
    page = visit(browser, calm_system, "/?page=rules")
    shown = rule_row(page, "Switched about")
    expect(shown).to_contain_text("avg of test.queue over 5m above 100")
    expect(shown).to_contain_text("Low")

    shown.get_by_role("switch").click()
    expect(shown.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(shown).to_contain_text("Off")
    assert calm_system.get(f"/rules/{rule['id']}")["enabled"] is False
    shown.get_by_role("switch").click()
    expect(shown.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    assert calm_system.get(f"/rules/{rule['id']}")["enabled"] is True


def test_filters_of_rules_stand_in_the_url(browser, calm_system):
    make_rule(calm_system, name="Needle one", severity="CRITICAL")
    make_rule(calm_system, name="Needle two", severity="INFO")
    page = visit(browser, calm_system, "/?page=rules")
    search = page.get_by_placeholder("Search name, id, metric")
    search.fill("Needle")
    search.press("Enter")
    expect(page.get_by_role("article")).to_have_count(2)
    choose(page, "Any severity", "Info")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(rule_row(page, "Needle two")).to_be_visible()
    assert {"page=rules", "find=Needle", "of_severity=Info"} <= set(page.url.split("?")[1].split("&"))

    page.reload()
    expect(page.get_by_role("article")).to_have_count(1)
    search.fill("nothing-like-it")
    search.press("Enter")
    expect(page.get_by_role("heading", name="No rule matches")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(rule_row(page, "Needle one")).to_be_visible()


def test_more_than_fifty_rules_are_paged_through(browser, calm_system):
    for n in range(51):
        make_rule(calm_system, name=f"Paged {n:02}")
    page = visit(browser, calm_system, "/?page=rules&find=Paged")
    expect(page.get_by_role("article")).to_have_count(50)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("article")).to_have_count(50)


def test_a_rule_is_made_in_the_form_and_what_the_api_refuses_is_said_at_the_field(browser, calm_system):
    push(calm_system, "form.queue", 3, queue="mail")
    page = visit(browser, calm_system, "/?rule=new")
    page.get_by_label("Name").fill("Made in the form")
    choose(page, "Metric", "form.queue")
    threshold = page.get_by_label("threshold", exact=True)
    threshold.fill("many")
    page.get_by_role("button", name="Create the rule").click()

    expect(page.get_by_role("alert").filter(has_text="use a number")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Made in the form")
    expect(threshold).to_have_value("many")

    threshold.fill("7.5")
    threshold.press("Enter")
    expect(page.get_by_text("use a number")).to_have_count(0)
    page.get_by_role("button", name="Create the rule").click()
    expect(page.get_by_role("heading", name="Made in the form")).to_be_visible()
    expect(page.get_by_text("avg of form.queue over 5m above 7.5")).to_be_visible()
    rule = calm_system.get(f"/rules/{page.url.split('rule=')[1]}")
    assert (rule["metric"], rule["threshold"], rule["severity"]) == ("form.queue", 7.5, "HIGH")


def test_the_preview_follows_the_threshold(browser, calm_system):
    push(calm_system, "preview.queue", *range(20), queue="mail")
    rule = make_rule(calm_system, metric="preview.queue", threshold=5, evaluation_window="1m")
    page = visit(browser, calm_system, f"/?rule={rule['id']}&edit=1")
    preview = page.locator(".st-key-preview")
    expect(preview).to_contain_text("This would have fired once in the last day")

    threshold = page.get_by_label("threshold", exact=True)
    threshold.fill("50")
    threshold.press("Enter")
    expect(preview).to_contain_text("This would not have fired in the last day")
    slider = preview.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(threshold).to_have_value("0")
    expect(preview).to_contain_text("This would have fired once in the last day")
    assert calm_system.get(f"/rules/{rule['id']}")["threshold"] == 5


def test_a_change_keeps_what_it_does_not_touch(browser, calm_system):
    rule = make_rule(
        calm_system,
        name="Half changed",
        labels={"queue": "=~m.*"},
        annotations={"summary": "two\nlines"},
        group_by=["queue"],
    )
    page = visit(browser, calm_system, f"/?rule={rule['id']}&edit=1")
    page.get_by_label("Name").fill("Wholly changed")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_role("heading", name="Wholly changed")).to_be_visible()

    changed = calm_system.get(f"/rules/{rule['id']}")
    kept = set(rule) - {"name", "version", "updated_at", "health", "health_reason", "last_evaluated_at", "n_missed"}
    kept -= {"last_duration_ms", "n_series", "n_firing", "advice"}
    assert {name: changed[name] for name in kept} == {name: rule[name] for name in kept}
    assert changed["version"] == 2


def test_a_change_that_somebody_else_made_first_is_not_written_over(browser, calm_system):
    rule = make_rule(calm_system, name="Contended")
    page = visit(browser, calm_system, f"/?rule={rule['id']}&edit=1")
    expect(page.get_by_label("Name")).to_have_value("Contended")
    answer = calm_system.api("PATCH", f"/rules/{rule['id']}", json={"threshold": 7})
    assert answer.status_code == 200, answer.text

    page.get_by_label("Name").fill("Written over")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_role("heading", name="It was not saved")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Written over")
    assert calm_system.get(f"/rules/{rule['id']}")["name"] == "Contended"


def test_deleting_says_first_what_it_resolves(browser, calm_system):
    rule = make_rule(calm_system, name="Deleted soon", metric="deleted.queue", threshold=1, evaluation_window="1h")
    push(calm_system, "deleted.queue", 5, queue="mail")
    eventually(
        lambda: calm_system.get("/alerts", rule_id=rule["id"], status="ACTIVE")["items"], what="the rule to fire"
    )
    page = visit(browser, calm_system, f"/?rule={rule['id']}")
    page.get_by_text("Delete…").click()
    expect(page.get_by_text("Its 1 open alert is resolved.").last).to_be_visible()
    page.get_by_role("button", name="Delete the rule").click()

    expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    assert calm_system.api("GET", f"/rules/{rule['id']}").status_code == 404
    assert calm_system.get("/alerts", rule_id=rule["id"], status="ACTIVE")["items"] == []


def test_the_page_of_a_rule_explains_what_it_found_and_who_changed_it(browser, calm_system):
    rule = make_rule(calm_system, name="Explained", metric="explained.queue", threshold=3, evaluation_window="1h")
    push(calm_system, "explained.queue", 5, queue="mail")
    push(calm_system, "explained.queue", 1, queue="chat")
    assert calm_system.api("PATCH", f"/rules/{rule['id']}", json={"threshold": 4}).status_code == 200
    page = visit(browser, calm_system, f"/?rule={rule['id']}")
    page.get_by_role("button", name="Evaluate now").click()

    rows = page.locator(".verdicts tbody tr")
    expect(rows.first).to_contain_text("Firing")
    expect(rows.first).to_contain_text("queue mail")
    expect(rows.nth(1)).to_contain_text("queue chat")
    versions = page.locator('[data-block="versions"]')
    expect(versions).to_contain_text("Version 2")
    expect(versions).to_contain_text(re.compile("threshold.*3.*→.*4"))

    page.get_by_role("link", name="Its alerts").click()
    expect(page.get_by_text("Only alerts of the rule")).to_be_visible()
    expect(page.get_by_role("article").first).to_contain_text("Explained")


def test_a_threshold_that_was_tried_is_taken_into_the_form(browser, calm_system):
    push(calm_system, "tried.queue", *range(20), queue="mail")
    rule = make_rule(calm_system, metric="tried.queue", threshold=15)
    page = visit(browser, calm_system, f"/?rule={rule['id']}")
    page.locator(".st-key-rule_trial").get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Edit the rule with this threshold").click()
    expect(page.get_by_label("threshold", exact=True)).to_have_value("0")


def test_a_file_of_rules_is_looked_at_first_and_then_imported(browser, calm_system):
    rule_id = f"imported_{uuid.uuid4().hex[:8]}"
    page = visit(browser, calm_system, "/?page=import")
    page.get_by_label("YAML or JSON").fill(
        f"rules:\n  - id: {rule_id}\n    name: Imported\n    metric: test.queue\n    operator: greater_than\n"
        "    threshold: 5\n    severity: LOW\n  - name: Broken\n    metric: test.queue\n"
    )
    page.get_by_label("YAML or JSON").blur()
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="This is what the import would do")).to_be_visible()
    expect(page.get_by_text("1created")).to_be_visible()
    expect(page.locator(".reasons").first).to_contain_text("Broken")
    assert calm_system.api("GET", f"/rules/{rule_id}").status_code == 404

    page.get_by_role("button", name="Import them").click()
    expect(page.get_by_role("heading", name="Imported", exact=True)).to_be_visible()
    assert calm_system.get(f"/rules/{rule_id}")["name"] == "Imported"


def test_rules_are_exported_as_a_file(browser, calm_system):
    rule = make_rule(calm_system, name="Taken along")
    page = visit(browser, calm_system, "/?page=rules")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Export").click()
    assert coming.value.suggested_filename == "rules.yaml"
    assert rule["id"] in coming.value.path().read_text()


def test_explore_draws_a_metric_filters_by_labels_and_leads_to_a_rule(browser, calm_system):
    push(calm_system, "explored.queue", 3, 4, queue="mail")
    push(calm_system, "explored.queue", 7, 8, queue="chat")
    page = visit(browser, calm_system, "/?page=explore")
    choose(page, "Metric", "explored.queue")
    expect(page.locator(".st-key-explore_chart canvas, .st-key-explore_chart svg").first).to_be_visible()
    values = page.locator(".values tbody tr")
    expect(values).to_have_count(2)
    assert "metric=explored.queue" in page.url

    choose(page, "Labels", "queue=chat")
    expect(values).to_have_count(1)
    expect(values.first).to_contain_text("8")
    page.reload()
    expect(values).to_have_count(1)

    page.get_by_role("link", name="Make a rule of this").click()
    expect(page.get_by_role("heading", name="New rule")).to_be_visible()
    expect(page.get_by_role("combobox", name="Metric")).to_have_value("explored.queue")
    expect(page.get_by_text('queue="chat"', exact=True)).to_be_visible()


def test_a_link_to_a_rule_that_is_not_there_says_so(browser, calm_system):
    page = visit(browser, calm_system, "/?rule=no-such-rule")
    expect(page.get_by_role("heading", name="There is no such rule")).to_be_visible()


def test_a_viewer_sees_every_rule_and_changes_none(browser, calm_system):
    rule = make_rule(calm_system, name="Only looked at")
    token = token_of_role(calm_system, "viewer")[1]
    page = visit(browser, calm_system, "/?page=rules", token=token)
    expect(rule_row(page, "Only looked at").get_by_role("switch")).to_be_disabled()
    expect(page.get_by_role("button", name="New rule")).to_be_disabled()
    expect(page.get_by_text("it sees every rule and changes none")).to_be_visible()

    rule_row(page, "Only looked at").get_by_role("link", name="Only looked at").click()
    expect(page.get_by_role("button", name="Edit")).to_be_disabled()
    expect(page.get_by_role("button", name="Evaluate now")).to_be_disabled()
    page.goto(f"{calm_system.dashboard_url}/?rule={rule['id']}&edit=1")
    expect(page.get_by_role("button", name="Save the changes")).to_be_disabled()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_hostile_and_long_names_are_harmless_and_every_page_fits(browser, calm_system, size):
    rule = make_rule(
        calm_system,
        name=f"{HOSTILE} a rather long name of a rule",
        description=HOSTILE * 3,
        metric="a.very.long.name.of.a.metric." + "x" * 120,
        annotations={"summary": HOSTILE},
    )
    push(calm_system, rule["metric"], 1, 2, host=HOSTILE, path="/very/long" * 20)
    page = browser.new_context(viewport=size).new_page()
    fetched, errors = [], []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(calm_system.dashboard_url)
    page.get_by_label("Access token").fill(calm_system.token)
    page.get_by_role("button", name="Sign in").click()
    wait_for_badge(page, "live")
    for path, seen in (
        ("/?page=rules", ".row.rule .name"),
        (f"/?rule={rule['id']}", '[data-block="facts"]'),
        (f"/?rule={rule['id']}&edit=1", ".st-key-preview"),
        ("/?page=import", ".st-key-import_form"),
        (f"/?page=explore&metric={rule['metric']}", ".values"),
    ):
        page.goto(calm_system.dashboard_url + path)
        page.locator(seen).first.wait_for()
        assert is_wide(page) is False, path
        assert page.locator(".view img").count() == 0, path
        assert page.title() != "1", path
    host = calm_system.dashboard_url.removeprefix("http://")
    assert [url for url in fetched if not re.match(rf"(http|ws)://{host}/|data:|blob:", url)] == []
    assert errors == []
