"""What happens to a bad line: the run stops and names it, or the line is set aside and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from kinj.config.errors import KinjError
from kinj.config.wording import counted
from kinj.data.base import DataSet

SET_ASIDE = "set aside as bad"
"""Reason under which accounts count lines that `--on-error skip` set aside."""
SKIP_HINT = "fix the line, or pass --on-error skip to set such lines aside"


@dataclass(frozen=True)
class Place:
    """Where a record was read: the source as the user wrote it, and the number of its line, row or record in it."""

    source: str
    number: int | None = None
    unit: str = "line"

    def __str__(self) -> str:
        return self.source if self.number is None else f"{self.source} {self.unit} {self.number:,}"


class BadRecord(KinjError):  # noqa: N818 (named for what it carries)
    """A record that cannot be used. `place` says where it is and `reason` why, in words that follow the place."""

    def __init__(self, place: Place, reason: str, hint: str = "") -> None:
        super().__init__(f"{place} {reason}", "\n".join(filter(None, [hint, SKIP_HINT])))
        self.place = place
        self.reason = reason
        self.own_hint = hint

    def __reduce__(self) -> tuple[type[BadRecord], tuple[Place, str, str]]:
        return type(self), (self.place, self.reason, self.own_hint)  # it travels between processes


def rejected_line(place: Place, reason: str, content: bytes | str) -> bytes:
    """What stands in a file of rejected lines about one of them."""
    from kinj.data.writers import to_json

    text = content.decode(errors="backslashreplace") if isinstance(content, bytes) else content
    return to_json({"file": place.source, place.unit: place.number, "reason": reason, "content": text}) + b"\n"


class Rejects:
    """Takes bad records. The file of rejected lines is made when the first one comes.

    Args:
        policy: `stop` raises; `skip` sets the line aside and goes on; `ignore` only goes on, for another look at a source that is
            read in earnest elsewhere.
        folder: where `NAME.rejected.jsonl` goes, NAME from the source; by default the current folder.
        name: name of that file instead, for example taken from an output: see `beside`.

    Attributes:
        count: lines set aside. A source that is read twice counts once.
        left_out: other things that were passed over, by reason (empty files).
    """

    def __init__(self, policy: str = "stop", folder: str | Path | None = None, name: str | None = None) -> None:
        self.policy = policy
        self.folder = Path(folder or ".")
        self.name = name
        self.files: list[Path] = []
        self.left_out: Counter[str] = Counter()
        self._seen: set[Place] = set()

    @classmethod
    def beside(cls, policy: str, output: str | Path) -> Rejects:
        """Bad lines go beside an output file: `views.jsonl` has `views.rejected.jsonl`."""
        return cls(policy, Path(output).parent, f"{stem(str(output))}.rejected.jsonl")

    @property
    def count(self) -> int:
        return self.left_out[SET_ASIDE]

    def reject(self, place: Place, reason: str, content: bytes | str, hint: str = "") -> None:
        """Stops with the reason, or sets the content aside.

        Raises:
            BadRecord: the policy is `stop`.
        """
        if self.policy == "stop":
            raise BadRecord(place, reason, hint)
        if self.policy == "ignore" or place in self._seen:
            return
        self._seen.add(place)
        self.left_out[SET_ASIDE] += 1
        self._write(place.source, rejected_line(place, reason, content))

    def pass_over(self, place: Place, reason: str) -> None:
        """Counts something that is not read and is no mistake."""
        if place not in self._seen:
            self._seen.add(place)
            self.left_out[reason] += 1

    def _write(self, source: str, line: bytes) -> None:
        from kinj.data.writers import raise_explained

        path = self.folder / (self.name or f"{stem(source)}.rejected.jsonl")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab" if path in self.files else "wb") as file:
                file.write(line)
        except OSError as error:
            raise_explained(path, error)
        if path not in self.files:
            self.files.append(path)


class Gathered(Rejects):
    """Bad records kept in memory, for work whose output is written piece by piece.

    Attributes:
        lines: what belongs in the file of rejected lines.
    """

    def __init__(self, policy: str) -> None:
        super().__init__(policy)
        self.lines: list[bytes] = []

    def take(self) -> tuple[list[bytes], Counter[str]]:
        """The lines and the counts since the last time."""
        taken = self.lines, +self.left_out
        self.lines, self.left_out = [], Counter()
        return taken

    def _write(self, source: str, line: bytes) -> None:  # noqa: ARG002 (all go to one place)
        self.lines.append(line)


def lines_set_aside(count: int) -> str:
    """How many, in words."""
    return f"{counted(count, 'line')} {'was' if count == 1 else 'were'} set aside"


def rejected(data: DataSet) -> int:
    """How many lines of a data set were set aside so far; more than none means exit code 3."""
    return sum(account.left_out[SET_ASIDE] for account in data.accounts)


def stem(source: str) -> str:
    """Name of a file without its folder and its endings: `a/corpus.jsonl.gz` and `corpus.txt` give `corpus`."""
    name = source.rstrip("/").rsplit("/", 1)[-1].removeprefix("hf:").replace(":", "-")
    for ending in (".gz", ".zst", ".jsonl", ".json", ".parquet", ".csv", ".tsv", ".txt", ".md"):
        name = name.removesuffix(ending) or name
    return name
