"""Runs methods over documents in memory; every view is checked."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from kinj.augment.base import Augmenter, is_written, renders
from kinj.augment.chain import Chain, build_chains
from kinj.augment.checks import Checks
from kinj.augment.lines import line_of, view_lines
from kinj.augment.report import AugmentReport
from kinj.augment.share import Share
from kinj.augment.skeleton import skeleton
from kinj.config.errors import KinjError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document
from kinj.data.rng import stable_rng

FACT_HINT = "start and end count characters of the text from 0; correct them, or leave the fact out"

T = TypeVar("T")
Made = Mapping[str, Sequence[Document]]
"""Views of a document, by the name of the chain whose first method made them."""

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
    for document in documents:
        if problem := misplaced_fact(document):
            raise KinjError(f"document {document.id} {problem}", FACT_HINT)
        yield document
        yield from engine.views(document, checks)
    if report is None and (checks.report.shortfall or checks.report.failed):
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
    def written(self) -> list[Chain]:
        """Chains that begin with a method whose views a language model writes."""
        return [chain for chain in self.chains if is_written(chain.first)]

    def views(self, document: Document, checks: Checks, made: Made | None = None) -> list[Document]:
        """The views of a sound document that stay, pairwise distinct; counted, with the document, in the report of `checks`.

        Args:
            made: what a language model wrote for the chains that need one, by name.

        Raises:
            KinjError: something changed in a view and the policy is `fail`.
        """
        found: list[Document] = []
        texts = {document.text}
        for chain in self.chains:
            count, rng = self.asked(document, chain.first)
            stream = Counted(
                made[chain.name] if made and chain.name in made else chain.first.views(document, count, rng)
            )
            for view in chain.views(document, stream, self.seed, checks.keeps):
                if view.text in texts:
                    checks.report.duplicates += 1
                    continue
                texts.add(view.text)
                found.append(view)
            checks.report.count_chain(chain.links, count, stream.count)
        checks.report.count_document(view.view.method for view in found if view.view)
        return found

    def lines(self, document: Document, checks: Checks) -> list[bytes]:
        """The same as lines of the output.

        Raises:
            KinjError: something changed in a view and the policy is `fail`.
        """
        method = self._alone
        if method is None or not renders(method):
            return [line_of(view) for view in self.views(document, checks)]
        count, rng = self.asked(document, method)
        stream = Counted(method.renderings(document, count, rng))
        found = list(view_lines(method, document, stream, checks))
        checks.report.count_chain([method], count, stream.count)
        checks.report.count_document(name for name, _ in found)
        return [line for _, line in found]

    def asked(self, document: Document, method: Augmenter) -> tuple[int, random.Random]:
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
