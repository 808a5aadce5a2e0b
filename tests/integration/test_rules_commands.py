"""`flask rules`: unit tests of promtool, advice, and rules in and out of files."""

import pytest

from app.cli.main import with_commands

RULES = """
groups:
- name: g
  rules:
  - alert: InstanceDown
    expr: up == 0
    for: 5m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is {{ $value }}"}
  - alert: Ratio
    expr: a / b > 1
"""
TESTS = """
rule_files: ["*.rules.yml"]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - {series: 'up{instance="a"}', values: '1 1 1 0x10'}
  - {series: 'up{instance="b"}', values: '0x3 stale 0x20'}
  alert_rule_test:
  - {eval_time: 7m, alertname: InstanceDown, exp_alerts: []}
  - eval_time: 8m
    alertname: InstanceDown
    exp_alerts: [{exp_labels: {severity: page, instance: a}, exp_annotations: {summary: "a is 0"}}]
  - eval_time: 10m
    alertname: InstanceDown
    exp_alerts: &both
    - {exp_labels: {severity: page, instance: a}, exp_annotations: {summary: "a is 0"}}
    - {exp_labels: {severity: page, instance: b}, exp_annotations: {summary: "b is 0"}}
  - {eval_time: 8m, alertname: Ratio, exp_alerts: []}
"""


@pytest.fixture
def flask(app):
    """Runs a command and returns its result."""
    runner = with_commands(app).test_cli_runner()
    return lambda *words: runner.invoke(args=["rules", *map(str, words)])


@pytest.fixture
def files(tmp_path):
    (tmp_path / "up.rules.yml").write_text(RULES)
    (tmp_path / "test.yml").write_text(TESTS)
    return tmp_path


def test_tests_of_promtool_run_here_and_what_needs_a_server_is_counted_apart(flask, files):
    done = flask("test", "-v", files / "test.yml")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "3 passed, 0 failed, 1 not run"
    assert "Ratio at 8m: arithmetic" in done.output
    assert "InstanceDown at 10m" in done.output  # after a stale marker `for` begins anew: at 5m, and so it fires at 10m


def test_an_expectation_that_does_not_hold_is_shown_as_a_difference(flask, files):
    (files / "test.yml").write_text(TESTS.replace("eval_time: 7m", "eval_time: 9m"))
    done = flask("test", files / "test.yml")
    assert done.exit_code == 1
    assert '+ {instance="a", severity="page"} {summary="a is 0"}' in done.output
    assert done.output.splitlines()[-1] == "2 passed, 1 failed, 1 not run"


@pytest.mark.parametrize(
    ("text", "words"),
    [("rule_files: [nowhere.yml]\ntests: []", "no such file"), ("tests: 3", "tests"), (": :", "test.yml")],
)
def test_a_file_that_cannot_be_used_is_named_without_a_traceback(flask, files, text, words):
    (files / "test.yml").write_text(text)
    done = flask("test", files / "test.yml")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert words in done.output


def test_rules_go_in_and_out_of_files(flask, files, client, headers):
    source = files / "up.rules.yml"
    assert "would be created 2" in flask("import", "--format", "prometheus", "--dry-run", source).output
    assert client.get("/rules", headers=headers()).json["items"] == []
    assert "created 2, updated 0, unchanged 0, skipped 0" in flask("import", "--format", "prometheus", source).output
    [version] = client.get("/rules/g-instance-down/versions", headers=headers()).json["items"]
    assert (version["change"], version["actor"]) == ("created", "user:flask")

    (files / "out.yml").write_text(flask("export").output)
    assert "created 0, updated 0, unchanged 2" in flask("import", files / "out.yml").output


def test_lint_tells_mistakes_and_advice(flask, files):
    rule = "- {name: Busy, severity: HIGH, metric: m, operator: greater_than, threshold: 1, aggregation: rate}\n"
    (files / "ours.yml").write_text(rule)
    done = flask("lint", files / "ours.yml")
    assert done.exit_code == 0
    assert "advice on" in done.output
    (files / "ours.yml").write_text(rule.replace("threshold: 1", "threshold: [1, 2]"))
    done = flask("lint", files / "ours.yml")
    assert done.exit_code == 1
    assert "threshold: greater_than compares with one number" in done.output
