"""The language model behind one output: its client, its file of replies, and its file of what could not be had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from kinj.augment.share import Share
from kinj.augment.written.base import Written
from kinj.augment.written.client import Client, Failure, open_client
from kinj.augment.written.drive import write_views
from kinj.augment.written.kept import KeptReplies, default_path, failed_path
from kinj.config.schema import AugmentSettings
from kinj.data.files import to_json
from kinj.data.records import Document
from kinj.data.writers import raise_explained


class Writer:
    """Writes views of documents for an output.

    Args:
        settings: `llm`.
        seed: draws the seeds of the requests.
        output: the file the views are for; None keeps replies in `augment.llm.cache`, or in memory.
        resume: keep what an earlier run listed as failed.

    Raises:
        UsageError: no model is named, the key is missing, the model cannot be had, or a file cannot be written.
    """

    def __init__(self, settings: AugmentSettings, seed: int, output: Path | None, resume: bool = False) -> None:
        self.seed = seed
        self.client = client_for(settings, replies_path(settings, output))
        self._failed = failed_path(output) if output else None
        self._listed: set[bytes] = set()
        if self._failed and resume and self._failed.exists():
            self._listed = set(self._failed.read_bytes().splitlines())
        elif self._failed:
            self._failed.unlink(missing_ok=True)

    def views(self, documents: Sequence[Document], method: Written, share: Share) -> list[list[Document]]:
        """See `write_views`."""
        return write_views(documents, method, share, self.seed, self.client)

    def take(self) -> tuple[Counter[str], Counter[str]]:
        """What happened since the last time (requests, tokens, …), and how often something failed, by reason.

        What could not be had is listed beside the output.
        """
        counts, failures = self.client.take()
        self._list(failures)
        return counts, Counter(failure.reason.partition(":")[0] for failure in failures)

    def _list(self, failures: Sequence[Failure]) -> None:
        """A document that is done again after a kill is listed once."""
        lines = [line for line in (to_json(asdict(failure)) for failure in failures) if line not in self._listed]
        if self._failed is None or not lines:
            return
        self._listed.update(lines)
        try:
            with self._failed.open("ab") as file:
                file.write(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise_explained(self._failed, error)

    def close(self) -> None:
        """Lets another run use the file of replies."""
        self.client.close()


@contextmanager
def opened(
    methods: Mapping[str, Written],
    settings: AugmentSettings,
    seed: int,
    output: Path | None = None,
    resume: bool = False,
) -> Iterator[Writer | None]:
    """The `Writer` for some methods while it is needed; None where there are no methods.

    Raises:
        UsageError: see `Writer`.
    """
    if not methods:
        yield None
        return
    writer = Writer(settings, seed, output, resume)
    try:
        yield writer
    finally:
        writer.close()


def replies_path(settings: AugmentSettings, output: Path | None) -> Path | None:
    """Where the replies for an output are kept; None without an output and without `augment.llm.cache`."""
    if settings.llm.cache:
        return Path(settings.llm.cache).expanduser()
    return default_path(output) if output else None


def client_for(settings: AugmentSettings, replies: Path | None) -> Client:
    """The client that the settings describe, with the replies that a file keeps.

    Raises:
        UsageError: see `Writer`.
    """
    kept = KeptReplies(replies)
    try:
        return open_client(settings.llm, kept)
    except BaseException:
        kept.close()
        raise
