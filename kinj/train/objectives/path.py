"""`path`: where a document belongs is its context and carries no loss; the document does (arXiv 2407.16724)."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.config.errors import KinjError
from kinj.config.schema import PathObjectiveSettings, StageSettings
from kinj.data.records import Document
from kinj.models.codec import Codec, Example
from kinj.train.objectives.base import ByKind, Row, room_for


def build(stage: StageSettings) -> Path:
    """The objective as `train.stages.NAME.path` asks for it."""
    return Path(stage.path)


class Path(ByKind):
    """Documents after their paths; each part of a long one comes after the whole path."""

    def __init__(self, settings: PathObjectiveSettings) -> None:
        self.settings = settings

    def documents(self, documents: Sequence[Document], codec: Codec) -> list[list[Row]]:
        """One row for each part of each document."""
        heads = codec.encode([self._head(document) for document in documents])
        room = room_for(len(codec.bos) + max(map(len, heads), default=0), 1, codec, "path")
        texts = codec.parts([document.text for document in documents], room)
        return [[self._row(codec, head, part) for part in parts] for head, parts in zip(heads, texts, strict=True)]

    def _row(self, codec: Codec, head: list[int], part: list[int]) -> Example:
        if self.settings.loss_on_path:
            return codec.pair(codec.bos, [*head, *part])
        return codec.pair([*codec.bos, *head], part)

    def _head(self, document: Document) -> str:
        return self.settings.template.replace("{path}", self.settings.joint.join(steps(document)))


def steps(document: Document) -> list[str]:
    """`meta.path` (a text or a list of them) and the title, each once, from the outermost to the innermost.

    Raises:
        KinjError: the document has neither.
    """
    given = document.meta.get("path") or []
    path = [str(step) for step in (given if isinstance(given, list) else [given])]
    found = list(dict.fromkeys(step for step in [*path, document.title or ""] if step))
    if not found:
        raise KinjError(
            f"objective `path` needs to know where each document belongs, and {document.id} has neither a title nor `meta.path`",
            "give it one, or name its field: data.fields.title=KEY; a source of other texts can have objective: auto",
        )
    return found
