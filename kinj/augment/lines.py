"""Views written straight to lines. Of a method whose views keep a document's words, only a few fields of a line differ from
view to view; everything else is put together once per document, and no record is made for a view that is sound."""

from __future__ import annotations

import random

from kinj.augment.base import Rendered, Renders, view_method, view_of, view_outline, view_prefix
from kinj.augment.checks import Checks
from kinj.augment.skeleton import skeleton
from kinj.data.files import record_to_json, to_line
from kinj.data.records import Document, Record


def line_of(record: Record) -> bytes:
    """A record as a line of the output."""
    return to_line(record_to_json(record))


def view_lines(method: Renders, document: Document, count: int, rng: random.Random, checks: Checks) -> list[bytes]:
    """The lines of those of up to `count` views of a document that stay; counted, with the document, in the report of `checks`.

    The lines are those of `line_of` and the checks those of `Checks`.

    Raises:
        KinjError: something changed in a view and the policy is `fail`.
    """
    values = [fact.value for fact in document.facts]
    form = record_to_json(view_outline(method, document))
    view, facts, prefix = form["view"], form.get("facts", []), view_prefix(method, document)
    lines, transforms, index = [], [], 0
    for index, rendered in enumerate(method.renderings(document, count, rng), 1):
        text, spans, variant, kept = rendered
        sound = kept and (
            not values or [text[start:end] for start, end in spans] == values or _same_values(method, rendered, values)
        )
        if sound or checks.keeps(method, document, view_of(method, document, rendered, index)):
            form["id"], form["text"] = f"{prefix}{index}", text
            view["method"] = transform = view_method(method, variant)
            view["index"] = index
            if facts:
                for fact, span in zip(facts, spans, strict=True):
                    fact["start"], fact["end"] = span
            lines.append(to_line(form))
            transforms.append(transform)
    checks.report.count_chain([method], count, index)
    checks.report.count_document(transforms, short=index < count)
    return lines


def _same_values(method: Renders, rendered: Rendered, values: list[str]) -> bool:
    text, spans, variant, _ = rendered
    return all(
        text[start:end] == value or skeleton(method.restored_span(variant, text[start:end])) == skeleton(value)
        for (start, end), value in zip(spans, values, strict=True)
    )
