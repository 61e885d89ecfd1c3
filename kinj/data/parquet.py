"""Records as Parquet. `meta` is a column of JSON texts, because its keys differ from record to record."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from kinj.config.errors import KinjError
from kinj.data.forms import Json, record_to_json
from kinj.data.records import Document, Record
from kinj.data.rejects import Place
from kinj.data.writers import to_json

_ROWS = 1024


def parquet_rows(source: str, path: Path) -> Iterator[tuple[Place, Json]]:
    """The rows of a Parquet file as JSON objects.

    Raises:
        KinjError: it is not a Parquet file, or a damaged one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=_ROWS)
            rows = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
            for number, row in enumerate(rows, start=1):
                yield Place(source, number, "row"), plain_row(row)
    except pa.ArrowInvalid as error:
        raise KinjError(f"{source} is not a complete Parquet file ({error})", "write or download it again") from error


def plain_row(row: dict[str, Any]) -> Json:
    """The row with JSON types only, and `meta` as an object where it is the text of one."""
    form = {key: _plain(value) for key, value in row.items()}
    if isinstance(form.get("meta"), str):
        try:
            meta = orjson.loads(form["meta"])
        except orjson.JSONDecodeError:
            return form
        form["meta"] = meta if isinstance(meta, dict) else form["meta"]
    return form


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def write_parquet(file: BinaryIO, records: Iterable[Record]) -> int:
    """Writes records of one sort as Parquet and returns how many.

    Raises:
        KinjError: documents and questions are mixed, or a text is not valid Unicode.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    iterator = iter(records)
    first = next(iterator, None)
    sort = Document if first is None else type(first)
    schema, count = _schema(sort is Document), 0
    with pq.ParquetWriter(file, schema) as writer:
        everything = iterator if first is None else itertools.chain([first], iterator)
        while batch := list(itertools.islice(everything, _ROWS)):
            if not all(type(record) is sort for record in batch):
                raise _mixed()
            try:
                writer.write_table(pa.Table.from_pylist([_row(record) for record in batch], schema))
            except UnicodeEncodeError as error:
                raise KinjError(
                    "a text is not valid Unicode; Parquet cannot hold it", "write JSON lines: NAME.jsonl"
                ) from error
            count += len(batch)
    return count


def join_parquet(file: BinaryIO, paths: Iterable[Path]) -> None:
    """Writes the records of Parquet files that `write_parquet` made to one file, a row group for each that holds any.

    Raises:
        KinjError: some hold documents and others questions.
    """
    import pyarrow.parquet as pq

    filled = (table for table in map(pq.read_table, paths) if table.num_rows)
    first = next(filled)
    with pq.ParquetWriter(file, first.schema) as writer:
        for table in itertools.chain([first], filled):
            if table.schema != first.schema:
                raise _mixed()
            writer.write_table(table)


def _mixed() -> KinjError:
    return KinjError("a Parquet file holds documents or questions, not both", "write JSON lines instead: NAME.jsonl")


def _row(record: Record) -> Json:
    form = record_to_json(record)
    return form | ({"meta": to_json(form["meta"]).decode()} if "meta" in form else {})


def _schema(documents: bool) -> Any:
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    view = pa.struct([("method", text), ("index", whole), ("seed", whole)])
    if documents:
        fact = pa.struct([("subject", text), ("relation", text), ("value", text), ("start", whole), ("end", whole)])
        columns = [("id", text), ("text", text), ("title", text), ("facts", pa.list_(fact))]
    else:
        texts = pa.list_(text)
        columns = [
            ("id", text),
            ("document", text),
            ("prompt", text),
            ("answers", texts),
            ("kind", text),
            ("choices", texts),
        ]
    return pa.schema([*columns, ("source", text), ("view", view), ("meta", text)])
