"""What kinj says when something is wrong: what, where, why, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DONE, FAILED, USAGE, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done; failed (wrong content included); wrong usage or settings; some records or trials failed; Ctrl-C."""


class KinjError(Exception):
    """A failure whose message is meant for the user.

    Args:
        what: one sentence: what is wrong, where (file and line, or full key) and why.
        hint: what to do next, ideally a command to copy; may span lines.
    """

    exit_code = FAILED

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join([f"error: {self.what}", *(f"  {line}" for line in self.hint.splitlines())])


class UsageError(KinjError):
    """Wrong usage: a bad setting, a path that does not exist, an output that is in the way."""

    exit_code = USAGE


class UnfinishedError(KinjError):
    """Stopped on the way with everything done so far kept. The command line adds the command that goes on."""


class InterruptError(KinjError):
    """Stopped by the user (Ctrl-C). The hint is the command that continues."""

    exit_code = INTERRUPTED

    def __str__(self) -> str:
        return "\n".join([self.what, *(f"  {line}" for line in self.hint.splitlines())])


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the settings: the full key, where the value came from, and what is wrong with it."""

    key: str
    origin: str
    text: str


class SettingsError(UsageError):
    """Every problem found in the settings, at once."""

    def __init__(self, problems: Sequence[Problem], hint: str = "") -> None:
        self.problems = list(dict.fromkeys(problems))  # each value of a list may say the same of its key
        count = len(self.problems)
        widths = [max(len(getattr(p, field)) for p in self.problems) for field in ("key", "origin")]
        lines = [f"{p.key:<{widths[0]}}  {p.origin:<{widths[1]}}  {p.text}" for p in self.problems]
        what = f"{count} problem{'s' if count != 1 else ''} in the settings; nothing was started"
        super().__init__(what, "\n".join([*lines, *([hint] if hint else [])]))
