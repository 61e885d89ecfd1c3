"""Ctrl-C and the processes of a command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def deaf() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C from their first moment: it reaches all processes of a terminal, and the
    first one decides what it means."""
    if current_thread() is not main_thread():  # only there it can be done, and only there Ctrl-C arrives
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
