"""Writing that leaves either the whole new content or the old one, whatever happens in between."""

from __future__ import annotations

import errno
import gzip
import itertools
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import orjson

from kinj.config.errors import KinjError, UsageError
from kinj.data.forms import record_to_json
from kinj.data.records import Record

FULL = (errno.ENOSPC, errno.EDQUOT)
_LEFTOVER = re.compile(r"\..+\.tmp-\d+-\d+")
_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
"""How safetensors and tokenizers tell what the system said, in errors that are no OSError."""
_counter = itertools.count()
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is what an interrupted write left behind."""
    return _LEFTOVER.fullmatch(path.name) is not None


def to_json(value: Any, indent: bool = False) -> bytes:
    """Compact (or indented) JSON in UTF-8. Numbers that are not finite become null; lone surrogates are escaped."""
    try:
        if not indent:
            return orjson.dumps(value)  # what it can write without options comes out the same, and faster
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        pass
    try:
        return orjson.dumps(value, default=str, option=_OPTIONS | (orjson.OPT_INDENT_2 if indent else 0))
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        import json

        # What orjson refuses: lone surrogates and whole numbers beyond 64 bits.
        layout: Any = {"indent": 2} if indent else {"separators": (",", ":")}
        return json.dumps(_finite(value), default=str, allow_nan=False, **layout).encode()


def to_line(value: Any) -> bytes:
    """The same with the end of a line."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)  # a copy of the line is saved
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return to_json(value) + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def atomic_write(path: str | Path, data: bytes | str) -> None:
    """Puts `data` at `path`; missing folders are made. After any failure the old file is still there, unchanged.

    Raises:
        KinjError: the disk is full.
        UsageError: the path cannot be written.
    """
    with atomic_open(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextmanager
def atomic_open(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write whose content appears at `path` when the block ends without an exception.

    Raises:
        KinjError: the disk is full.
        UsageError: the path cannot be written.
    """
    target = Path(path)
    temporary = _beside(target)
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    try:
        with _explained(target, FULL), file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with _explained(target):
            temporary.replace(target)
            _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill that appears, complete, at `path` when the block ends without an exception.

    Raises:
        OSError: it could not be written (or `path` exists); nothing is left behind. The caller knows what to say.
    """
    target = Path(path)
    if target.exists():
        raise FileExistsError(errno.EEXIST, "it exists", str(target))
    temporary = _beside(target)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for folder, _, names in os.walk(temporary):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    os.fsync(file.fileno())
            _sync_folder(Path(folder))
        temporary.rename(target)
        _sync_folder(target.parent)
    except Exception as error:
        number = None if isinstance(error, OSError) else _RUST_ERROR.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_records(path: str | Path, records: Iterable[Record]) -> int:
    """Writes records one per line; `.gz`, `.zst` and `.parquet` by name. Returns how many.

    Raises:
        KinjError: the disk is full, or a Parquet file is asked to hold text that is not valid Unicode.
        UsageError: the path cannot be written.
    """
    if Path(path).suffix == ".parquet":
        from kinj.data.parquet import write_parquet

        with atomic_open(path) as file:
            return write_parquet(file, records)
    count = 0
    with atomic_open(path) as file, _compressed(file, Path(path).suffix) as stream:
        for record in records:
            stream.write(to_line(record_to_json(record)))
            count += 1
    return count


@contextmanager
def _compressed(file: BinaryIO, suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".gz":
        # Neither name nor time goes in, so that equal records give equal bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as stream:
            yield cast(IO[bytes], stream)
    elif suffix == ".zst":
        import zstandard

        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as stream:
            yield stream
    else:
        yield file


def _beside(target: Path) -> Path:
    return target.parent / f".{target.name}.tmp-{os.getpid()}-{next(_counter)}"


@contextmanager
def _explained(path: Path, only: tuple[int, ...] | None = None) -> Iterator[None]:
    """Turns an OSError (with `only`: of these numbers) into words."""
    try:
        yield
    except OSError as error:
        raise_explained(path, error, only)


def raise_explained(path: Path, error: OSError, only: tuple[int, ...] | None = None) -> None:
    """Raises what to tell the user when `path` could not be written, or the error itself.

    Raises:
        KinjError: the disk is full.
        UsageError: the path cannot be written for another reason (unless `only` leaves that one out).
    """
    if error.errno in FULL:
        hint = "free some room and run the command again; what was there before is untouched"
        raise KinjError(f"{path} could not be written: the disk is full", hint) from error
    if only is not None:
        raise error
    raise UsageError(f"{path} cannot be written: {error.strerror}", "choose another place with -o") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
