"""Documents worked off in chunks, in this process or in several, with results in the order of the documents."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from threading import Thread

from kinj.augment.engine import augment_one, build_methods, write_chunk
from kinj.augment.report import AugmentReport
from kinj.augment.written.writer import Writer
from kinj.config.errors import KinjError
from kinj.config.schema import AugmentSettings
from kinj.data.files import record_to_json, to_json
from kinj.data.records import Document

CHUNK = 32
"""Documents that travel to a worker together."""

AHEAD = 3
"""Chunks per worker that are read ahead; this bounds the memory."""


def line_of(document: Document) -> bytes:
    """The document as a line of the output."""
    return to_json(record_to_json(document)) + b"\n"


def digest_of(document: Document) -> bytes:
    """Stands for a document's content where input is compared with input read earlier."""
    return hashlib.sha256(line_of(document)).digest()


@dataclass
class Result:
    """Lines of the output for the documents of a chunk, as far as it went well."""

    lines: list[bytes] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    report: AugmentReport = field(default_factory=AugmentReport)
    error: KinjError | None = None


class Worker:
    """Writes the output lines of chunks of documents.

    Raises:
        UsageError: an unknown method, or settings that a method cannot work with.
    """

    def __init__(self, settings: AugmentSettings, seed: int, writer: Writer | None = None) -> None:
        self.settings, self.seed, self.writer = settings, seed, writer
        self.methods = build_methods(settings, seed)

    def __call__(self, chunk: list[Document]) -> Result:
        """Stops at the first document that fails; the ones before it count."""
        result = Result()
        try:
            written = write_chunk(chunk, self.methods, self.writer, result.report)
        except KinjError as error:
            result.error = error
            return result
        for document, own in zip(chunk, written, strict=True):
            try:
                found = augment_one(document, self.methods, self.settings, self.seed, result.report, own)
            except KinjError as error:
                result.error = error
                break
            lines = [line_of(record) for record in found]
            result.digests.append(hashlib.sha256(lines[0]).digest())
            result.lines.append(b"".join(lines))
        return result


def chunked(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in lists of `CHUNK`."""
    chunk: list[Document] = []
    for document in documents:
        chunk.append(document)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def results(chunks: Iterator[list[Document]], worker: Worker, processes: int) -> Iterator[Result]:
    """What `worker` makes of each chunk, in order.

    Raises:
        KinjError: a process ended without an answer.
    """
    if processes == 1:
        yield from map(worker, chunks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=(worker,))
    waiting: deque[Future[Result]] = deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(_work, chunk))
            if len(waiting) >= processes * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise KinjError(
            "a worker process ended without an answer (was it killed, or out of memory?)",
            "augment.workers=1 works without further processes",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Worker


def _start(worker: Worker) -> None:
    global _worker
    _worker = worker
    # Ctrl-C reaches all processes of the terminal; the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the first one is gone without a word (SIGKILL); it would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(chunk: list[Document]) -> Result:
    return _worker(chunk)
