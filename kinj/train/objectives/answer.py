"""`answer`: questions only, loss on the answer and its end."""

from __future__ import annotations

from collections.abc import Sequence

from kinj.config.errors import KinjError
from kinj.config.schema import StageSettings
from kinj.data.records import Document
from kinj.models.codec import Codec
from kinj.train.objectives.base import ByKind, Row


def build(stage: StageSettings) -> Answer:  # noqa: ARG001 - it has no settings
    """The objective; there is nothing to set."""
    return Answer()


class Answer(ByKind):
    """Refuses documents."""

    def documents(self, documents: Sequence[Document], codec: Codec) -> list[list[Row]]:  # noqa: ARG002 - part of the contract
        """None.

        Raises:
            KinjError: there is a document.
        """
        if documents:
            name = documents[0].id
            raise KinjError(f"objective `answer` needs questions, and {name} is a document", "use objective: auto")
        return []
