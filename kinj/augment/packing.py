"""Lines of records in the form a file's ending names, made shard by shard, and shards joined to one file."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from kinj.data.files import record_from_json
from kinj.data.rows import read_object

_COPY = 1 << 20


def pack(lines: bytes, suffix: str) -> bytes:
    """Lines as they stand in a file with this ending: each shard is a member of its own in `.gz`, a frame in `.zst`.

    Raises:
        KinjError: Parquet is asked to hold text that is not valid Unicode.
    """
    if suffix.endswith(".gz"):
        return gzip.compress(lines, 6, mtime=0)  # no time goes in, so that equal records give equal bytes
    if suffix.endswith(".zst"):
        import zstandard

        return zstandard.ZstdCompressor().compress(lines)
    if suffix == ".parquet":
        from kinj.data.parquet import write_parquet

        file = io.BytesIO()
        write_parquet(file, (record_from_json(read_object(line)) for line in lines.splitlines()))
        return file.getvalue()
    return lines


def join(file: BinaryIO, paths: Iterable[Path], suffix: str) -> None:
    """Writes packed shards to a file, one after another."""
    if suffix == ".parquet":
        from kinj.data.parquet import join_parquet

        join_parquet(file, paths)
        return
    for path in paths:
        with path.open("rb") as shard:
            shutil.copyfileobj(shard, file, _COPY)
