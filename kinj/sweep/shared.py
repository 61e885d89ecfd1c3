"""What several trials have in common is done once: the stages they begin with, and a tokenizer that they learn.

The first trial that needs it does it and hands it over; the others go on from there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kinj.config.schema import Settings
from kinj.data.environment import differences, environment
from kinj.data.files import atomic_write
from kinj.data.rundir import ENVIRONMENT, EVENTS, METRICS, RunDir
from kinj.data.shared import Claim, Store
from kinj.sweep.identity import learns_tokenizer, stage_keys, tokenizer_key

FOLDER = "shared"
"""Of a sweep: the ends of stages that trials have in common."""
COMMON = "shared.json"
"""Of a trial: the keys of what it has in common with others."""

StageEnd = Callable[[int, Path], None]
"""(number of a stage that is over, from 0; its checkpoint)."""


class Common:
    """What the trials of a sweep have in common, and which of them still need it."""

    def __init__(self, sweep: Path) -> None:
        self.store = Store(sweep / FOLDER)
        self._needed_by: dict[str, set[str]] = {}

    def plan(self, trials: Mapping[str, tuple[Settings, Path]], reuse: bool) -> None:
        """Tells every trial what it has in common with others.

        Args:
            trials: settings and folder of those that are not done, by identity.
            reuse: whether anything is to be shared (`sweep.reuse`).
        """
        keys = {name: _keys(settings) for name, (settings, _) in trials.items()} if reuse else {}
        for name, found in keys.items():
            for key in found:
                self._needed_by.setdefault(key, set()).add(name)
        for name, (_, folder) in trials.items():
            common = [key for key in keys.get(name, ()) if len(self._needed_by[key]) > 1 or self._is_there(key)]
            if common or (folder / COMMON).exists():
                atomic_write(folder / COMMON, json.dumps(common) + "\n")

    def _is_there(self, key: str) -> bool:
        return any(self.store.folder.glob(f"{key}-*"))

    def done(self, name: str) -> None:
        """A trial is done: what no other needs any more is removed."""
        for key, names in self._needed_by.items():
            if name in names:
                names.remove(name)
                if not names:
                    self.store.remove(f"{key}-*")

    def all_done(self) -> None:
        """Every trial is done: nothing is needed any more."""
        self.store.remove("*")


def would_wait(trial: Path, at_work: Iterable[Path]) -> bool:
    """Whether a trial would have to wait for something that one of those at work makes. All are named by their folders."""
    store = Store(trial.parents[1] / FOLDER)
    missing = {key for key in _listed(trial) if not any(store.folder.glob(f"{key}-*/"))}
    return bool(missing) and any(missing.intersection(_listed(other)) for other in at_work)


def _listed(trial: Path) -> list[str]:
    """The keys of what a trial has in common with others."""
    path = trial / COMMON
    found: list[str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def _keys(settings: Settings) -> list[str]:
    """Of all that a trial could share."""
    return [*stage_keys(settings), *([tokenizer_key(settings)] if learns_tokenizer(settings) else [])]


def with_shared_tokenizer(settings: Settings, run: RunDir, learn: Callable[[Settings], Any]) -> Settings:
    """A trial's settings, with a tokenizer that was learned once for several trials in place of one that is to be learned.

    Args:
        run: the trial's, in the folder of a sweep, before training begins or goes on.
        learn: makes the tokenizer, if this is the trial that does.
    """
    here = _wanted(run) if learns_tokenizer(settings) and not run.checkpoints() else {}
    name = here.get(tokenizer_key(settings)) if here else None
    if name is None:
        return settings
    found = _store(run).obtain(name, run.path.name, str)
    if found is not None and not isinstance(found, Path):
        with found, _told_where_full(run, "the tokenizer"), _store(run).put(name) as folder:
            learn(settings).save_pretrained(folder)
    entry = _store(run).get(name)
    return replace(settings, model=replace(settings.model, tokenizer=str(entry))) if entry else settings


@contextmanager
def shared_stages(settings: Settings, run: RunDir) -> Iterator[StageEnd | None]:
    """Lets a trial take over what others have trained, and hand over what it trains: to be called when a stage is over.

    Where another trial is at work on what this one needs, it is waited for. Trials in different environments share nothing,
    since they would differ in their last bits.

    Args:
        run: the trial's, in the folder of a sweep, before training begins or goes on.
    """
    here = _wanted(run)
    keys = enumerate(stage_keys(settings), start=1) if here else ()
    common = {count: here[key] for count, key in keys if key in here}
    if not common:
        yield None
        return
    hands = _Hands(settings.train.order, run, _store(run), common)
    try:
        hands.take()
        yield hands.give
    finally:
        for claim in hands.claims.values():
            claim.close()


def _store(run: RunDir) -> Store:
    return Store(run.path.parent.parent / FOLDER)


def _wanted(run: RunDir) -> dict[str, str]:
    """The entries a trial has in common with others, by their keys: those that are, or would be, made in its environment."""
    wanted = _listed(run.path)
    if not wanted:
        return {}
    first = json.loads((run.path / ENVIRONMENT).read_text(encoding="utf-8"))
    now = environment() | {"commit": first["commit"]}  # of whatever folder this was started in
    if differences(first, now):
        return {}
    del now["commit"]
    here = hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()[:8]
    return {key: f"{key}-{here}" for key in wanted}


@contextmanager
def _told_where_full(run: RunDir, what: str) -> Iterator[None]:
    """Handing over fails where the disk is full: a pity for the others, and none of the trial's business."""
    try:
        yield
    except OSError as error:
        run.event("notice", text=f"{what} could not be handed to other trials ({error}); they make it themselves")


@dataclass
class _Hands:
    """What one trial takes from others and gives to them."""

    order: list[str]
    run: RunDir
    store: Store
    common: dict[int, str]
    claims: dict[int, Claim] = field(default_factory=dict)
    waited_for: set[str] = field(default_factory=set)

    def take(self) -> None:
        """Takes over as many stages as others have trained or are training, and claims those that follow."""
        from kinj.train.checkpoint import sound_checkpoint  # imports torch

        checkpoint = sound_checkpoint(self.run)
        if checkpoint is not None:  # it goes on with its own
            state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
            self._claim_after(len(state["finished"]))
            return
        began = time.monotonic()
        done, entry = self._longest()
        for count, name in self.common.items():
            if count <= done:
                continue
            found = self.store.obtain(name, self.run.path.name, self._signs)
            if not isinstance(found, Path):
                if found is not None:
                    self.claims[count] = found
                break
            done, entry = count, found
        self._claim_after(max([done, *self.claims]))
        if entry is not None:
            self._take_over(entry, time.monotonic() - began)

    def _longest(self) -> tuple[int, Path | None]:
        """The most stages that are there, and their entry."""
        for count, name in reversed(self.common.items()):
            if entry := self.store.get(name):
                return count, entry
        return 0, None

    def _take_over(self, entry: Path, waited: float) -> None:
        from kinj.train.handover import take_over  # imports torch

        try:
            take_over(entry, self.run, waited)
        except OSError as error:
            text = f"what another trial trained could not be taken over ({error}); this one trains it itself"
            self.run.event("notice", text=text)

    def _claim_after(self, done: int) -> None:
        for count, name in self.common.items():
            claim = self.store.claim(name, self.run.path.name) if count > done else None
            if claim is not None:
                self.claims[count] = claim

    def _signs(self, maker: str) -> object:
        """How far the trial that this one waits for is, as its files tell."""
        if maker not in self.waited_for:
            self.waited_for.add(maker)
            self.run.event("waiting", **{"for": maker})
        files = [self.run.path.parent / maker / name for name in (METRICS, EVENTS)]
        return maker, [path.stat().st_size for path in files if path.exists()]

    def give(self, index: int, checkpoint: Path) -> None:
        """Hands over the end of a stage, where others need it and none of them has done so."""
        from kinj.train.handover import hand_over

        claim = self.claims.pop(index + 1, None)
        if claim is None:
            return
        name, what = self.common[index + 1], f"the end of stage `{self.order[index]}`"
        with claim, _told_where_full(self.run, what):
            if not self.store.get(name):
                with self.store.put(name) as folder:
                    hand_over(self.run, checkpoint, self.order[: index + 1], folder)
