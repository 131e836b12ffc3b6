"""The pipe to the supervisor: its end is this process's SIGTERM; a killed supervisor leaves no orphan.

The supervisor holds the writing end and never writes; the system closes it with the supervisor, however that
ends. The reading end is inherited, and its number is in the environment, not among the options: nobody but
the supervisor has a use for it.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from typing import Final

VARIABLE: Final = "GPUTAIL_PARENT_PIPE"
GRACE_S: Final = 20.0
"""From the SIGTERM to the end by force."""


def watch_parent() -> None:
    """Begin to watch, where a supervisor started this process; OSError where the number is no pipe."""
    text = os.environ.pop(VARIABLE, None)
    if text is None:
        return
    if not (text.isdigit() and _is_pipe(int(text))):
        raise OSError(f"{VARIABLE}={text} is no pipe to a supervisor; unset it")
    os.set_inheritable(int(text), False)
    threading.Thread(target=_watch, args=(int(text),), name="parent", daemon=True).start()


def _is_pipe(number: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


def _watch(number: int) -> None:
    while os.read(number, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
