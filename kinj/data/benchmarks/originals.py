"""Finding a benchmark's original files: in a folder, as one file, or on the Hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings
from kinj.data.forms import Json
from kinj.data.hub import hub_configs, hub_rows
from kinj.data.rejects import Place, Rejects, stem
from kinj.data.rows import COMPRESSED, ending, read_rows

DATA_ENDINGS = (".jsonl", ".json", ".parquet", ".csv", ".tsv")


@dataclass(frozen=True)
class Member:
    """One file of a benchmark, or one configuration of it on the Hub."""

    source: str
    config: str | None = None

    @property
    def name(self) -> str:
        """File name without endings, or the configuration."""
        return self.config or stem(self.source)

    def rows(self, rejects: Rejects) -> Iterator[tuple[Place, Json]]:
        """Its rows with their places."""
        return hub_rows(self.source, self.config) if self.source.startswith("hf:") else read_rows(self.source, rejects)


class Originals:
    """What `data.path` points to.

    Args:
        get: where to get the files, for the error.
        hub: name of the data set on the Hub, if it is there.

    Raises:
        UsageError: `data.path` is not set, or nothing is there.
    """

    def __init__(self, settings: DataSettings, get: str, hub: str | None = None) -> None:
        self.name = settings.name
        self.hint = f"get the files from {get} and pass their place: data.path=FOLDER"
        self.hint += f", or data.path=hf:{hub}" if hub else ""
        if settings.path is None:
            raise UsageError(f"data={settings.name} needs its original files, and data.path is not set", self.hint)
        self.source = settings.path
        self.root = Path(settings.path).expanduser()
        self.on_hub = settings.path.startswith("hf:")
        if not self.on_hub and not self.root.exists():
            raise UsageError(f"data.path={settings.path} does not exist", self.hint)

    def everything(self, endings: Sequence[str] = DATA_ENDINGS) -> list[Member]:
        """The file itself, the Hub's table, or all data files of the folder in order of name.

        Raises:
            UsageError: the folder holds none.
        """
        if self.on_hub or self.root.is_file():
            return [Member(self.source)]
        found = _without_doubles(path for path in sorted(self.root.rglob("*")) if ending(path.name) in endings)
        if not found:
            raise UsageError(f"data.path={self.source} holds no file of {self.name} ({', '.join(endings)})", self.hint)
        return [Member(str(path)) for path in found]

    def members(self, *patterns: str) -> list[Member]:
        """Files of the folder that match one of some patterns (without `.gz` and `.zst`), or configurations of these names."""
        if self.on_hub:
            names = hub_configs(self.source)
            wanted = [pattern.removesuffix(".jsonl").removesuffix(".json") for pattern in patterns]
            return [Member(self.source, name) for name in wanted if name in names]
        if self.root.is_file():
            return [Member(self.source)] if any(_matches(self.root, pattern) for pattern in patterns) else []
        globs = [pattern + ending for pattern in patterns for ending in ("", *COMPRESSED)]
        return [
            Member(str(path))
            for path in _without_doubles(chain.from_iterable(sorted(self.root.glob(g)) for g in globs))
        ]

    def required(self, *patterns: str) -> list[Member]:
        """The same, and they must be there.

        Raises:
            UsageError: none is.
        """
        found = self.members(*patterns)
        if not found:
            raise UsageError(f"data.path={self.source} holds no {' or '.join(patterns)}", self.hint)
        return found


def rows_of(members: Iterable[Member], rejects: Rejects) -> Iterator[tuple[Place, Json]]:
    """The rows of several members one after another."""
    return chain.from_iterable(member.rows(rejects) for member in members)


def names_of(members: Iterable[Member]) -> str:
    """The members for an account."""
    return ", ".join(member.config or Path(member.source).name for member in members)


def _matches(path: Path, pattern: str) -> bool:
    plain = path.with_suffix("") if path.suffix in COMPRESSED else path
    return plain.match(pattern)


def _without_doubles(paths: Iterable[Path]) -> list[Path]:
    """Each file once, though it may lie there plain and compressed; the plain one comes first and is taken."""
    found: dict[Path, Path] = {}
    for path in paths:
        found.setdefault(path.with_suffix("") if path.suffix in COMPRESSED else path, path)
    return list(found.values())
