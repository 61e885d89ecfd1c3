"""Views written straight to lines. Of a method whose views keep a document's words, only a few fields of a line differ from
view to view; everything else is put into words once per document, and no record is made for a view that is sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from kinj.augment.base import Rendered, Renders, view_of
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
    template = _Template(method, document)
    same = SameContent(document.text)
    values = [fact.value for fact in document.facts]
    for index, rendered in enumerate(rendered_views, 1):
        text, spans, variant = rendered
        sound = same(method.restored(variant, text)) and (
            [text[start:end] for start, end in spans] == values or _same_values(method, rendered, values)
        )
        if sound or checks.keeps(method, document, view_of(method, document, rendered, index)):
            yield f"{method.name}/{variant}", template.line(rendered, index)


def _same_values(method: Renders, rendered: Rendered, values: list[str]) -> bool:
    text, spans, variant = rendered
    return all(
        skeleton(method.restored_span(variant, text[start:end])) == skeleton(value)
        for (start, end), value in zip(spans, values, strict=True)
    )


class _Template:
    """The line of a view with gaps for what differs: index, text, places of facts, variant.

    The gaps are found by what stands around them: within a JSON string every quotation mark has a backslash before it,
    so `","text":""` is nowhere but between id and text.
    """

    def __init__(self, method: Renders, document: Document) -> None:
        facts = len(document.facts)
        line = line_of(view_of(method, document, Rendered("", [(0, 0)] * facts, ""), 0)).replace(b"%", b"%%")
        line = line.replace(b'0","text":""', b'%d","text":%b', 1)
        line = line.replace(b'"start":0,"end":0', b'"start":%d,"end":%d', facts)
        self._line = line.replace(b'/","index":0', b'/%b","index":%d', 1)

    def line(self, rendered: Rendered, index: int) -> bytes:
        """The line of a view."""
        places = chain.from_iterable(rendered.spans)
        return self._line % (index, to_json(rendered.text), *places, rendered.variant.encode(), index)
