"""Waits until everything is well, and afterwards tells what happens to the processes."""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from subprocess import Popen

from app.core.clock import monotonic
from app.settings import Settings
from app.up import health, supervision
from app.up.procfile import Process
from app.up.screen import last_lines, say
from app.up.supervision import State

LONGEST_START_S = 120.0
_LOOK_EVERY_S = 0.25
_WATCH_EVERY_S = 1.0
_STEADY_S = 2
_N_STARTS = 3  # dying once may be bad luck: a port that is still closing, a store that still reads its file
Starts = dict[str, set[int]]  # process ids seen of each process


class DidNotStart(Exception):
    """What keeps the system from getting well, with the last lines of its log."""


def wait_for_store(home: Path, supervisor: Popen[bytes], began: float) -> None:
    """Return once the private Valkey answers; DidNotStart when it keeps dying or does not answer within 30 s."""
    starts: Starts = defaultdict(set)
    while not health.store_answers(home / "valkey.sock"):
        _fail_without(supervisor, home)
        _note(starts, supervision.states(home))
        _fail_on_deaths(home, starts, [supervision.STORE])
        if monotonic() - began > 30:
            raise DidNotStart(with_log(home, f"{supervision.STORE} does not answer", supervision.STORE))
        time.sleep(0.05)


def start_processes(home: Path, supervisor: Popen[bytes], began: float) -> None:
    """Start the product's own processes, once supervisord takes the order."""
    while not supervision.start_processes(home):
        _fail_without(supervisor, home)
        if monotonic() - began > LONGEST_START_S:
            raise DidNotStart(with_log(home, "supervisord does not answer", "supervisord"))
        time.sleep(0.05)


def wait_until_well(settings: Settings, supervisor: Popen[bytes], processes: Sequence[Process], began: float) -> None:
    """Say of each process when it is well; DidNotStart when one keeps dying or is not well in time."""
    home, width = settings.home, max(len(process.name) for process in processes)
    waiting = {process.name: process.command for process in processes}
    starts: Starts = defaultdict(set)
    while waiting:
        _fail_without(supervisor, home)
        now = supervision.states(home)
        _note(starts, now)
        _fail_on_deaths(home, starts, waiting)
        parts = health.system_parts(settings)
        for name, command in list(waiting.items()):
            if _is_steady(now.get(name)) and health.is_well(settings, name, command, parts):
                say(f"  {name:<{width}}  ok after {monotonic() - began:.1f} s")
                del waiting[name]
        if waiting and monotonic() - began > LONGEST_START_S:
            raise DidNotStart(_not_well(home, waiting, parts))
        time.sleep(_LOOK_EVERY_S)


def watch(home: Path, supervisor: Popen[bytes]) -> None:
    """Say which process died and was started again; returns when supervisord itself has ended."""
    known: dict[str, State] = {}
    while supervisor.poll() is None:
        now = supervision.states(home)
        for name, state in now.items():
            if name in known and (line := change(known[name], state)):
                say(line)
        known |= now
        time.sleep(_WATCH_EVERY_S)


def change(before: State, now: State) -> str | None:
    """A line when a process died or came back; None when nothing happened to it."""
    if before.running and not now.running:
        return f"{now.name} died and will be started again; `make logs` shows why"
    if now.running and not before.running:
        return f"{now.name} runs again (process {now.pid})"
    if now.pid != before.pid:
        return f"{now.name} died and was started again (process {now.pid})"
    return None


def _is_steady(state: State | None) -> bool:
    """Whether it runs, and long enough for one that dies at its start to have died."""
    return state is not None and state.running and state.up_s >= _STEADY_S


def _fail_without(supervisor: Popen[bytes], home: Path) -> None:
    if supervisor.poll() is not None:
        raise DidNotStart(with_log(home, f"supervisord ended (status {supervisor.returncode})", "supervisord-output"))


def _note(starts: Starts, now: Mapping[str, State]) -> None:
    for state in now.values():
        if state.pid:
            starts[state.name].add(state.pid)


def _fail_on_deaths(home: Path, starts: Starts, names: Collection[str]) -> None:
    for name in names:
        if len(starts[name]) >= _N_STARTS:
            raise DidNotStart(with_log(home, f"{name} keeps dying", name))


def _not_well(home: Path, waiting: Mapping[str, str], parts: Mapping[str, tuple[bool, str]]) -> str:
    """All that is known of what is not well yet."""
    lines = [f"not well after {LONGEST_START_S:.0f} s: {', '.join(waiting)}"]
    lines += [f"  {name}: {detail}" for name, (ok, detail) in parts.items() if not ok]
    return "\n".join([*lines, *(with_log(home, name, name) for name in waiting)])


def with_log(home: Path, what: str, name: str) -> str:
    """`what`, and the end of the log that tells why."""
    path = home / "logs" / f"{name}.log"
    shown = [f"    {line[:400]}" for line in last_lines(path)] or ["    (empty)"]
    return "\n".join([f"{what}; the end of {path}:", *shown])
