"""A process that holds a lease, and whether it still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

MACHINE_WIDE = "pid:[4026531836]"
"""The first namespace of process numbers (Linux, PROC_PID_INIT_INO); containers have others."""
ENDED = ("Z", "X")
"""States of a process that has ended and whose parent has not noticed yet."""


@dataclass(frozen=True)
class Holder:
    """A process somewhere. `started` tells it from a later process with the same number; empty where that is not known."""

    host: str
    pid: int
    started: str

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        return cls(_machine(), os.getpid(), _stat(os.getpid())[1])

    def alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be seen from here."""
        if self.host != _machine():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it lives and belongs to another user
        state, started = _stat(self.pid)
        if state in ENDED:
            return False
        return started == self.started if started and self.started else None


def _machine() -> str:
    """What process numbers belong to: this machine, or a container on it, whose name may be that of another one."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")
    except OSError:
        return socket.gethostname()
    return socket.gethostname() if numbers == MACHINE_WIDE else f"{socket.gethostname()} {numbers}"


def _stat(pid: int) -> tuple[str, str]:
    """A process's state letter and when it started, in clock ticks since the machine did (Linux, proc(5)); else empty."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything, brackets too
    return fields[0], fields[19]
