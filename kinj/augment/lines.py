"""Views written straight to lines. Of a method whose views keep a document's words, only a few fields of a line differ from
view to view; everything else is put together once per document, and no record is made for a view that is sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kinj.augment.base import Rendered, Renders, view_id, view_method, view_of, view_outline
from kinj.augment.checks import Checks
from kinj.augment.skeleton import SameContent, skeleton
from kinj.data.files import record_to_json, to_json
from kinj.data.records import Document, Record


def line_of(record: Record) -> bytes:
    """A record as a line of the output."""
    return to_json(record_to_json(record)) + b"\n"


def view_lines(
    method: Renders, document: Document, rendered_views: Iterable[Rendered], checks: Checks
) -> Iterator[tuple[str, bytes]]:
    """The views of a document that stay: how each was made, and its line.

    The lines are those of `line_of` and the checks those of `Checks`.
    """
    same = SameContent(document.text)
    values = [fact.value for fact in document.facts]
    form = record_to_json(view_outline(method, document))
    view, facts = form["view"], form.get("facts", [])
    for index, rendered in enumerate(rendered_views, 1):
        text, spans, variant = rendered
        sound = same(method.restored(variant, text)) and (
            not facts or [text[start:end] for start, end in spans] == values or _same_values(method, rendered, values)
        )
        if sound or checks.keeps(method, document, view_of(method, document, rendered, index)):
            form["id"], form["text"] = view_id(method, document, index), text
            view["method"], view["index"] = view_method(method, variant), index
            for fact, span in zip(facts, spans, strict=True):
                fact["start"], fact["end"] = span
            yield view["method"], to_json(form) + b"\n"


def _same_values(method: Renders, rendered: Rendered, values: list[str]) -> bool:
    text, spans, variant = rendered
    return all(
        text[start:end] == value or skeleton(method.restored_span(variant, text[start:end])) == skeleton(value)
        for (start, end), value in zip(spans, values, strict=True)
    )
