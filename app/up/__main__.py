"""`python -m app.up`: start everything, watch it, and end all of it on Ctrl-C, SIGTERM or a closed terminal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NoReturn

from app.core.clock import monotonic
from app.settings import Settings, SettingsError
from app.up import checks, supervision, watching
from app.up.checks import CannotStart
from app.up.leftovers import end_leftovers, processes_of
from app.up.procfile import Process, read_procfile
from app.up.screen import greeting, say
from app.up.watching import DidNotStart

_LOOPBACK = "127.0.0.0/8,::1/128"
_STOP_S = 3 * supervision.STOP_S


class Stopped(BaseException):
    """Somebody wants us to end."""


def main() -> int:
    """The exit status: 0 after an orderly end, 1 when something failed, 2 when nothing could be started."""
    _end_on_signals()
    os.umask(0o077)  # what the processes write is for this user only, also where HOME is not
    try:
        environment = development(os.environ)  # noqa: TID251 (handed on to the processes, settings read from it)
        settings = Settings.from_env(environment)
        checks.require_packages()
        private = checks.made_private(settings.home)
        checks.require_room(settings.home)
        with checks.only_launcher(settings.home):
            return _run(settings, environment, private=private)
    except (SettingsError, CannotStart, DidNotStart) as error:
        say(f"\n{error}")
        return 1 if isinstance(error, DidNotStart) else 2
    except Stopped:
        return 0


def development(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the development profile's defaults, and our programs first on the path."""
    programs = os.path.dirname(sys.executable)  # noqa: PTH120 (a Path would resolve nothing more here)
    return {
        "ALERTING_WEBHOOK_ALLOWED_NETWORKS": _LOOPBACK,
        "MALLOC_ARENA_MAX": "2",  # glibc gives each thread an arena of its own: much memory for nothing here
        "PYTHONUNBUFFERED": "1",
        **environ,
        "PATH": f"{programs}{os.pathsep}{environ.get('PATH', os.defpath)}",
    }


def _run(settings: Settings, environment: Mapping[str, str], *, private: bool) -> int:
    """Everything between the lock and its release."""
    home, began = settings.home, monotonic()
    if n_left := end_leftovers(home):
        say(f"Ended {n_left} processes that a former run had left behind.")
    checks.require_free_ports(settings)
    settings = settings.with_secrets()
    processes = read_procfile(supervision.ROOT / "Procfile.dev")
    stores = [supervision.private_valkey(settings)] if settings.embedded_redis else []
    (home / "valkey").mkdir(mode=0o700, exist_ok=True)
    supervision.write_config(home, stores, processes)
    environment = {**environment, **_resolved(settings)}
    say(f"Starting in {home}" + ("" if private else " (which others on this machine can read: chmod 700 it)"))
    supervisor: subprocess.Popen[bytes] | None = None
    allowed, greeted = environment["ALERTING_WEBHOOK_ALLOWED_NETWORKS"], False
    try:
        while True:
            supervisor = supervision.start_supervisord(home, environment)
            _bring_up(settings, supervisor, environment, processes, began)
            say("All is well again." if greeted else greeting(settings, loopback=allowed == _LOOPBACK))
            greeted = True
            watching.watch(home, supervisor)
            began = monotonic()
            say(f"supervisord died (status {supervisor.returncode}) and took all with it; starting everything again")
            end_leftovers(home)
    finally:
        _stop(settings, supervisor)


def _bring_up(
    settings: Settings,
    supervisor: subprocess.Popen[bytes],
    environment: Mapping[str, str],
    processes: Sequence[Process],
    began: float,
) -> None:
    """Stores, database, processes: in that order, each when the one before is ready."""
    if settings.embedded_redis:
        watching.wait_for_store(settings.home, supervisor, began)
        say(f"  {supervision.STORE} answers")
    _prepare(settings, environment)
    say("  database is migrated and seeded")
    watching.start_processes(settings.home, supervisor, began)
    watching.wait_until_well(settings, supervisor, processes, began)


def _prepare(settings: Settings, environment: Mapping[str, str]) -> None:
    path = settings.home / "logs" / "prepare.log"
    with path.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "app.up.tied", "SIGKILL", sys.executable, "-m", "app.up.prepare"],
            cwd=supervision.ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
    if done.returncode:
        raise DidNotStart(watching.with_log(settings.home, "the database cannot be prepared", "prepare"))


def _resolved(settings: Settings) -> dict[str, str]:
    """What the processes should not work out for themselves, because they may stand in another directory."""
    return {
        "ALERTING_HOME": str(settings.home),
        "ALERTING_BIND": settings.bind,
        "ALERTING_PORT": str(settings.port),
        "ALERTING_DASHBOARD_PORT": str(settings.dashboard_port),
        "ALERTING_FLOWER_PORT": str(settings.flower_port),
        "ALERTING_API_URL": settings.api_url,
        "ALERTING_DASHBOARD_URL": settings.dashboard_url,
    }


def _stop(settings: Settings, supervisor: subprocess.Popen[bytes] | None) -> None:
    """End everything in order: the processes at once, then the store; kill what does not end."""
    _on_signals(lambda *_: say("  still stopping"))
    say("\nStopping ...")
    if supervisor is not None and supervisor.poll() is None:
        supervisor.terminate()
        try:
            supervisor.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            supervisor.kill()  # the kernel takes the processes with it
    deadline = monotonic() + 2  # Gunicorn's worker needs a second to see that its parent has gone
    while processes_of(settings.home) and monotonic() < deadline:
        time.sleep(0.1)
    end_leftovers(settings.home, patience=2)
    say("Stopped. `make up` goes on where this ended.")


def _end_on_signals() -> None:
    def stop(number: int, frame: FrameType | None) -> NoReturn:
        _on_signals(signal.SIG_IGN)  # one is enough; _stop() answers further ones
        raise Stopped

    _on_signals(stop)


def _on_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number is signal.SIGINT:  # nohup: the terminal may close
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
