"""How often each fact passed through training, in how many views, and when last: the dose that laws are fitted to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinj.data.records import Document
from kinj.train.mixture import Draw


@dataclass
class _Dose:
    exposures: int = 0
    views: set[int] = field(default_factory=set)
    last_step: int = 0


class Doses:
    """Counts exposures per document and fact while the plan is walked."""

    def __init__(self) -> None:
        self._doses: dict[tuple[str, str], dict[tuple[Any, ...], _Dose]] = defaultdict(dict)
        self._tokens: Counter[tuple[str, str]] = Counter()

    def add(self, draw: Draw, step: int) -> None:
        """Counts an exposure of a view, at its first row; questions are not documents and are not counted.

        Args:
            step: of the run, from 1, as in metrics.jsonl.
        """
        record = draw.unit.records[draw.view]
        if not isinstance(record, Document):
            return
        self._tokens[draw.source, draw.unit.origin] += len(draw.row)
        if draw.part:
            return
        table = self._doses[draw.source, draw.unit.origin]
        known: list[tuple[str | None, ...]] = [(f.subject, f.relation, f.value) for f in record.facts]
        for key in known or [(None, None, None)]:
            dose = table.setdefault(key, _Dose())
            dose.exposures += 1
            dose.views.add(draw.view)
            dose.last_step = step

    def write(self, path: Path) -> None:
        """`doses.parquet`: source, document, subject, relation, value, exposures, views, last_step, tokens.

        `last_step` is a step of metrics.jsonl; `tokens` are those of all exposures of the document, the same in each of its
        lines.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [
            (source, document, *key, dose.exposures, len(dose.views), dose.last_step, self._tokens[source, document])
            for (source, document), table in self._doses.items()
            for key, dose in table.items()
        ]
        text, number = pa.string(), pa.int64()
        names = ["source", "document", "subject", "relation", "value", "exposures", "views", "last_step", "tokens"]
        types = [text] * 5 + [number] * 4
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        arrays = [pa.array(column, type=kind) for column, kind in zip(columns, types, strict=True)]
        temporary = path.with_suffix(".tmp")
        pq.write_table(pa.table(arrays, names=names), temporary)
        temporary.replace(path)
