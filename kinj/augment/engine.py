"""Runs methods over documents in memory and checks every view they write."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kinj.augment import registry
from kinj.augment.base import Augmenter, ContentPreserving
from kinj.augment.report import AugmentReport
from kinj.augment.skeleton import skeleton
from kinj.augment.written.base import Written
from kinj.augment.written.writer import Writer
from kinj.config.errors import KinjError
from kinj.config.schema import AugmentSettings
from kinj.data.records import Document
from kinj.data.rng import stable_rng

FACT_HINT = "start and end count characters of the text from 0; correct them, or leave the fact out"

_log = logging.getLogger(__name__)


def build_methods(settings: AugmentSettings, seed: int) -> list[Augmenter | Written]:
    """The methods that `augment.method` names.

    Raises:
        UsageError: an unknown method, or settings that a method cannot work with.
    """
    return [registry.get(name).build(settings, seed) for name in dict.fromkeys(settings.method)]


def augment_documents(
    documents: Iterable[Document], settings: AugmentSettings, seed: int, report: AugmentReport | None = None
) -> Iterator[Document]:
    """Every document, each followed by its views, method after method.

    A document's views depend on the seed, its id, its text and the method alone: not on other documents or their order.

    Args:
        report: filled on the way. Without one, what could not be made is logged as a warning.

    Raises:
        UsageError: an unknown method or format family.
        KinjError: a fact that does not stand where its offsets say; a view that fails its check under
            `augment.audit.policy=fail`.
    """
    methods = build_methods(settings, seed)
    counted = AugmentReport() if report is None else report
    asks = any(isinstance(method, Written) for method in methods)
    writer = Writer(settings, seed, None) if asks else None
    for document in documents:
        written = write_chunk([document], methods, writer, counted)
        yield from augment_one(document, methods, settings, seed, counted, written[0])
    if report is None and (counted.shortfall or counted.failed):
        _log.warning("%s", "; ".join(counted.lines()))


def write_chunk(
    documents: Sequence[Document], methods: Sequence[Augmenter | Written], writer: Writer | None, report: AugmentReport
) -> list[dict[str, list[Document]]]:
    """For each document the views that a language model writes, by method."""
    if writer is None:
        return [{} for _ in documents]
    found = {method.name: writer.views(documents, method) for method in methods if isinstance(method, Written)}
    counts, failures = writer.take()
    report.written.update(counts)
    report.unwritten.update(failures)
    return [{name: views[place] for name, views in found.items()} for place in range(len(documents))]


def augment_one(
    document: Document,
    methods: Sequence[Augmenter | Written],
    settings: AugmentSettings,
    seed: int,
    report: AugmentReport,
    written: Mapping[str, list[Document]],
) -> list[Document]:
    """A document and its views; `written` holds those that a language model wrote."""
    if problem := misplaced_fact(document):
        raise KinjError(f"document {document.id} {problem}", FACT_HINT)
    original = skeleton(document.text)
    values = [skeleton(fact.value) for fact in document.facts]
    found = [document]
    for method in methods:
        if isinstance(method, Written):
            found += written[method.name]
            report.written["views_fewer"] += settings.views - len(written[method.name])
            continue
        made = 0
        for view in method.views(document, settings.views, stable_rng(seed, document.id, method.name)):
            made += 1
            sound = not isinstance(method, ContentPreserving) or _says_the_same(method, view, original, values)
            if sound or _keeps_failed(view, document, settings.audit.policy, report):
                found.append(view)
        report.shortfall += settings.views - made
        report.short_documents += made < settings.views
    report.documents += 1
    report.views += len(found) - 1
    report.by_transform.update(view.view.method for view in found[1:] if view.view)
    return found


def misplaced_fact(document: Document) -> str:
    """What is wrong with the first fact whose value does not stand in the text where it says; empty if all do."""
    for fact in document.facts:
        inside = 0 <= fact.start <= fact.end <= len(document.text)
        found = document.text[fact.start : fact.end] if inside else ""
        if not inside or skeleton(found) != skeleton(fact.value):
            there = f"there is `{found}`" if inside else f"the text has {len(document.text)}"
            return (
                f"has a fact `{fact.value}` ({fact.relation} of {fact.subject}) at characters {fact.start} to {fact.end}, "
                f"but {there}"
            )
    return ""


def _says_the_same(method: ContentPreserving, view: Document, original: str, values: Sequence[str]) -> bool:
    if skeleton(method.restore(view)) != original:
        return False
    return all(
        skeleton(method.restore_span(view, fact.start, fact.end)) == value
        for fact, value in zip(view.facts, values, strict=True)
    )


def _keeps_failed(view: Document, document: Document, policy: str, report: AugmentReport) -> bool:
    """Counts a failed view and says whether it stays in the output."""
    name = view.view.method if view.view else "?"
    if policy == "fail":
        raise KinjError(
            f"document {document.id}: the view written by {name} does not say what the original says",
            "augment.audit.policy=drop leaves such views out and counts them; augment.audit.policy=report keeps them",
        )
    report.failed[name] += 1
    report.dropped += policy == "drop"
    return policy == "report"
