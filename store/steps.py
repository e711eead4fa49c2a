"""Named steps on a message's way at which a test may kill the process: a test's hook, nothing in normal life."""

import os
import signal
import threading

_asked, _, _time = os.environ.get("LAPOR_STOP_AT", "").partition(":")
_stop_at: str | None = _asked or None
_left = int(_time or 1)
_lock = threading.Lock()
_with: list[int] = []


def dies_with(server: int) -> None:
    """A power cut takes the server too whose process beside it comes to the step."""
    _with[:] = [server]


def reached(step: str) -> None:
    """Kill this process (SIGKILL, as a power cut would) when LAPOR_STOP_AT names the step, else do nothing.

    LAPOR_STOP_AT is `step` or `step:N`: at the Nth time that this process comes to it, in whichever thread.
    """
    if _stop_at is not None and _stop_at == step:
        _count_down()


def _count_down() -> None:
    global _left  # noqa: PLW0603  (one process, one count)
    with _lock:
        _left -= 1
        if _left == 0:
            for pid in (*_with, os.getpid()):
                os.kill(pid, signal.SIGKILL)
