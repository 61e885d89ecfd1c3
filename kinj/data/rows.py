"""From a source to its raw objects, one after another, each with its place."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path
from typing import Any

import orjson

from kinj.config.errors import KinjError, UsageError
from kinj.data.decompress import open_plain
from kinj.data.forms import Json, RecordError
from kinj.data.rejects import Place, Rejects
from kinj.data.rundir import CONFIG, EVENTS

CORPUS_HINT = "make one of generated people: kinj show data biographies -n 50 > corpus.jsonl"
NO_GZIP_HINT = "its name ends in .gz, and it, or what follows a part of it, is not gzip: rename it, or copy it again"
TEXT_ENDINGS = (".txt", ".md")
COMPRESSED = (".gz", ".zst")
CARD = ".README.md"
"""End of the name of what `kinj augment` puts beside its output, with `.stats.json`; it is no document."""
RECORDS = {EVENTS: CONFIG, "trials.jsonl": "sweep.yaml"}
"""Files that a folder holds both of where it is a run, or a sweep."""
_BOM = b"\xef\xbb\xbf"


def ending(source: str) -> str:
    """The ending that tells the form: `.jsonl` for `a.jsonl.gz`."""
    path = Path(source)
    return Path(path.stem).suffix.lower() if path.suffix in COMPRESSED else path.suffix.lower()


def read_rows(source: str, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    """The objects of a source with their places. Lines that are no JSON object go to `rejects`.

    Args:
        source: a file (JSON lines, `.json`, `.csv`, `.tsv`, `.parquet`, `.txt`, `.md`; `.gz` or `.zst` of them), a folder of
            `.txt` and `.md` files or of shards (with `manifest.json`), or `hf:NAME[:split]`.
        rejects: takes what is no object.

    Raises:
        UsageError: there is no such file, folder or data set.
        KinjError: it is damaged.
        BadRecord: a line is bad and the policy is to stop.
    """
    if source.startswith("hf:"):
        from kinj.data.hub import hub_rows

        yield from hub_rows(source)
        return
    path = find(source)
    if path.is_dir():
        yield from _folder_rows(source, path, rejects)
        return
    if has_lines(source):
        yield from _line_rows(source, rejects)
        return
    readers = {".json": _json_rows, ".csv": _table_rows, ".tsv": _table_rows, ".txt": _text_row, ".md": _text_row}
    with _damage_explained(source):
        if ending(source) == ".parquet":
            from kinj.data.parquet import parquet_rows

            yield from parquet_rows(source, path)
        else:
            yield from readers[ending(source)](source, path, rejects)


def find(source: str, hint: str = CORPUS_HINT) -> Path:
    """The path of a source that is not a hub's.

    Args:
        hint: what to do where nothing is there.

    Raises:
        UsageError: nothing is there.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"{source} does not exist", hint)
    return path


def has_lines(source: str) -> bool:
    """Whether a source is one file with an object on each line, compressed or not."""
    special = (".json", ".csv", ".tsv", ".parquet", *TEXT_ENDINGS)
    return not source.startswith("hf:") and not find(source).is_dir() and ending(source) not in special


def read_lines(source: str) -> Iterator[tuple[int, bytes]]:
    """The lines of such a file that are not blank, as they stand there, with their numbers.

    Raises:
        UsageError: there is no such file.
        KinjError: it is damaged.
    """
    path = find(source)
    with _damage_explained(source), open_plain(path) as stream:
        for number, line in enumerate(stream, start=1):
            plain = _without_mark(source, line) if number == 1 else line
            if not plain.isspace() and plain:
                yield number, plain


def read_object(line: bytes) -> Json:
    """The object on a line.

    Raises:
        RecordError: it holds none.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _second_opinion(line)
    if isinstance(value, dict):
        return value
    if isinstance(value, _NotJson):
        raise RecordError(f"is not valid {value.what} ({value.why})")
    raise RecordError(f"is not an object but {_name(value)}")


def _line_rows(source: str, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    for number, line in read_lines(source):
        try:
            yield Place(source, number), read_object(line)
        except RecordError as error:
            rejects.reject(Place(source, number), error.reason, line.rstrip(b"\r\n"))


def _without_mark(source: str, start: bytes) -> bytes:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise KinjError(f"{source} is UTF-16, and kinj reads UTF-8", f"iconv -f UTF-16 -t UTF-8 {source} > NEW-FILE")
    return start.removeprefix(_BOM)


class _NotJson:
    def __init__(self, why: str, what: str = "JSON") -> None:
        self.why = why
        self.what = what


def _second_opinion(line: bytes) -> Any:
    """What the standard library reads (it takes lone surrogates and any whole number), or why it is not JSON."""
    try:
        text = line.decode().rstrip("\r\n")  # else a line cut inside a string would be blamed for its line end
    except UnicodeDecodeError as error:
        return _NotJson(f"byte {error.start + 1} of the line is 0x{line[error.start]:02x}", "UTF-8")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return _NotJson(_why(error, text))
    except ValueError as error:
        return _NotJson(str(error))
    except RecursionError:
        return _NotJson("it is nested too deeply")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


def _why(error: json.JSONDecodeError, text: str) -> str:
    if error.msg.startswith("Unterminated string"):
        return "it ends inside a string"
    if error.pos >= len(text.rstrip()):
        return "it ends inside an object or a list"
    if error.msg == "Extra data":
        return f"more follows after its end, at column {error.colno}"
    return f"{error.msg[0].lower()}{error.msg[1:]} at column {error.colno}"


def _json_rows(source: str, path: Path, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    """One JSON array, several one after another, or one object a line: all forms met under `.json`."""
    with open_plain(path) as stream:
        data = _without_mark(source, stream.read())
    values: Iterable[Any]
    try:
        whole = orjson.loads(data)
        values = whole if isinstance(whole, list) else [whole]
    except orjson.JSONDecodeError:
        values = _values_in_turn(source, data)
    for number, value in enumerate(values, start=1):
        if isinstance(value, dict):
            yield Place(source, number, "record"), value
        else:
            rejects.reject(Place(source, number, "record"), f"is not an object but {_name(value)}", json.dumps(value))


def _values_in_turn(source: str, data: bytes) -> Iterator[Any]:
    """JSON values one after another; arrays give their items.

    Raises:
        KinjError: it is not JSON from some line on. What follows cannot be trusted, so no policy passes over it.
    """
    text, position = "", 0
    decoder = json.JSONDecoder()
    try:
        text = data.decode()
        while position < len(text.rstrip()):
            start = len(text) - len(text[position:].lstrip())
            value, position = decoder.raw_decode(text, start)
            yield from value if isinstance(value, list) else [value]
    except json.JSONDecodeError as error:
        raise KinjError(
            f"{source} line {error.lineno:,} is not valid JSON ({_why(error, text)})", "fix the file"
        ) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise KinjError(f"{source} line {line:,} is not valid UTF-8", "save the file as UTF-8") from error


def _table_rows(source: str, path: Path, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    with open_plain(path) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, delimiter="\t" if ending(source) == ".tsv" else ",")
        try:
            for row in reader:
                place = Place(source, reader.line_num)
                if None in row or None in row.values():
                    rejects.reject(
                        place, "has another number of columns than the first line", json.dumps(list(row.values()))
                    )
                else:
                    yield place, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise KinjError(f"{source} is not a table after line {reader.line_num:,} ({error})") from error


def _text_row(source: str, path: Path, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    yield from _one_text(Place(source), path, path.name, rejects)


def _folder_rows(source: str, root: Path, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    if shards := _shards(root):
        for name in shards:
            yield from read_rows(os.path.join(source, name), rejects)
        return
    files = list(_files(root))
    records = {path.parent for path in files if path.name in RECORDS and (path.parent / RECORDS[path.name]).exists()}
    if root in records:
        way = f"to go on with a run: kinj train -o {source} --resume; to start from what it learned: --model {source}"
        raise UsageError(f"{source} is a run or a sweep, and no folder of documents", way)
    texts = [path for path in files if ending(path.name) in TEXT_ENDINGS and records.isdisjoint(path.parents)]
    if not texts:
        found = ", ".join(sorted({ending(path.name) or path.name for path in files})) or "nothing"
        raise KinjError(
            f"{source} holds no .txt or .md file (it holds: {found})", f"name a file in it, or {CORPUS_HINT}"
        )
    for path in files:
        place = Place(os.path.join(source, path.relative_to(root)))
        if path.name.endswith(CARD) and path.with_name(path.name.removesuffix(CARD) + ".stats.json").exists():
            rejects.pass_over(place, "cards of views")
        elif not records.isdisjoint(path.parents):
            rejects.pass_over(place, "files of runs")
        elif path in texts:
            with _damage_explained(place.source):
                yield from _one_text(place, path, path.relative_to(root).as_posix(), rejects)
        else:
            rejects.pass_over(place, "files that are not .txt or .md")


def _shards(root: Path) -> list[str]:
    """Names of the files of a folder that `kinj augment` wrote; none of any other folder."""
    try:
        return [str(entry["file"]) for entry in orjson.loads((root / "manifest.json").read_bytes())["shards"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _files(root: Path) -> Iterator[Path]:
    """Every file below, in the order of its path's parts; names that begin with a dot are skipped, links to folders too."""
    for entry in sorted(root.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from () if entry.is_symlink() else _files(entry)
        else:
            yield entry


def _one_text(place: Place, path: Path, identity: str, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    with open_plain(path) as stream:
        data = _without_mark(place.source, stream.read())
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = Place(place.source, data[: error.start].count(b"\n") + 1)
        rejects.reject(line, f"is not valid UTF-8 (byte 0x{data[error.start]:02x})", data)
        return
    if text.strip():
        yield place, {"id": identity, "text": text}
    else:
        rejects.pass_over(place, "empty files")


@contextmanager
def _damage_explained(source: str) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise KinjError(
            f"{source} ends before its compressed data does", "it was cut off: copy or download it again"
        ) from error
    except OSError as error:
        hint = NO_GZIP_HINT if isinstance(error, BadGzipFile) else ""
        raise KinjError(f"{source} cannot be read: {error.strerror or error}", hint) from error


def _name(value: object) -> str:
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
