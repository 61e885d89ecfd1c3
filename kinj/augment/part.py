"""An output that is not finished: the folder `OUTPUT.part`. Only a finished output bears its name."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from kinj.augment.packing import join
from kinj.augment.places import is_folder, side_of
from kinj.augment.store import SIDES, store_of
from kinj.config.errors import UsageError
from kinj.data.files import atomic_open, atomic_write, to_json
from kinj.data.writers import is_leftover, raise_explained


class Part:
    """The unfinished output, locked against other runs.

    Args:
        output: the file, or the folder of shards, that it will become.
        identity: everything the bytes depend on besides the documents; compared on resume.

    Raises:
        UsageError: it cannot be written, or another process is writing it.
    """

    def __init__(self, output: Path, identity: dict[str, Any]) -> None:
        self.output, self.identity = output, identity
        self.store = store_of(output)
        self._lock = self._locked()

    def _locked(self) -> IO[bytes]:
        folder = self.store.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("ab")
        except OSError as error:
            raise_explained(folder, error)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise UsageError(f"another run is writing {folder}", "wait for it, or choose -o") from error
        return lock

    def start(self) -> None:
        """Begins anew, whatever was there."""
        for path in self.store.folder.iterdir():
            if path.name != "lock":
                path.unlink()
        self._write_manifest([])

    def resume(self) -> None:
        """Takes up what is there.

        Raises:
            UsageError: it was begun with other settings.
        """
        manifest = self.store.folder / "manifest.json"
        if not manifest.exists():
            self.start()
            return
        before = json.loads(manifest.read_bytes())["identity"]
        if before != self.identity:
            raise UsageError(
                f"{self.store.folder} was begun with other settings: {_difference(before, self.identity)}",
                "run with the settings it was begun with, or start over with --overwrite",
            )

    def _write_manifest(self, entries: Sequence[dict[str, Any]]) -> None:
        content = {"identity": self.identity, "shards": entries}
        atomic_write(self.store.folder / "manifest.json", to_json(content, indent=True))

    def leave(self) -> int:
        """Leaves what is finished for a resume, or nothing where nothing is. Returns the originals that are kept."""
        kept = self.store.originals()
        if not kept:
            shutil.rmtree(self.store.folder, ignore_errors=True)
        self._lock.close()
        return kept

    def finish(self, entries: Sequence[dict[str, Any]], sides: Mapping[str, bytes]) -> None:
        """Gives the output its name: the shards joined to one file, or their folder.

        Args:
            entries: what the manifest says of each shard, in order.
            sides: further files by name, put beside the output or into its folder.

        Raises:
            KinjError: the disk is full.
            UsageError: the output cannot be written.
        """
        names = [f"{side}.jsonl" for side in SIDES]
        for name in names:
            self._join_side(name, len(entries))
        for name, data in sides.items():
            atomic_write(self.side(name), data)
        self._write_manifest(entries)
        if is_folder(self.output):
            self._publish({"manifest.json", *names, *sides, *(entry["file"] for entry in entries)})
        else:
            with atomic_open(self.output) as file:
                join(file, map(self.store.path, range(len(entries))), self.store.suffix)
            folder = self.store.folder
            shutil.rmtree(
                folder.replace(folder.with_name(f".{folder.name}.tmp-{os.getpid()}-0"))
            )  # all or nothing of it
        self._sweep([self.output, self.store.folder, *map(self.side, [*names, *sides])])
        self._lock.close()

    def side(self, name: str) -> Path:
        """Where a further file goes for now; in a folder it is published with the rest."""
        return self.store.folder / name if is_folder(self.output) else side_of(self.output, name)

    def _join_side(self, name: str, shards: int) -> None:
        paths = [path for index in range(shards) if (path := self.store.path(index, f".{name}")).exists()]
        if paths:
            with atomic_open(self.side(name)) as file:
                join(file, paths, ".jsonl")
        else:
            self.side(name).unlink(missing_ok=True)

    def _publish(self, wanted: set[str]) -> None:
        """Turns the folder into the output, with nothing in it but what is wanted."""
        folder = self.store.folder
        try:
            for path in folder.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            if self.output.exists():
                shutil.rmtree(self.output)
            folder.replace(self.output)
        except OSError as error:
            raise_explained(self.output, error)
        for path in self.output.iterdir():
            if path.name not in wanted:
                path.unlink()

    def _sweep(self, paths: Iterable[Path]) -> None:
        """Removes what killed runs left while they were writing or removing these paths."""
        for path in paths:
            for left in path.parent.glob(f".{glob.escape(path.name)}.tmp-*"):
                if is_leftover(left):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Settings that differ, by name."""
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return "; ".join(f"{key} was {json.dumps(before.get(key))}, now it is {json.dumps(now.get(key))}" for key in keys)
