"""Which page an address names, and what the pages of rules and metrics are made of."""

import subprocess
import sys

import pytest

from dashboard.components import import_report, rule_list, rule_parts, series
from dashboard.steps import page_named_by, place_in_the_bar, query_of

RULE = {"id": "cpu", "name": "Busy", "severity": "HIGH", "metric": "m", "operator": "greater_than", "threshold": 1.0}


@pytest.mark.parametrize(
    ("query", "page", "place"),
    [
        ({}, "overview", "alerts"),
        ({"status": "All"}, "overview", "alerts"),
        ({"alert": "1"}, "alert", "alerts"),
        ({"page": "rules"}, "rules", "rules"),
        ({"page": "import"}, "rules_import", "rules"),
        ({"rule": "cpu"}, "rule", "rules"),
        ({"rule": "cpu", "edit": "1"}, "rule_form", "rules"),
        ({"rule": "new"}, "rule_form", "rules"),
        ({"page": "explore", "metric": "m"}, "explore", "explore"),
        ({"page": "../../etc/passwd"}, "overview", "alerts"),
    ],
)
def test_the_query_names_the_page(query, page, place):
    assert page_named_by(query) == page
    assert place_in_the_bar(page) == place


def test_a_step_keeps_repeated_names():
    assert query_of("/?rule=new&where=a%3D1&where=b%3D2") == {"rule": ["new"], "where": ["a=1", "b=2"]}
    assert query_of("/") == {}
    assert query_of(None) == {}


def test_only_the_page_with_altair_loads_it():
    light = "overview, alert, rules, rule, rule_form, rules_import"
    code = (
        f"import sys; from dashboard.pages import {light}; sys.exit('altair' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_bar_of_pages_leads_on_and_back_to_the_first():
    assert rule_list.pages({"page": "rules"}, None, 3) is None
    first = str(rule_list.pages({"page": "rules", "find": "a b"}, "c1", 50))
    assert 'href="/?page=rules&amp;find=a+b&amp;cursor=c1"' in first
    assert "First page" not in first
    last = str(rule_list.pages({"page": "rules", "cursor": "c1"}, None, 3))
    assert 'href="/?page=rules"' in last
    assert "Next page" not in last


def test_noise_that_is_not_known_is_no_zero():
    assert "<b" not in rule_list.row(RULE, None, "admin").split('class="value">')[1].split("</div>")[0]
    assert ">0</b>" in rule_list.row(RULE, {"n_alerts": 0, "n_open": 0}, "admin")
    assert "2 open now" in rule_list.row(RULE, {"n_alerts": 5, "n_open": 2}, "admin")


@pytest.mark.parametrize("role", ["viewer", "responder"])
def test_who_is_no_admin_sees_the_buttons_and_why_they_do_nothing(role):
    assert f"Needs the role admin; yours is {role}" in rule_list.switch(RULE, role)
    assert f"Needs the role admin; yours is {role}" in rule_list.toolbar(role)
    actions = str(rule_parts.actions(RULE, role, ""))
    assert "data-act" not in actions
    assert "changes none" in actions
    assert ('data-send="evaluate">' in actions) == (role == "responder")


def test_deleting_says_what_it_resolves():
    actions = str(rule_parts.actions(RULE, "admin", "Its 3 open alerts are resolved."))
    assert actions.count("Its 3 open alerts are resolved.") == 2
    assert 'data-act="delete" data-rule="cpu"' in actions
    assert 'data-act="enable"' in rule_parts.actions({**RULE, "enabled": False}, "admin", "")


def test_versions_name_what_changed():
    found = rule_parts.differences(
        {"threshold": 3, "for": "0s", "labels": {}}, {"threshold": 4, "for": "0s", "labels": {"a": "b"}}
    )
    assert found == [("threshold", "3", "4"), ("labels", "nothing", '{"a": "b"}')]


def test_a_report_counts_and_gives_reasons():
    report = {
        "created": 2,
        "updated": ["a"],
        "unchanged": 0,
        "dry_run": True,
        "advice": [],
        "skipped": [{"index": 3, "group": "node", "name": "X", "reason": "no alert"}],
    }
    html = import_report.report(report)
    assert "This is what the import would do" in html
    assert "<b>2</b>created" in html
    assert "<b>1</b>updated" in html
    assert "no alert" in html
    assert import_report.changes_something(report)
    assert not import_report.changes_something({"created": 0, "updated": 0})


def test_several_values_of_a_label_let_each_of_them_through():
    assert series.matchers_of(["host=a", "zone=1", "host=b.c"]) == ['host=~"a|b\\\\.c"', 'zone="1"']
