"""The processes that the product consists of, as the Procfiles and the compose file name them."""

import shlex
from pathlib import Path

import pytest
import yaml

from app.core.queue import TASKS
from app.up.health import parts_of
from app.up.procfile import Process, parse_procfile, read_procfile

ROOT = Path(__file__).parents[3]


def test_names_and_commands_in_order():
    text = '# all of it\n\nweb: gunicorn "app.web:create_app()"\nbeat:   celery beat: now \n'

    assert parse_procfile(text) == [
        Process("web", 'gunicorn "app.web:create_app()"'),
        Process("beat", "celery beat: now"),
    ]


@pytest.mark.parametrize(
    "text, said", [("web", "line 1"), ("web:", "line 1"), ("\nw b: x", "line 2"), ("a: b\na: c", "names a again")]
)
def test_a_line_that_is_none_is_named(text, said):
    with pytest.raises(ValueError, match=said):
        parse_procfile(text)


def queues_of(processes):
    workers = [shlex.split(process.command) for process in processes if " worker " in process.command]
    return [queue for words in workers for queue in words[words.index("-Q") + 1].split(",")]


@pytest.mark.parametrize("name", ["Procfile", "Procfile.dev"])
def test_every_queue_has_one_kind_of_worker(name):
    assert sorted(queues_of(read_procfile(ROOT / name))) == sorted([*TASKS, "maintenance"])


def test_development_and_production_run_the_same_but_for_the_workers():
    def others(name):
        return {one for one in read_procfile(ROOT / name) if " worker " not in one.command and one.name != "release"}

    assert others("Procfile") == others("Procfile.dev")


def test_the_compose_file_runs_what_the_procfile_says():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for process in read_procfile(ROOT / "Procfile"):
        command = services[process.name]["command"]
        words = command if isinstance(command, list) else shlex.split(command)
        if process.name == "release":
            assert words[-1] == process.command
        elif process.name == "dashboard":
            assert words[:3] == shlex.split(process.command)[:3]
        else:
            assert words[: len(shlex.split(process.command))] == shlex.split(process.command)


def test_a_process_answers_for_its_parts_of_the_health():
    assert parts_of("celery -A x worker -Q evaluation,maintenance") == ["worker:evaluation"]
    assert parts_of("celery -A x beat -S y") == ["beat"]
    assert parts_of("python -m app.collector") == []
