"""What a change to a rule means for the alerts that it has."""

from dataclasses import fields
from datetime import timedelta

import pytest

from app.core.severity import Severity
from app.rules.domain import Aggregation, Definition, NoData, Operator, Source
from app.rules.domain.rule import Change, change_between, selector_matchers
from app.rules.domain.starter import STARTER_RULES
from tests.unit.rules.making import definition

CONDITION = {
    "metric": "m",
    "operator": Operator.EQUAL,
    "threshold": 1.0,
    "window": timedelta(1),
    "aggregation": Aggregation.MAX,
    "min_samples": 2,
    "labels": {"a": "b"},
    "group_by": (),
    "source": Source.LOG,
    "season": timedelta(7),
    "pattern": "p",
    "level": "error",
    "type": "t",
    "query": "up",
    "datasource": "main",
    "alert_labels": {"a": "b"},
}
DESCRIPTION = {
    "name": "n",
    "description": "d",
    "severity": Severity.LOW,
    "pending_for": timedelta(1),
    "keep_firing_for": timedelta(1),
    "resolve_threshold": 1.0,
    "no_data": NoData.OK,
    "correlation": "deny",
    "interval": timedelta(1),
    "service": "s",
    "runbook_url": "https://x",
    "annotations": {"a": "b"},
    "notification_channels": ("c",),
    "escalation_policy": "p",
    "suppression_rules": ("s",),
}


@pytest.mark.parametrize("name", CONDITION)
def test_another_condition_ends_alerts(name):
    assert change_between(definition(), definition(**{name: CONDITION[name]})) is Change.CONDITION


@pytest.mark.parametrize("name", DESCRIPTION)
def test_another_description_leaves_alerts(name):
    assert change_between(definition(), definition(**{name: DESCRIPTION[name]})) is Change.DESCRIPTION


def test_every_field_is_one_or_the_other():
    assert {field.name for field in fields(Definition)} == {*CONDITION, *DESCRIPTION, "enabled"}


def test_no_change():
    assert change_between(definition(labels={"a": "b"}), definition(labels={"a": "b"})) is Change.NONE


def test_switching_on_and_off():
    off = definition(enabled=False, threshold=1.0)
    assert change_between(definition(), off) is Change.DISABLED
    assert change_between(off, definition()) is Change.ENABLED


@pytest.mark.parametrize(
    ("labels", "matchers"),
    [
        ({}, []),
        ({"host": "web-1"}, ['host="web-1"']),
        ({"host": "=~web.*"}, ['host=~"web.*"']),
        ({"host": '=~"web.*"'}, ['host=~"web.*"']),
        ({"host": "!=web"}, ['host!="web"']),
        ({"host": "!~web"}, ['host!~"web"']),
        ({"host": "=web"}, ['host="=web"']),
        ({'a "b"': "=~x"}, [r'"a \"b\""=~"x"']),
        (("host=~web.*", 'env="prod"'), ['host=~"web.*"', 'env="prod"']),
    ],
)
def test_selectors(labels, matchers):
    assert [str(matcher) for matcher in selector_matchers(labels)] == matchers


@pytest.mark.parametrize("labels", [{"host": "=~("}, ("host",), ("host=~(",)])
def test_selectors_that_cannot_be_read(labels):
    with pytest.raises(ValueError, match=r"no regular expression|no matcher"):
        selector_matchers(labels)


def test_starter_rules_have_a_description_and_a_hint():
    for found in STARTER_RULES.values():
        assert found.description
        assert found.annotations["hint"]
        assert len(found.name) <= 200
