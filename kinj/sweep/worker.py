"""What runs in a worker's process: one call by name, and one attempt at a trial."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kinj.config.errors import DONE as CODE_DONE
from kinj.config.errors import FAILED as CODE_FAILED
from kinj.config.errors import INTERRUPTED as CODE_INTERRUPTED
from kinj.config.errors import KinjError, UsageError
from kinj.data.writers import FULL
from kinj.sweep.ledger import DONE, FAILED, INTERRUPTED, LEASE_SECONDS, PRUNED, FileLedger, Ledger
from kinj.sweep.pruning import PrunedError

TAKEN = 75
"""Exit code of an attempt that found the trial in other hands (EX_TEMPFAIL of sysexits.h)."""
GRACE_SECONDS = 60.0
"""A trial that was told to stop may finish its step and write a checkpoint; after so long it is ended."""


def find(name: str) -> Callable[..., Any]:
    """The function that `package.module:name` names.

    Raises:
        UsageError: there is none.
    """
    module, _, function = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"`{name}` names no function: {error}", "it is written package.module:function") from error
    return found


def attempt(sweep: str, trial: str, folder: str, entry: str, lease: str = "") -> int:
    """Takes a trial, runs it and says in the ledger how it went. Returns an exit code; what went wrong is on stderr.

    Args:
        sweep: folder of the ledger.
        trial: its identity.
        folder: its run directory, which holds its settings as `config.yaml`.
        entry: `package.module:function` of (path of the settings, folder) that leaves `results.json` there.
        lease: token of the lease, chosen by whoever wants to know what became of this attempt.
    """
    ledger = FileLedger(Path(sweep))
    taken = ledger.take(trial, lease)
    if taken is None:
        return TAKEN
    state, error = FAILED, ""
    try:
        with _kept(ledger, trial, taken):
            find(entry)(Path(folder) / "config.yaml", Path(folder))
        state, error = (DONE, "") if finished(Path(folder)) else (FAILED, f"{entry} left no results.json")
    except KeyboardInterrupt:
        state, error = INTERRUPTED, "interrupted"
    except PrunedError as judgement:
        state, error = PRUNED, str(judgement)
    except KinjError as problem:
        error = str(problem).removeprefix("error: ")
        state = INTERRUPTED if _for_lack_of_room(problem) else FAILED
    except BaseException as problem:  # also SystemExit: whatever ends a trial is written down
        error = f"{type(problem).__name__}: {problem}"
        state = INTERRUPTED if _for_lack_of_room(problem) else FAILED
        with suppress(OSError):
            traceback.print_exc()
    ledger.finish(trial, taken, state, error)
    if error:
        with suppress(OSError):  # the log is on the same disk, which may be full
            print(f"{'pruned' if state == PRUNED else 'error'}: {error}", file=sys.stderr, flush=True)
    return {DONE: CODE_DONE, PRUNED: CODE_DONE, FAILED: CODE_FAILED, INTERRUPTED: CODE_INTERRUPTED}[state]


def _for_lack_of_room(problem: BaseException) -> bool:
    """Whether the disk is full, which says nothing against the trial: it goes on when there is room."""
    return any(isinstance(error, OSError) and error.errno in FULL for error in (problem, problem.__cause__))


def finished(folder: Path) -> bool:
    """Whether a trial's results are there: training said that it ended, and the probes were written after it."""
    events = folder / "events.jsonl"
    if not (folder / "results.json").exists() or not events.exists():
        return False
    rows = events.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(_kind(row) == "finished" for row in rows)


def _kind(row: str) -> str:
    try:
        kind = json.loads(row).get("kind", "")
    except (ValueError, AttributeError):
        return ""  # a line that was cut off by a crash
    return str(kind)


@contextmanager
def _kept(ledger: Ledger, trial: str, lease: str) -> Iterator[None]:
    """Renews a lease in the background; if somebody else has taken the trial over, the work here is interrupted."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(LEASE_SECONDS / 5):
            if not ledger.renew(trial, lease):
                os.kill(os.getpid(), signal.SIGINT)  # unlike interrupt_main, also wakes the main thread from a wait
                return

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run_job(function: str, spec: Mapping[str, Any], log: str, environment: Mapping[str, str]) -> None:
    """Calls a function in this process, which was started for it alone, and ends it with the exit code that it returns.

    Args:
        function: `package.module:name`.
        spec: its arguments.
        log: file to which all output is added.
        environment: of the process that wanted the call; this one may have been forked from an older one.
    """
    try:
        _settle_in(log, environment)
        sys.exit(int(find(function)(**spec) or 0))
    except KeyboardInterrupt:
        sys.exit(CODE_INTERRUPTED)


def _settle_in(log: str, environment: Mapping[str, str]) -> None:
    """Makes this process one that works for itself: its own signals, output, environment and threads."""
    with open(os.devnull, "rb") as nothing, open(log, "ab") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    _use_threads(int(environment["OMP_NUM_THREADS"]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Last, since whoever stops jobs waits for the session: an interrupt while a thread is started may leave its lock held for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is started deaf to it
    os.setsid()  # Ctrl-C reaches the sweep only, which then stops its workers one way, once


def _end_with_parent() -> None:
    """Stops the work here, as Ctrl-C would, when the process that wanted it is gone without a word (SIGKILL, a lost node)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(GRACE_SECONDS)
        os._exit(CODE_INTERRUPTED)


def _use_threads(threads: int) -> None:
    """What torch reads from the environment when it is imported, where it has been imported already."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
