"""`flask rules backtest`: samples and rules out of files, what is printed, and mistakes without a traceback."""

import json

import pytest

from app.cli.main import with_commands
from tests.integration.evaluating import keep

T0 = 1_769_860_800
RULE = """
name: Queue is long
severity: HIGH
metric: queue.length
operator: greater_than
threshold: 10
aggregation: last
keep_firing_for: 2m
"""


@pytest.fixture
def backtest(app):
    """Runs the command and returns its result."""
    runner = with_commands(app).test_cli_runner()
    return lambda *words: runner.invoke(args=["rules", "backtest", *map(str, words)])


@pytest.fixture
def write(tmp_path):
    def file(name, text):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return file


def csv(*values):
    """A value a minute."""
    lines = [f"{T0 + 60 * n},{value},a" for n, value in enumerate(values)]
    return "\n".join(["timestamp,value,host", *lines, ""])


@pytest.fixture
def queue(write):
    return write("queue.csv", csv(1, 12, 13, 2, 1, 1))


def test_a_file_and_a_few_options(backtest, queue):
    answer = backtest(queue, "--threshold", 10, "--aggregation", "last")
    assert answer.exit_code == 0, answer.output
    head, row, fired = answer.output.splitlines()
    assert head.split() == ["samples", "of", "samples", "fired", "flaps", "hits", "false", "a", "day", "ms"]
    assert row.split()[1:7] == ["6", "1", "0", "-", "-", "-"]
    assert fired == (
        "    2026-01-31T12:01:00Z to 2026-01-31T12:03:00Z  {host=a}  "
        "last of value over 5m is 12, greater than 10 (2 samples)"
    )


def test_a_rule_of_a_file(backtest, queue, write):
    answer = backtest(queue, "--rule", write("rule.yaml", RULE), "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.output)
    assert (found["file"], found["n_samples"], found["n_series"], found["n_alerts"]) == (str(queue), 6, 1, 1)
    assert found["firing_s"] == 240  # kept firing for two minutes more
    assert found["alerts"][0]["labels"] == {"host": "a"}
    assert "score" not in found


def test_a_file_that_holds_one_rule_in_a_list_is_the_same(backtest, queue, write):
    body = {"rules": [{"name": "Q", "severity": "LOW", "metric": "m", "operator": "less_than", "threshold": 2}]}
    answer = backtest(queue, "--rule", write("rules.json", json.dumps(body)), "--json")
    assert json.loads(answer.output)["n_alerts"] == 1


def test_several_files_are_a_line_of_json_each(backtest, queue, write):
    other = write("other.json", json.dumps([{"timestamp": T0, "value": 99}]))
    answer = backtest(queue, other, "--threshold", 10, "--json")
    assert [json.loads(line)["n_samples"] for line in answer.output.splitlines()] == [6, 1]


def test_labelled_windows_for_one_file_or_by_its_name(backtest, queue, write):
    windows = [["2026-01-31 12:02:00", "2026-01-31 12:02:30"], [T0 + 1000, T0 + 1001]]
    plain, named = write("plain.json", json.dumps(windows)), write("named.json", json.dumps({"queue.csv": windows}))
    for labelled in (plain, named):
        answer = backtest(queue, "--threshold", 10, "--aggregation", "last", "--labelled", labelled, "--json")
        assert answer.exit_code == 0, answer.output
        score = json.loads(answer.output)["score"]
        assert (score["n_windows"], score["n_hits"], score["n_missed"], score["n_false_alarms"]) == (2, 1, 1, 0)
    answer = backtest(queue, "--threshold", 10, "--aggregation", "last", "--labelled", named)
    assert answer.output.splitlines()[1].split()[1:7] == ["6", "1", "0", "1/2", "0", "0.00"]
    other = write("other.json", json.dumps({"elsewhere.csv": windows}))
    assert "score" not in json.loads(backtest(queue, "--threshold", 10, "--labelled", other, "--json").output)


def test_a_range_takes_two_thresholds(backtest, queue):
    answer = backtest(
        queue, "--operator", "outside_range", "--threshold", 1, "--threshold", 12.5, "--window", "1m", "--json"
    )
    assert [one["value"] for one in json.loads(answer.output)["alerts"]] == [13]


def test_an_anomaly_rule_and_a_step(backtest, write):
    file = write("level.csv", csv(*[100] * 120, 500))
    answer = backtest(file, "--operator", "anomaly", "--threshold", 4, "--step", "1m", "--window", "1m", "--json")
    found = json.loads(answer.output)
    assert (found["n_evaluations"], [one["value"] for one in found["alerts"]]) == (121, [500])


def test_many_firings_are_cut_short_unless_all_are_asked_for(backtest, write):
    file = write("flapping.csv", csv(*[1, 12] * 25))
    few = backtest(file, "--threshold", 10, "--aggregation", "last")
    assert len(few.output.splitlines()) == 2 + 20 + 1
    assert few.output.splitlines()[-1] == "    and 5 more; --all lists them"
    every = backtest(file, "--threshold", 10, "--aggregation", "last", "--all")
    assert len(every.output.splitlines()) == 2 + 25
    assert every.output.splitlines()[-1].split(" to ")[1].startswith("the end, where it still fires")


def test_of_a_file_with_several_metrics_one_is_taken(backtest, write):
    file = write("both.csv", f"timestamp,value,metric\n{T0},5,cpu\n{T0},50,disk\n")
    for metric, n_alerts in (("cpu", 0), ("disk", 1)):
        answer = backtest(file, "--threshold", 10, "--metric", metric, "--json")
        assert json.loads(answer.output)["n_alerts"] == n_alerts


def test_what_is_stored(backtest, runtime):
    keep(runtime, "queue.length", (240, 1), (180, 12), (120, 1), host="a")
    words = ["--stored", "--metric", "queue.length", "--threshold", 10, "--aggregation", "last", "--last", "1h"]
    answer = backtest(*words, "--json")
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.output)
    assert (found["file"], found["n_samples"], found["n_alerts"]) == ("queue.length", 3, 1)


@pytest.fixture
def given(write):
    """What the mistakes below name in braces."""
    prometheus = {"name": "P", "severity": "LOW", "source": "prometheus", "query": "up == 0"}
    anomaly = {"name": "A", "severity": "LOW", "metric": "m", "operator": "anomaly", "threshold": 3}
    return {
        "queue": write("queue.csv", csv(1, 12)),
        "broken": write("broken.csv", "timestamp,value\n0,1\nnow,2\n"),
        "header": write("header.csv", "0,1\n"),
        "no_json": write("no.json", "[{"),
        "binary": write("binary.csv", b"timestamp,value\n\xff\xfe,1\n"),
        "ages": write("ages.csv", "timestamp,value\n0,1\n8999-01-01,1\n"),
        "yaml": write("bad.yaml", "a: [1"),
        "text": write("text.yaml", "just a text"),
        "binary_rule": write("binary.yaml", b"\xff\xfe\x00"),
        "wrong": write("wrong.yaml", RULE.replace("greater_than", "above") + "treshold: 1\n"),
        "together": write("together.yaml", RULE + "season: 1d\n"),
        "prometheus": write("prometheus.yaml", json.dumps(prometheus)),
        "anomaly": write("anomaly.yaml", json.dumps(anomaly)),
        "windows": write("windows.json", '["noon"]'),
        "number": write("number.json", "3"),
        "late": write("late.json", '[["noon", "one"]]'),
        "folder": write("x", "").parent,
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("", 2, "name files with samples, or say --stored"),
        ("{queue} --stored --metric m --threshold 1", 2, "name files with samples, or say --stored"),
        ("nowhere.csv --threshold 1", 2, "does not exist"),
        ("{folder} --threshold 1", 2, "is a directory"),
        ("{queue}", 1, "threshold: say what the value is compared with"),
        ("{queue} --threshold much", 2, "is not a valid float"),
        ("{queue} --threshold nan", 1, "threshold: use a finite number"),
        ("{queue} --threshold 1 --threshold 2 --threshold 3", 1, "threshold: a range has two numbers"),
        ("{queue} --operator above", 2, "is not one of"),
        ("{queue} --threshold 1 --window soon", 2, "is no duration"),
        ("{queue} --threshold 1 --window 0s", 1, "evaluation_window: use a duration longer than 0s"),
        ("{broken} --threshold 1", 1, 'line 3: "now" is no time'),
        ("{header} --threshold 1", 1, "begins with a header that names timestamp and value"),
        ("{no_json} --threshold 1", 1, "no JSON"),
        ("{binary} --threshold 1", 1, "can't decode byte"),
        ("{ages} --threshold 1 --step 1ms", 1, "use a step of at least"),
        ("{ages} --rule {anomaly}", 1, "they lie too far apart"),
        ("{queue} --threshold 1 --step 0s", 2, "longer than 0s"),
        ("{queue} --rule {yaml}", 1, "while parsing"),
        ("{queue} --rule {text}", 1, "Invalid input type"),
        ("{queue} --rule {binary_rule}", 1, "binary.yaml"),
        ("{queue} --rule {wrong}", 1, "treshold: Unknown field; did you mean threshold?"),
        ("{queue} --rule {together}", 1, "season: only the operator anomaly has a season"),
        ("{queue} --rule {prometheus}", 1, "the samples of a query are with its server"),
        ("--stored --rule {prometheus}", 1, "the samples of a query are with its server"),
        ("{queue} --threshold 1 --labelled {no_json}", 1, "no JSON"),
        ("{queue} --threshold 1 --labelled {binary}", 1, "no JSON"),
        ("{queue} --threshold 1 --labelled {windows}", 1, "--labelled: use [[start, end], ...]"),
        ("{queue} --threshold 1 --labelled {number}", 1, "--labelled: use [[start, end], ...]"),
        ("{queue} --threshold 1 --labelled {late}", 1, '"noon" is no time'),
    ],
)
def test_a_mistake_is_told_without_a_traceback(backtest, given, words, status, said):
    answer = backtest(*[word.format(**given) for word in words.split()])
    assert answer.exit_code == status, (answer.output, answer.exception)
    assert said in answer.output.replace("\n", " ")
    assert "Traceback" not in answer.output
    assert answer.exception is None or isinstance(answer.exception, SystemExit)
