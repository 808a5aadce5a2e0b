"""The real system, started as a user starts it, in a directory and on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import requests

from tests.conditions import eventually

ROOT = Path(__file__).parents[2]
WELL = "Everything is well."
START_S = 150.0


class System:
    """One `python -m app.up`: start it, call its API, read its logs, kill its processes, stop it."""

    def __init__(self, home, **settings):
        self.home = home
        self.ports = dict(zip(("PORT", "DASHBOARD_PORT", "FLOWER_PORT"), free_ports(3), strict=True))
        self.settings = {"HOME": home, **self.ports, "COLLECTOR_INTERVAL": "1s", **settings}
        self.launcher = None
        self.n_starts = 0

    def start(self):
        """Start it and wait until it says that all is well."""
        self.launch()
        eventually(self._is_well, within=START_S, every=0.1, what="the system to be well")
        return self

    def launch(self):
        """Start it and do not wait."""
        self.n_starts += 1
        with self.output_file.open("wb") as out:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "app.up"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        return self.launcher

    def stop(self, number=signal.SIGINT):
        """End it as Ctrl-C does; its exit status."""
        self.launcher.send_signal(number)
        return self.launcher.wait(60)

    def kill(self, name):
        """kill -9 one process by its name in the Procfile; the process id that it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, name):
        """The id of the process that supervisord started under this name."""
        if name == "supervisord":
            return int((self.home / "supervisord.pid").read_text())
        found = [
            process
            for process in self.processes()
            if variables(process).get("SUPERVISOR_PROCESS_NAME") == name and process.ppid() == self.pid("supervisord")
        ]
        assert len(found) == 1, f"{name}: {found}"
        return found[0].pid

    def processes(self):
        """Every living process that was given this HOME, whoever started it."""
        return [one for one in psutil.process_iter() if variables(one).get("ALERTING_HOME") == str(self.home)]

    def is_gone(self):
        """Whether no process is left."""
        return not self.processes()

    def api(self, method, path, *, token=None, **more):
        """The answer of the API, called with the admin token unless another is given."""
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=10, **more)

    def get(self, path, **params):
        """The JSON at `path`; AssertionError for anything but a 200."""
        answer = self.api("GET", path, params=params)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    @property
    def environment(self):
        """What a user's shell would hold, and nothing of the test run's own settings."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith("ALERTING_") and name != "PORT"}
        return {**kept, **{f"ALERTING_{name}": str(value) for name, value in self.settings.items()}}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['PORT']}"

    @property
    def dashboard_url(self):
        return f"http://127.0.0.1:{self.ports['DASHBOARD_PORT']}"

    @property
    def flower_url(self):
        return f"http://127.0.0.1:{self.ports['FLOWER_PORT']}"

    @property
    def token(self):
        return (self.home / "token").read_text().strip()

    @property
    def output_file(self):
        return self.home.with_name(f"{self.home.name}-{self.ports['PORT']}-{self.n_starts}.out")

    @property
    def output(self):
        """What the launcher said since its last start."""
        return self.output_file.read_text()

    def log(self, name):
        """The log of a process so far."""
        return (self.home / "logs" / f"{name}.log").read_text(errors="replace")

    def _is_well(self):
        # Not an AssertionError: there is nothing left to wait for.
        if self.launcher.poll() is not None:
            raise RuntimeError(f"the launcher ended with {self.launcher.returncode}:\n{self.output}")
        return WELL in self.output


def free_ports(n_ports):
    """Ports that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n_ports)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def variables(process):
    """A process's environment; empty for one that is gone, going, or not ours."""
    try:
        return {} if process.status() == psutil.STATUS_ZOMBIE else process.environ()
    except (psutil.Error, OSError):
        return {}
