"""Runs a command whose life is tied to its parent's: `python -m app.up.tied SIGNAL COMMAND [ARGUMENT ...]`.

When the parent dies, however it dies, the kernel sends SIGNAL to the command. Where the kernel cannot (macOS), the
command simply runs, and the next start ends what was left behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command; never returns."""
    name, *command = arguments
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.Signals[name]), 0, 0, 0)
    if os.getppid() != parent:  # it died in between, so no signal will come
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 (replacing this process is the purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
