"""Every view beside what it was made from: does it still say the same, and what happens where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kinj.augment.base import AnyMethod, keeps_content
from kinj.augment.report import AugmentReport
from kinj.augment.skeleton import SameContent, skeleton
from kinj.config.errors import KinjError
from kinj.config.schema import AuditSettings
from kinj.data.files import record_to_json, to_line
from kinj.data.records import Document

Found = dict[str, Any]
"""A change: its `kind`, `how` (lost, changed or added), and the words concerned in the `original` and the `view`."""

CONTENT_CHANGED = [{"kind": "content", "how": "changed", "original": "", "view": ""}]


class Checks:
    """Checks views and counts what it finds.

    Methods that preserve content are checked letter by letter; methods that preserve facts, and with `settings.all`
    every method, by the audit.

    Args:
        settings: what is audited and what happens to a view in which something changed.
        report: where it is counted.

    Attributes:
        aside: a line for each such view that did not stop the work: the view, with its `changes` and whether it was `kept`.
    """

    def __init__(self, settings: AuditSettings, report: AugmentReport) -> None:
        self.settings, self.report = settings, report
        self.aside: list[bytes] = []
        self._last: tuple[Document, SameContent] | None = None

    def keeps(self, method: AnyMethod, original: Document, view: Document) -> bool:
        """Whether a view stays in the output.

        Raises:
            KinjError: something changed, and the policy is `fail`.
        """
        changes = [] if self._says_the_same(method, original, view) else CONTENT_CHANGED
        if self.settings.all or method.preserves == "facts":
            self.report.audited[method.name] += 1
            # What a method declares it adds is no change: numbers of list items, labels, markup.
            read = replace(view, text=method.restore(view), facts=[]) if keeps_content(method) else view
            # Who promises nothing may also leave something out: a question, a single statement.
            changes = [*changes, *_audit(original, read, whole=method.preserves != "nothing")]
        return not changes or self._keeps_changed(method, original, view, changes)

    def _says_the_same(self, method: AnyMethod, original: Document, view: Document) -> bool:
        if not keeps_content(method):
            return True
        if self._last is None or self._last[0] is not original:
            self._last = (original, SameContent(original.text))
        return self._last[1](method.restore(view)) and all(
            view.text[fact.start : fact.end] == fact.value
            or skeleton(method.restore_span(view, fact.start, fact.end)) == skeleton(fact.value)
            for fact in view.facts
        )

    def _keeps_changed(self, method: AnyMethod, original: Document, view: Document, changes: Sequence[Found]) -> bool:
        name = view.view.method if view.view else method.name
        if self.settings.policy == "fail":
            raise KinjError(
                f"document {original.id}: the view written by {name} does not say what the original says ({_words(changes[0])})",
                "augment.audit.policy=drop leaves such views out and counts them; augment.audit.policy=report keeps them",
            )
        kept = self.settings.policy == "report"
        self.report.failed[name] += 1
        self.report.dropped += not kept
        self.report.offending[method.name] += 1
        self.report.changes.update({f"{method.name}: {change['kind']} {change['how']}" for change in changes})
        self.aside.append(to_line({**record_to_json(view), "changes": changes, "kept": kept}))
        return kept


def _audit(original: Document, view: Document, whole: bool) -> list[Found]:
    from kinj.augment.audit import audit

    return [
        {"kind": change.kind, "how": change.how, "original": change.original, "view": change.view}
        for change in audit(original, view, whole=whole)
    ]


def _words(change: Found) -> str:
    words = " → ".join(f"`{change[side]}`" for side in ("original", "view") if change[side])
    return " ".join(filter(None, [change["kind"], change["how"], words]))
