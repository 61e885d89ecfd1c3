"""Runs methods over documents in memory; every view is checked."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from kinj.augment.base import AnyMethod, renders
from kinj.augment.chain import build_chains
from kinj.augment.checks import Checks
from kinj.augment.lines import line_of, view_lines
from kinj.augment.report import AugmentReport
from kinj.augment.share import Share
from kinj.augment.skeleton import skeleton
from kinj.augment.written.base import Written
from kinj.augment.written.writer import Writer, opened
from kinj.config.errors import KinjError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document
from kinj.data.rng import stable_rng

FACT_HINT = "start and end count characters of the text from 0; correct them, or leave the fact out"

T = TypeVar("T")
Made = Mapping[str, Sequence[Document]]
"""What a language model wrote about a document, by the name of the chain whose first method asked for it."""

_log = logging.getLogger(__name__)


def augment_documents(
    documents: Iterable[Document], settings: AugmentSettings, seed: int, report: AugmentReport | None = None
) -> Iterator[Document]:
    """Every document, each followed by its views, method after method.

    A document's views depend on the seed, its id, its text and the method alone: not on other documents or their order.

    Args:
        report: filled on the way. Without one, what could not be made is logged as a warning.

    Raises:
        UsageError: an unknown method or format family.
        KinjError: a fact that does not stand where its offsets say; a view in which something changed under
            `augment.audit.policy=fail`.
    """
    engine = Engine(settings, seed)
    checks = Checks(settings.audit, AugmentReport() if report is None else report)
    with opened(engine.written, settings, seed) as writer:
        for document in documents:
            if problem := misplaced_fact(document):
                raise KinjError(f"document {document.id} {problem}", FACT_HINT)
            yield document
            (made,) = engine.ask([document], writer, checks.report)
            yield from engine.views(document, checks, made)
    if report is None and (checks.report.shortfall or checks.report.failed or checks.report.unwritten):
        _log.warning("%s", "; ".join(checks.report.lines()))


class Engine:
    """Makes the views that settings ask for.

    Args:
        settings: `method`, `views`, `audit.all` and the sections of the methods are used.
        seed: of all drawing.
        share: how many views of each document, instead of `settings.views`.

    Raises:
        UsageError: an unknown method, or settings that a method cannot work with.
    """

    def __init__(self, settings: AugmentSettings, seed: int, share: Share | None = None) -> None:
        self.seed = seed
        self.chains = build_chains(settings, seed)
        self.share = share or Share(settings.views)
        first = self.chains[0].first
        self._alone = first if len(self.chains) == 1 and not (self.chains[0].rest or settings.audit.all) else None

    @property
    def written(self) -> dict[str, Written]:
        """Methods whose views a language model writes, by the name of the chain that begins with them."""
        return {chain.name: chain.first for chain in self.chains if isinstance(chain.first, Written)}

    def ask(self, documents: Sequence[Document], writer: Writer | None, report: AugmentReport) -> list[Made]:
        """What a language model writes about each of the documents; the more there are, the more it is asked at a time.

        Args:
            writer: asks it; None where no method needs one.
            report: what happened is counted there.

        Raises:
            UnfinishedError: the budget is used up, or no answer can be had.
        """
        if writer is None:
            return [{} for _ in documents]
        found = {name: writer.views(documents, method, self.share) for name, method in self.written.items()}
        counts, failures = writer.take()
        report.written.update(counts)
        report.unwritten.update(failures)
        return [{name: views[number] for name, views in found.items()} for number in range(len(documents))]

    def views(self, document: Document, checks: Checks, made: Made | None = None) -> list[Document]:
        """The views of a sound document that stay, pairwise distinct; counted, with the document, in the report of `checks`.

        Args:
            made: what `ask` gave, where a method needs a language model.

        Raises:
            KinjError: something changed in a view and the policy is `fail`.
        """
        found: list[Document] = []
        texts = {document.text}
        before = checks.report.shortfall
        for chain in self.chains:
            first = chain.first
            count, rng = self.asked(document, first)
            stream = Counted(
                (made or {})[chain.name] if isinstance(first, Written) else first.views(document, count, rng)
            )
            for view in chain.views(document, stream, self.seed, checks.keeps, checks.report.count_shortfall):
                if view.text in texts:
                    checks.report.duplicates += 1
                    continue
                texts.add(view.text)
                found.append(view)
            checks.report.count_chain(chain.links, count, stream.count)
        short = checks.report.shortfall > before
        checks.report.count_document((view.view.method for view in found if view.view), short)
        return found

    def lines(self, document: Document, checks: Checks) -> list[bytes]:
        """The same as lines of the output.

        Raises:
            KinjError: something changed in a view and the policy is `fail`.
        """
        method = self._alone
        if method is None or not renders(method):
            return [line_of(view) for view in self.views(document, checks)]
        return view_lines(method, document, *self.asked(document, method), checks)

    def asked(self, document: Document, method: AnyMethod) -> tuple[int, random.Random]:
        """How many views a method is asked for, and what it draws with."""
        return self.share.views(document.id, self.seed), stable_rng(self.seed, document.id, method.name)


class Counted(Generic[T]):
    """Counts what is taken from an iterator."""

    def __init__(self, items: Iterable[T]) -> None:
        self.items, self.count = items, 0

    def __iter__(self) -> Iterator[T]:
        for item in self.items:
            self.count += 1
            yield item


def misplaced_fact(document: Document) -> str:
    """What is wrong with the first fact whose value does not stand in the text where it says; empty if all do."""
    for fact in document.facts:
        inside = 0 <= fact.start <= fact.end <= len(document.text)
        found = document.text[fact.start : fact.end] if inside else ""
        if found != fact.value and (not inside or skeleton(found) != skeleton(fact.value)):
            there = f"there is `{found}`" if inside else f"the text has {len(document.text)}"
            return (
                f"has a fact `{fact.value}` ({fact.relation} of {fact.subject}) at characters {fact.start} to {fact.end}, "
                f"but {there}"
            )
    return ""
