"""Where the time of the formatting method goes: part by part of the work, and format by format. Used by `bench/augment.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.formats.flat import Flat
from kinj.augment.formats.layout import Layout
from kinj.augment.formats.table import FORMATS
from kinj.augment.methods.formatting import Formatting, drawn
from kinj.augment.report import AugmentReport
from kinj.augment.shards import Shards
from kinj.config.schema import DataSettings, Settings
from kinj.data.forms import document_from_json
from kinj.data.records import Document


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    function(*arguments)
    return time.process_time() - began


def fastest(function: Callable[[], Any], rounds: int = 3) -> float:
    """The least of a few times."""
    return min(seconds(function) for _ in range(rounds))


def where(source: Path, settings: Settings, total: float) -> dict[str, float]:
    """CPU microseconds per record of each part of the work, measured part by part.

    Args:
        total: what all of it takes; what no part accounts for is the rest.
    """
    engine, views = Engine(settings.augment, 0), settings.augment.views
    method, checks = engine.chains[0].first, Checks(settings.augment.audit, AugmentReport())
    assert isinstance(method, Formatting)
    shards = list(Shards([str(source)], DataSettings(), "stop", 1 + views))
    lines = [line for shard in shards for line in shard.lines]
    documents = [document_from_json(orjson.loads(line)) for line in lines]

    def draw() -> None:
        for document in documents:
            count, rng = engine.asked(document, method)
            list(islice(drawn(method.decks, rng), count))

    def render() -> None:
        for document in documents:
            for _ in method.renderings(document, *engine.asked(document, method)):
                pass

    found = {
        "reading, cutting, ids": fastest(lambda: list(Shards([str(source)], DataSettings(), "stop", 1 + views))),
        "parsing documents": fastest(lambda: [document_from_json(orjson.loads(line)) and None for line in lines]),
        "white space, sentences, facts": fastest(lambda: [prepared(document) and None for document in documents]),
        "drawing formats": fastest(draw),
    }
    rendered = fastest(render)
    made = fastest(lambda: [engine.lines(document, checks) and None for document in documents])
    found["rendering, leaving out repeated ones"] = (
        rendered - found["white space, sentences, facts"] - found["drawing formats"]
    )
    found["lines, comparing facts, counting"] = made - rendered
    per_record = {name: value / (len(lines) * (1 + views)) * 1e6 for name, value in found.items()}
    per_record["original records, writing, start"] = total - sum(per_record.values())
    return {name: round(value, 2) for name, value in per_record.items()}


def prepared(document: Document) -> Flat:
    """What is done once per document, whatever the formats."""
    flat = Flat(document)
    flat.units(by_sentence=True)
    flat.units(by_sentence=False)
    return flat


def slowest(documents: Sequence[Document], count: int = 12) -> dict[str, float]:
    """The formats that take longest on these documents: CPU microseconds a view, with what a format alone needs of a
    document. And the median format."""
    found: dict[str, float] = {}
    for name, form in FORMATS.items():
        found[name] = round(min(_rendering(form.layout, documents) for _ in range(3)) / len(documents) * 1e6, 2)
    order = sorted(found, key=lambda name: -found[name])
    return {name: found[name] for name in order[:count]} | {"(median)": found[order[len(order) // 2]]}


def _rendering(layout: Layout, documents: Sequence[Document]) -> float:
    flats = list(map(prepared, documents))
    return seconds(lambda: [layout.render(flat) and None for flat in flats])
