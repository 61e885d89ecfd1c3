"""The files of finished shards: what was made of each, and a marker that vouches for it.

`00000.jsonl` holds a shard's records and `00000.json`, written after it, says what they were made from and what they
hash to. So whatever happens, a marker whose input and whose files are as it says stands for finished work, and all else is done
again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shard
from kinj.config.errors import KinjError
from kinj.data.writers import FULL, raise_explained

SIDES = ("rejected", "audit")
"""Files that a shard has beside its records, where there is something to put in them."""


@dataclass
class Result:
    """What was made of a shard: the file of its records, lines for each of `SIDES`, counts. With an error, nothing counts."""

    data: bytes = b""
    sides: dict[str, bytes] = field(default_factory=dict)
    report: AugmentReport = field(default_factory=AugmentReport)
    error: KinjError | None = None


@dataclass
class Done:
    """A shard that is finished, or the error that kept it from being so."""

    index: int
    entry: dict[str, Any] = field(default_factory=dict)
    """What the manifest says of it."""
    report: AugmentReport = field(default_factory=AugmentReport)
    error: KinjError | None = None
    kept: bool = False
    """Whether an earlier run finished it."""


@dataclass(frozen=True)
class Store:
    """The files of shards in a folder. `suffix` is the form of the records: `.jsonl`, `.jsonl.gz`, …"""

    folder: Path
    suffix: str

    def path(self, index: int, suffix: str | None = None) -> Path:
        """Where the records of a shard stand, or another of its files."""
        return self.folder / f"{index:05d}{self.suffix if suffix is None else suffix}"

    def keep(self, shard: Shard, result: Result) -> Done:
        """Writes what was made of a shard, the marker last. A failure to write is the error of what is returned."""
        if result.error:
            return Done(shard.index, error=result.error)
        contents = {self.suffix: result.data} | {f".{side}.jsonl": result.sides.get(side, b"") for side in SIDES}
        try:
            for suffix, data in contents.items():
                _put(self.path(shard.index, suffix), data if data or suffix == self.suffix else None)
            entry = {
                "file": self.path(shard.index).name,
                "input": shard.digest(),
                "documents": result.report.documents,
                "questions": result.report.questions,
                "views": result.report.views,
                "files": {suffix: [len(data), _hash(data)] for suffix, data in contents.items() if data},
            }
            marker = {**entry, "report": result.report.to_json()}
            _put(self.path(shard.index, ".json"), json.dumps(marker).encode())
        except KinjError as error:
            return Done(shard.index, error=error)
        return Done(shard.index, entry, result.report)

    def kept(self, shard: Shard) -> Done | None:
        """What an earlier run made of a shard, if it finished it from the same input and its files are whole."""
        try:
            marker = json.loads(self.path(shard.index, ".json").read_bytes())
            report = AugmentReport.from_json(marker.pop("report"))
            if marker["input"] != shard.digest() or not self._whole(shard.index, marker["files"]):
                return None
        except (OSError, ValueError, KeyError):
            return None
        return Done(shard.index, marker, report, kept=True)

    def _whole(self, index: int, files: dict[str, list[Any]]) -> bool:
        for suffix, (size, digest) in files.items():
            data = self.path(index, suffix).read_bytes()
            if len(data) != size or _hash(data) != digest:
                return False
        return True

    def originals(self) -> int:
        """Documents and questions in finished shards."""
        found = 0
        for path in self.folder.glob("[0-9]*.json"):
            try:
                marker = json.loads(path.read_bytes())
                found += marker["documents"] + marker["questions"]
            except (OSError, ValueError, KeyError):
                continue
        return found


def store_of(output: Path) -> Store:
    """Where the shards of an output are kept until it is finished."""
    endings = "".join(output.suffixes[-2:]) if output.suffix in (".gz", ".zst") else output.suffix
    packed = output.suffix in (".gz", ".zst", ".parquet")
    return Store(output.with_name(f"{output.name}.part"), endings if packed else ".jsonl")


def _hash(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)


def _put(path: Path, data: bytes | None) -> None:
    """Writes or removes a file. Not forced to disk: after a power failure its hash tells whether it is whole.

    Raises:
        KinjError: the disk is full.
        UsageError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if data is None:
            path.unlink(missing_ok=True)
            return
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        if error.errno in FULL:
            temporary.unlink(missing_ok=True)
        raise_explained(path, error)
