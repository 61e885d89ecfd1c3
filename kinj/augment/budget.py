"""Views per document chosen so that the whole output has a given number of tokens."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from kinj.augment.checks import Checks
from kinj.augment.engine import Engine
from kinj.augment.questions import text_of, views_of
from kinj.augment.report import AugmentReport
from kinj.augment.share import Share, place
from kinj.augment.tokens import estimate_tokens
from kinj.config.errors import UsageError
from kinj.config.schema import Settings, count_of
from kinj.data.records import Record
from kinj.data.rng import stable_seed

SAMPLE = 1000
"""Most documents whose views are made to see how long they are."""
SAMPLE_CHARACTERS = 4_000_000
"""Characters of documents and views after which the sample is large enough, once it holds `LEAST` documents."""
LEAST = 30


@dataclass
class Sample:
    """Some of the documents and questions of a corpus, drawn by their ids, and the characters of all."""

    records: list[Record]
    characters: int = 0
    whole: bool = True
    """Whether the sample is the whole corpus."""

    def cut(self, target: int) -> None:
        """Leaves out the last ones where making their views would take long: an output of `target` tokens has
        about as many times more characters than the corpus as the sample's views have more than the sample."""
        growth = max(1.0, 4 * target / max(self.characters, 1))
        enough = SAMPLE_CHARACTERS / growth
        sizes = accumulate(len(text_of(record)) for record in self.records)
        needed = max(LEAST, 1 + sum(size < enough for size in sizes))
        self.whole = self.whole and needed >= len(self.records)
        del self.records[needed:]


def choose_share(records: Iterable[Record], settings: Settings) -> tuple[Share, int]:
    """Views per record for `augment.target_tokens`, and the tokens that are to be expected: of texts and prompts.

    Goes through all records once and counts the tokens of a sample and of its views; what the other records add is
    taken to be in proportion to their characters. The sample is drawn by ids, so their order does not matter.

    Raises:
        UsageError: the records alone have more tokens, or a language model writes the views.
    """
    target = count_of(settings.augment.target_tokens or "")
    assert target is not None
    sample = _drawn(records, settings.seed)
    sample.cut(target)
    texts = [text_of(record) for record in sample.records]
    own = estimate_tokens(settings.model.name, texts)
    scale = sample.characters / sum(map(len, texts))
    wanted = target / scale
    if wanted < sum(own):
        raise UsageError(
            f"the input alone has about {sum(own) * scale:,.0f} tokens, and augment.target_tokens is {target:,}",
            "ask for more tokens, or take fewer documents: data.limit=N",
        )
    rows = _views_of(sample, settings, int(wanted / sum(own)))
    totals = list(accumulate((sum(row) for row in rows), initial=sum(own)))
    least = max(views for views, total in enumerate(totals) if total <= wanted)
    if least == len(rows):
        return Share(least), round(totals[least] * scale)
    more = _share_of(rows[least], wanted - totals[least], sample, settings.seed)
    return Share(least, more), target


def _drawn(records: Iterable[Record], seed: int) -> Sample:
    """The records with the smallest hashes, in that order."""
    kept: list[tuple[int, str, Record]] = []  # a heap whose root has the largest hash; ids break ties
    sample = Sample([])
    for record in records:
        sample.characters += len(text_of(record))
        item = (-stable_seed(seed, record.id, "sample"), record.id, record)
        if len(kept) < SAMPLE:
            heapq.heappush(kept, item)
        else:
            sample.whole = False
            heapq.heappushpop(kept, item)
    sample.records = [record for _, _, record in sorted(kept, key=lambda item: item[:2], reverse=True)]
    return sample


def _views_of(sample: Sample, settings: Settings, most: int) -> list[list[int]]:
    """Tokens of the first, second, … view of every record of the sample.

    A view has about as many tokens as its original, and seldom fewer: more than `most` + 1 views will not be needed.
    """
    engine = Engine(settings.augment, settings.seed, Share(most + 1))
    checks = Checks(settings.augment.audit, AugmentReport())
    if engine.written:
        raise UsageError(
            "augment.target_tokens needs views that can be made on trial, and a language model is asked for these",
            "set augment.views (-k) instead",
        )
    rows: list[list[int]] = [[] for _ in range(most + 1)]
    for record in sample.records:
        views = views_of(record, engine, checks)
        counts = estimate_tokens(settings.model.name, [text_of(view) for view in views])
        for row in rows:
            row.append(0)
        for view, count in zip(views, counts, strict=True):
            assert view.view is not None
            rows[view.view.index - 1][-1] += count
    while rows and not any(rows[-1]):
        rows.pop()
    return rows


def _share_of(row: Sequence[int], wanted: float, sample: Sample, seed: int) -> float:
    """The share of records that must get one view more for `wanted` tokens, where those views have the tokens of `row`."""
    if not sample.whole:
        return wanted / sum(row)
    places = sorted(zip((place(record.id, seed) for record in sample.records), row, strict=True))
    reached = list(accumulate((count for _, count in places), initial=0))
    nearest = min(range(len(reached)), key=lambda number: abs(reached[number] - wanted))
    return places[nearest][0] if nearest < len(places) else 1.0
