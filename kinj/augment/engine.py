"""Runs methods over documents in memory; every view is checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from kinj.augment.base import is_choosy
from kinj.augment.chain import build_chains
from kinj.augment.checks import Checks
from kinj.augment.report import AugmentReport
from kinj.augment.share import Share
from kinj.augment.skeleton import skeleton
from kinj.config.errors import KinjError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document
from kinj.data.rng import stable_rng

FACT_HINT = "start and end count characters of the text from 0; correct them, or leave the fact out"

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
        settings: `method`, `views` and the sections of the methods are used.
        seed: of all drawing.
        share: how many views of each document, instead of `settings.views`.

    Raises:
        UsageError: an unknown method, or settings that a method cannot work with.
    """

    def __init__(self, settings: AugmentSettings, seed: int, share: Share | None = None) -> None:
        self.seed = seed
        self.chains = build_chains(settings, seed)
        self.share = share or Share(settings.views)

    def views(self, document: Document, checks: Checks) -> list[Document]:
        """The views of a sound document that stay, pairwise distinct; counted, with the document, in the report of `checks`.

        Raises:
            KinjError: something changed in a view and the policy is `fail`.
        """
        count = self.share.views(document.id, self.seed)
        report = checks.report
        found: list[Document] = []
        texts = {document.text}
        for chain in self.chains:
            stream = _Counted(chain.first.views(document, count, stable_rng(self.seed, document.id, chain.first.name)))
            for view in chain.views(document, stream, self.seed, checks.keeps):
                if view.text in texts:
                    report.duplicates += 1
                    continue
                texts.add(view.text)
                found.append(view)
            report.shortfall += count - stream.count
            report.short_documents += stream.count < count
            for method in chain.links:
                if is_choosy(method):
                    report.skipped.update(method.skipped)
                    method.skipped.clear()
        report.documents += 1
        report.views += len(found)
        report.by_transform.update([view.view.method for view in found if view.view])
        return found


class _Counted:
    """Counts what is taken from an iterator."""

    def __init__(self, views: Iterable[Document]) -> None:
        self.views, self.count = views, 0

    def __iter__(self) -> Iterator[Document]:
        for view in self.views:
            self.count += 1
            yield view


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
