"""Replies kept on disk: what was answered once is never asked, nor paid for, again."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import UsageError
from kinj.data.files import to_json
from kinj.data.rejects import stem
from kinj.data.writers import raise_explained

_BEGIN = b'{"key":"'


@dataclass(frozen=True)
class Reply:
    """What came back: the text, or what is wrong (`problem`, in words that follow "the reply"), and the tokens used.

    `final`: asking once more would not help.
    """

    text: str = ""
    problem: str = ""
    final: bool = False
    tokens_in: int = 0
    tokens_out: int = 0


def key_of(request: dict[str, Any]) -> str:
    """Stands for a whole request: where it goes, the model, the messages and how the reply is drawn."""
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()


def default_path(output: Path) -> Path:
    """Where the replies behind an output are kept: `views.jsonl` has `views.requests.jsonl` beside it."""
    return output.with_name(f"{stem(output.name)}.requests.jsonl")


def failed_path(output: Path) -> Path:
    """Where the views that could not be had are listed: `views.jsonl` has `views.failed.jsonl` beside it."""
    return output.with_name(f"{stem(output.name)}.failed.jsonl")


class KeptReplies:
    """A file with one reply a line, only ever added to. In memory is only where each reply stands.

    Args:
        path: the file; None keeps replies in memory only.

    Raises:
        UsageError: it cannot be written, is no such file, or another run is using it.

    Attributes:
        tokens_in, tokens_out: tokens of everything in the file.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.tokens_in = self.tokens_out = 0
        self._size = 0
        self._places: dict[bytes, tuple[int, int]] = {}
        self._recent: dict[bytes, Reply] = {}
        if path is not None:
            self._file = _open(path)
            try:
                self._read(path)
            except UsageError:
                self._file.close()
                raise

    def __len__(self) -> int:
        return len(self._places) + len(self._recent)

    def __contains__(self, key: str) -> bool:
        identity = bytes.fromhex(key)
        return identity in self._places or identity in self._recent

    def get(self, key: str) -> Reply | None:
        """The reply to a request, if there is one."""
        identity = bytes.fromhex(key)
        if identity not in self._places:
            return self._recent.get(identity)
        start, length = self._places[identity]
        return _reply(orjson.loads(os.pread(self._file.fileno(), length, start)))

    def put(self, key: str, reply: Reply) -> None:
        """Keeps a reply. It is safe on disk when this returns.

        Raises:
            KinjError: the disk is full.
            UsageError: the file cannot be written.
        """
        identity = bytes.fromhex(key)
        self._count(reply)
        if self.path is None:
            self._recent[identity] = reply
            return
        line = to_json({"key": key, **asdict(reply)}) + b"\n"
        try:
            self._append(line)
        except OSError as error:
            self._file.truncate(self._size)  # a part of a line would spoil what comes after it
            raise_explained(self.path, error)
        self._places[identity] = (self._size, len(line))
        self._size += len(line)

    def _append(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Lets another run use the file."""
        if self.path is not None:
            self._file.close()

    def _read(self, path: Path) -> None:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n") and (line.startswith(_BEGIN) or _BEGIN.startswith(line)):
                    break  # a kill in the middle of a write
                try:
                    row = orjson.loads(line)
                    identity = bytes.fromhex(row["key"])
                    self._count(_reply(row))
                except (KeyError, TypeError, ValueError):
                    problem = f"{path} line {number:,} is not a kept reply"
                    raise UsageError(problem, "name another file: augment.llm.cache=FILE") from None
                self._places[identity] = (self._size, len(line))
                self._size += len(line)
        self._file.truncate(self._size)

    def _count(self, reply: Reply) -> None:
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out


def _reply(row: dict[str, Any]) -> Reply:
    return Reply(**{name: row[name] for name in Reply.__dataclass_fields__})


def _open(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise_explained(path, error)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UsageError(
            f"another run is using {path}", "wait for it, or name another file: augment.llm.cache=FILE"
        ) from error
    return file
