"""Settings that differ between groups of documents within one run (`train.multiplex`): which may, and what each group gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from kinj.config.leaves import put_leaf
from kinj.config.schema import Settings, SourceSettings
from kinj.config.typed import BadValueError, value_of
from kinj.config.values import YamlError, split_values

POOL = "documents"
"""The pool whose documents are split into groups."""

VIEWS = ("augment.method", "augment.views")
TEXTS = ("data.biographies.views", "data.biographies.permute", "data.biographies.full_name")
OF_A_SOURCE = ("augment", "views", "weight", "objective")

ACCEPTED = (*VIEWS, *TEXTS, *(f"train.stages.STAGE.data.SOURCE.{name}" for name in OF_A_SOURCE))
"""The settings that can differ per document."""

Treatment = Mapping[str, Any]
"""What one group of documents gets: values by full key."""


def axes(entries: Sequence[str]) -> dict[str, list[str]]:
    """`KEY=V1,V2` each to the values by key, as they were written; what is no such entry has no values."""
    parts = [entry.partition("=") for entry in entries]
    return {key.strip(): split_values(text) if text else [] for key, _, text in parts}


def described(entries: Sequence[str]) -> list[dict[str, str]]:
    """What each group gets, as it was written: values by key."""
    found = axes(entries)
    count = len(next(iter(found.values()), []))
    return [{key: texts[number] for key, texts in found.items()} for number in range(count)]


def treatments(settings: Settings) -> list[Treatment]:
    """What each group gets, in the order of the values; none where the run is not multiplexed. The settings passed their checks."""
    found = {key: [value_of(key.split("."), text) for text in texts] for key, texts in _axes(settings).items()}
    count = len(next(iter(found.values()), []))
    return [{key: values[number] for key, values in found.items()} for number in range(count)]


def settings_of(settings: Settings, treatment: Treatment) -> Settings:
    """The settings as they would be if all documents got one treatment.

    `augment.method` and `augment.views` go to every source of documents; one that names no method of its own takes both from there.
    """
    treated = deepcopy(settings)
    for key, value in treatment.items():
        places = [key] if key not in VIEWS else [f"{place}.{_OF_VIEWS[key]}" for place in taught(settings)]
        for place in places:
            put_leaf(treated, place, value)
    if set(VIEWS) & treatment.keys():
        for place in taught(settings):
            source = source_at(treated, place)
            if (
                "augment.views" not in treatment
                and source.views == SourceSettings().views
                and not source_at(settings, place).augment
            ):
                put_leaf(treated, f"{place}.views", treated.augment.views)
            if not source.augment:
                put_leaf(treated, f"{place}.augment", list(treated.augment.method))
    return treated


_OF_VIEWS = {"augment.method": "augment", "augment.views": "views"}


def taught(settings: Settings) -> list[str]:
    """The places of the sources, in stages that run, that draw from the pool `documents`."""
    stages = {name: settings.train.stages[name] for name in settings.train.order if name in settings.train.stages}
    return [
        f"train.stages.{name}.data.{key}"
        for name, stage in stages.items()
        for key, source in stage.data.items()
        if draws_documents(key, source)
    ]


def draws_documents(key: str, source: SourceSettings) -> bool:
    """Whether a source of that name draws from the pool `documents`."""
    return source.path is None and (source.pool or key) == POOL


def source_at(settings: Settings, place: str) -> SourceSettings:
    """The source at `train.stages.STAGE.data.SOURCE`."""
    _, _, stage, _, key = place.split(".")
    return settings.train.stages[stage].data[key]


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong with `train.multiplex`, one sentence each."""
    found = _axes(settings)
    if len(found) < len(settings.train.multiplex):
        yield "names a key twice"
    for key, texts in found.items():
        why = _wrong_key(settings, key) or _wrong_values(key, texts)
        if why:
            yield why
    if len({len(texts) for texts in found.values()}) > 1:
        counts = ", ".join(f"{key} {len(texts)}" for key, texts in found.items())
        yield f"every key needs a value for each group, and there are different numbers of them: {counts}"


def _axes(settings: Settings) -> dict[str, list[str]]:
    return axes(settings.train.multiplex)


def _wrong_key(settings: Settings, key: str) -> str | None:
    if key in TEXTS and settings.data.name != "biographies":
        return f"{key} is about generated people, and the data set is {settings.data.name}"
    if key in (*VIEWS, *TEXTS):
        return None if taught(settings) else f"no stage of train.order has a source that draws from the pool `{POOL}`"
    place, _, name = key.rpartition(".")
    path = place.split(".")
    if path[:2] != ["train", "stages"] or len(path) != 5 or path[3] != "data" or name not in OF_A_SOURCE:
        return f"{key} cannot differ between the documents of one run; what can: {', '.join(ACCEPTED)}"
    if path[2] not in settings.train.order or path[4] not in settings.train.stages[path[2]].data:
        return f"{key}: no stage of train.order has such a source"
    source = source_at(settings, place)
    if source.select.keep:
        return f"{key}: the source selects its questions by what is known (select.keep), so they cannot be split before"
    if name == "weight" and (source.share is not None or source.power):
        return (
            f"{key}: the source is drawn by {'share' if source.share is not None else 'power'}, so weight says nothing"
        )
    return None


def _wrong_values(key: str, texts: Sequence[str]) -> str | None:
    if len(texts) < 2:
        return f"{key} needs two values or more, as in {key}=V1,V2"
    for text in texts:
        try:
            value_of(key.split("."), text)
        except (BadValueError, YamlError, ValueError) as error:
            return f"{key}: {error}"
    return None
