"""Work that several processes need and one does: a folder of entries, each whole or absent, and who is making which.

A name says all that an entry depends on, so entries never change. Who makes one holds a lock that ends with its process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kinj.data.content import checksums
from kinj.data.writers import atomic_folder

CHECKSUMS = "checksums.json"
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 600.0
"""Who waits for another process's work does it alone after so long without a sign of it."""

Claim = IO[str]
"""The right to make an entry, until it is closed."""


class Store:
    """The entries in a folder that all processes can reach; it is made when something is put there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> Path | None:
        """The folder of an entry; None where there is none. One that is not as it was written is removed."""
        entry = self.folder / name
        if not entry.is_dir():
            return None
        try:
            written = json.loads((entry / CHECKSUMS).read_text(encoding="utf-8"))
            there = checksums(entry)
        except (OSError, ValueError):
            written, there = None, {}
        there.pop(CHECKSUMS, None)
        if there != written:
            self.remove(name)
            return None
        return entry

    @contextmanager
    def put(self, name: str) -> Iterator[Path]:
        """A folder to fill that becomes the entry when the block ends without an exception.

        Raises:
            OSError: it could not be written, or is there already; nothing is left behind.
        """
        with atomic_folder(self.folder / name) as folder:
            yield folder
            (folder / CHECKSUMS).write_text(json.dumps(checksums(folder), sort_keys=True) + "\n", encoding="utf-8")

    def claim(self, name: str, maker: str) -> Claim | None:
        """The right to make an entry; None where another process has it. `maker` is told to those who wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._lock(name).open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the file is closed, also by a crash
        except BlockingIOError:
            file.close()
            return None
        file.truncate(0)
        file.write(maker)
        file.flush()
        return file

    def obtain(self, name: str, maker: str, signs: Callable[[str], object]) -> Path | Claim | None:
        """An entry, waiting for it where another process makes it; or the right to make it.

        Args:
            maker: what to tell of this process.
            signs: of a maker, something that changes as its work goes on.

        Returns:
            The entry's folder; or a claim; or None, where another process has the claim and gave no sign of life for ten minutes.
        """
        seen, since = None, time.monotonic()
        while True:
            claim = self.claim(name, maker)
            if entry := self.get(name):
                if claim:
                    claim.close()
                return entry
            if claim:
                return claim
            now = signs(self._maker(name))
            if now != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE_SECONDS:
                return None
            time.sleep(POLL_SECONDS)

    def remove(self, pattern: str) -> None:
        """Removes the entries whose names match, with what belongs to them and what a kill left of them."""
        for path in [*self.folder.glob(pattern), *self.folder.glob(f".{pattern}.tmp-*")]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()  # the last one takes the folder with it

    def _lock(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def _maker(self, name: str) -> str:
        try:
            return self._lock(name).read_text(encoding="utf-8")
        except OSError:
            return ""


def link_tree(source: Path, target: Path) -> None:
    """The same files at another place, where the file system can without taking room again. They must never be changed in place.

    Raises:
        OSError: the source is gone, or the target cannot be written.
    """
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
