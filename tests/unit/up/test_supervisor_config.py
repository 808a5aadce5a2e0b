"""supervisord's configuration: what the Procfile says, and an order in which all of it ends."""

import configparser
import shlex

import pytest

from app.settings import Settings
from app.up.procfile import Process
from app.up.supervision import private_valkey, write_config


def written(home, stores, processes):
    config = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))  # as supervisord reads it
    config.read(write_config(home, stores, processes))
    return config


def test_each_process_is_restarted_for_ever_and_ends_with_its_children(tmp_path):
    config = written(tmp_path, [], [Process("web", "serve"), Process("beat", "tick")])

    for name in ("web", "beat"):
        program = config[f"program:{name}"]
        assert program["autorestart"] == "true"
        assert int(program["startretries"]) >= 100_000
        assert program["stopasgroup"] == program["killasgroup"] == "true"
        assert program["stdout_logfile"] == f"{tmp_path}/logs/{name}.log"
    assert config["group:alerting"]["programs"] == "web,beat"


def test_a_command_reaches_the_shell_as_it_stands(tmp_path):
    command = """celery worker -n worker@%h "a b" 'c' $PORT"""

    config = written(tmp_path, [], [Process("worker", command)])

    expanded = config["program:worker"]["command"].replace("%%", "%")
    assert shlex.split(expanded)[-1] == f"exec {command}"


def test_a_command_that_supervisord_would_cut_is_refused(tmp_path):
    with pytest.raises(ValueError, match="worker"):
        write_config(tmp_path, [], [Process("worker", "run ; run again")])


def test_the_store_starts_first_and_ends_last(tmp_path):
    store = private_valkey(Settings.from_env({"ALERTING_HOME": str(tmp_path)}))

    config = written(tmp_path, [store], [Process("web", "serve")])

    assert int(config["program:valkey"]["priority"]) < int(config["group:alerting"]["priority"])
    assert config["program:valkey"]["autostart"] == "true"
    assert config["program:web"]["autostart"] == "false"
    assert "valkey" not in config["group:alerting"]["programs"]
