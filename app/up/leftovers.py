"""Finds and ends the processes that a launcher left behind when it could not end them itself."""

import contextlib
from pathlib import Path

import psutil


def control_socket(home: Path) -> Path:
    """Where HOME's supervisord takes orders; a short name, because the whole path must be."""
    return home / "ctl"


def server_url(home: Path) -> str:
    """The address of HOME's supervisord; supervisord hands it to each of its processes, so it marks them as ours."""
    return f"unix://{control_socket(home)}"


def processes_of(home: Path) -> list[psutil.Process]:
    """The living processes that belong to HOME's supervisord, itself included."""
    marker, config = server_url(home), str(home / "supervisord.conf")
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("SUPERVISOR_SERVER_URL") == marker or _is_supervisord(process, config):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # gone, or not ours to look at
    return found


def end_leftovers(home: Path, patience: float = 12.0) -> int:
    """End what still runs for HOME: wait for those that are stopping already, then kill; how many there were."""
    found = processes_of(home)
    if not found:
        return 0
    # A supervisord ends its processes itself, in order; without one each is asked.
    config = str(home / "supervisord.conf")
    for process in [one for one in found if _is_supervisord(one, config)] or found:
        _send(process, kill=False)
    psutil.wait_procs(found, timeout=patience)
    for process in processes_of(home):
        _send(process, kill=True)
    psutil.wait_procs(processes_of(home), timeout=5)
    return len(found)


def _is_supervisord(process: psutil.Process, config: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return config in command and "supervisor.supervisord" in command


def _send(process: psutil.Process, *, kill: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        if kill:
            process.kill()
        else:
            process.terminate()
