"""Settings of a sweep that have no effect in any of its trials, so that rows which differ in nothing are not taken for a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kinj.config import Loaded, inert, multiplex
from kinj.config.loader import written
from kinj.config.schema import Settings
from kinj.sweep.results import PlannedTrial


def unread(planned: Sequence[PlannedTrial], loaded: Loaded) -> Iterator[str]:
    """One line for each setting that was varied or typed and that no trial reads, with the reason in the first of them.

    Args:
        planned: the trials.
        loaded: what they share; what its own warnings say already is left out.
    """
    varied = dict.fromkeys(key for one in planned for key in one.trial.overrides)
    told = dict.fromkeys((warning.partition(" ")[0] for warning in loaded.warnings), "")
    names = {key: f"{key}, which is varied," for key in varied}
    names |= {
        key: f"{key} = {written(value)} ({origin})"
        for key, value, origin in loaded.changed()
        if key not in varied and not origin.startswith("conf/") and _why(key, told) is None
    }
    causes = [dict(_causes(one.settings, one.trial.overrides)) for one in planned]
    for key, name in names.items():
        concerned = [
            here for one, here in zip(planned, causes, strict=True) if key not in varied or key in one.trial.overrides
        ]
        found = [_why(key, here) for here in concerned]
        if found and all(found):
            yield f"{name} has no effect: {found[0]}"


def _causes(settings: Settings, overrides: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    read = multiplex.VIEWS if multiplex.taught(settings) and any(key in multiplex.VIEWS for key in overrides) else ()
    for key, why in (*inert.inert(settings, "train"), *inert.idle_stages(settings)):
        if key not in read:
            yield key, why


def _why(key: str, causes: Mapping[str, str]) -> str | None:
    """Why a key has no effect: it, or a section it lies in, is among the causes."""
    return next((why for start, why in causes.items() if f"{key}.".startswith(f"{start.removesuffix('.')}.")), None)
