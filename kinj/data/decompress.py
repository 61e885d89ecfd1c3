"""Opening a file that may be compressed, so that a file cut off in the middle is an error and not a short file."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

_CHUNK = 1 << 20


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """The plain bytes of a file; `.gz` and `.zst` are decompressed.

    Raises:
        EOFError: the compressed data ends too early.
        OSError: it cannot be read or is not what its name says.
    """
    try:
        with path.open("rb") as raw, _plain(raw, path.suffix) as stream:
            yield cast(BinaryIO, stream)
    except zlib.error as error:
        raise OSError(f"the compressed data is damaged ({error})") from error


def _plain(raw: BinaryIO, suffix: str) -> IO[bytes]:
    if suffix == ".gz":
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
    if suffix == ".zst":
        return io.BufferedReader(_Zstandard(raw), _CHUNK)
    return raw


class _Zstandard(io.RawIOBase):
    """Reads all frames of a Zstandard file. The library's own reader takes a frame that is cut off for a complete one."""

    def __init__(self, raw: BinaryIO) -> None:
        import zstandard

        self._raw = raw
        self._library = zstandard
        self._frame: Any = None
        self._compressed = b""
        self._plain = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain and self._fill():
            pass
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _fill(self) -> bool:
        """Decompresses the next piece; False at the end."""
        self._compressed = self._compressed or self._raw.read(_CHUNK)
        if not self._compressed:
            if self._frame is not None:
                raise EOFError
            return False
        self._frame = self._frame or self._library.ZstdDecompressor().decompressobj()
        try:
            self._plain = self._frame.decompress(self._compressed)
        except self._library.ZstdError as error:
            raise OSError(f"the compressed data is damaged ({error})") from error
        self._compressed = self._frame.unused_data if self._frame.eof else b""
        self._frame = None if self._frame.eof else self._frame
        return True
