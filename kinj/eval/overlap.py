"""Which of a probe's prompts stand in what the model was trained on. Recall counts only where they do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from kinj.config import multiplex
from kinj.config.errors import KinjError
from kinj.config.names import BUILT_IN_MODELS
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.files import read_records
from kinj.data.records import Question, Record
from kinj.eval.asking import run_settings
from kinj.eval.base import Context

_WORD = re.compile(r"[^\W_]+")
BASE_POOLS = ("base_documents", "base_questions")
"""What the shipped models were pre-trained on."""


def words(text: str) -> tuple[str, ...]:
    """The runs of letters and digits of a text, in lower case: what layout, markup and punctuation leave untouched."""
    return tuple(_WORD.findall(text.lower()))


@dataclass
class TrainingTexts:
    """Word sequences of the texts and questions a model was trained on, and where they come from.

    Views that keep the content have the words of their original in the same order, so originals are enough.
    """

    sources: list[str] = field(default_factory=list)
    texts: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, source: str, records: Iterable[Record]) -> None:
        self.sources.append(source)
        self.texts += [words(record.prompt if isinstance(record, Question) else record.text) for record in records]


def training_texts(context: Context) -> TrainingTexts:
    """What the run under test was trained on (its stages' sources), or, without a run, what a shipped model was.

    Nothing is known of other models, nor of a run whose data are gone: then the result has no sources.
    """
    found = TrainingTexts()
    if context.run is None:
        if context.settings.model.name in BUILT_IN_MODELS:
            _add_pools(found, context.data, BASE_POOLS)
        return found
    try:
        _add_stages(found, context)
    except KinjError as error:
        why = " ".join(str(error).split())
        context.notices.append(f"the run's training texts cannot be read, so prompts are not looked up in them: {why}")
        return TrainingTexts()
    return found


def _add_stages(found: TrainingTexts, context: Context) -> None:
    settings = run_settings(context)
    data = context.data if settings.data == context.settings.data else open_data(settings.data)
    stages = [settings.train.stages[name] for name in settings.train.order]
    sources = [(key, source) for stage in stages for key, source in stage.data.items() if source.weight > 0]
    for path in dict.fromkeys(source.path for _, source in sources if source.path):
        found.add(path, read_records(path, settings.data.fields))
    _add_pools(found, data, dict.fromkeys(source.pool or key for key, source in sources if not source.path))
    for treatment in multiplex.treatments(settings):
        treated = multiplex.settings_of(settings, treatment).data
        if treated != settings.data:
            _add_pools(found, open_data(treated), [multiplex.POOL])


def _add_pools(found: TrainingTexts, data: DataSet, pools: Iterable[str]) -> None:
    for pool in pools:
        if pool in data.pools:
            found.add(pool, data.pool(pool))


def prompt_overlap(questions: Sequence[Question], training: TrainingTexts) -> dict[str, Any]:
    """How many prompts stand, word for word, in a training text or question; a question given twice counts once.

    Questions that ask for recitation (`meta.recitation`) are left out: their prompts are the texts.

    Returns:
        `share` and `found` (None where the training texts are not known), `prompts`, `texts` and `sources`.
    """
    asked = {question.id: question.prompt for question in questions if not question.meta.get("recitation")}
    prompts = [words(prompt) for prompt in asked.values()]
    counts: dict[str, Any] = {"prompts": len(prompts), "texts": len(training.texts), "sources": training.sources}
    if not training.sources or not prompts:
        return {"share": None, "found": None, **counts}
    found_in_texts = met(set(prompts), training.texts)
    found = sum(prompt in found_in_texts for prompt in prompts)
    return {"share": found / len(prompts), "found": found, **counts}


def met(prompts: Set[tuple[str, ...]], texts: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The prompts (as `words`) that are a run of words of some text."""
    lengths: dict[str, set[int]] = {}
    for prompt in prompts:
        if prompt:
            lengths.setdefault(prompt[0], set()).add(len(prompt))
    return {run for text in texts for run in _runs(text, lengths) if run in prompts}


def _runs(text: tuple[str, ...], lengths: dict[str, set[int]]) -> Iterator[tuple[str, ...]]:
    """The runs of words that begin like a prompt and are as long as one that begins so."""
    for start, word in enumerate(text):
        for length in lengths.get(word, ()):
            if start + length <= len(text):
                yield text[start : start + length]
