"""Checks that need more than one section, and the optimizer settings a stage ends up with."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from importlib.util import find_spec

from kinj.config import multiplex
from kinj.config.errors import UsageError
from kinj.config.names import DATA, METHODS, OBJECTIVES, PROBES, TRACKERS, WRITTEN
from kinj.config.schema import OptimSettings, Settings, StageSettings

Finding = tuple[str, str]
"""A full key and what is wrong with its value."""


def stage_optim(settings: Settings, name: str) -> OptimSettings:
    """The optimizer settings of a stage: `optim`, with what the stage overrides.

    Raises:
        UsageError: the stage overrides a key that does not exist, or with a value of the wrong kind.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    stage = settings.train.stages[name]
    if not stage.optim:
        return settings.optim
    try:
        merged = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(settings.optim), stage.optim))
    except (OmegaConfBaseException, ValueError) as error:
        raise UsageError(f"train.stages.{name}.optim: {str(error).splitlines()[0]}") from error
    assert isinstance(merged, OptimSettings)
    return merged


def problems(settings: Settings, command: str) -> Iterator[Finding]:
    """What is wrong between sections. Values inside each section are right by now."""
    yield from _names("data.name", [settings.data.name], DATA, "data set")
    yield from _names("eval.probes", settings.eval.probes, PROBES, "probe")
    yield from _names("train.probes", settings.train.probes, PROBES, "probe")
    yield from _names("augment.method", links(settings.augment.method), METHODS, "method")
    yield from _order(settings, command)
    yield from _lora(settings, command)
    yield from _trackers(settings, command)
    for name in settings.train.order:
        if name in settings.train.stages:
            yield from _stage(f"train.stages.{name}", settings.train.stages[name])
    yield from _stage_optims(settings)
    yield from _stop(settings)
    yield from _asking(settings)
    yield from _compare(settings)
    yield from _prune(settings)
    yield from _multiplex(settings)


def _names(key: str, names: Collection[str], known: Collection[str], word: str) -> Iterator[Finding]:
    for name in names:
        if name not in known:
            yield key, f"no such {word} as {name or 'an empty name'}{_near(name, known)}; there are: {', '.join(known)}"


def links(methods: Iterable[str]) -> list[str]:
    """Names of methods, with `permute+formatting` taken apart."""
    return [link for method in methods for link in method.split("+")]


OTHER_WORDS = {"reversal": "backward"}
"""Probes by what papers call what they measure, where no similar name would be found."""


def _near(name: str, known: Collection[str]) -> str:
    near = [OTHER_WORDS[name]] if OTHER_WORDS.get(name) in known else difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _order(settings: Settings, command: str) -> Iterator[Finding]:
    train = settings.train
    for name in train.order:
        if name not in train.stages:
            there = ", ".join(train.stages) or "none"
            yield "train.order", f"no such stage as {name}{_near(name, train.stages)}; there are: {there}"
    for name in sorted({name for name in train.order if train.order.count(name) > 1}):
        yield "train.order", f"names {name} twice; give the second one a name of its own under train.stages"
    if command == "train" and not train.order:
        yield "train.order", "is empty, so there is nothing to train; choose a recipe, such as train=inject"


def _lora(settings: Settings, command: str) -> Iterator[Finding]:
    if command == "train" and settings.model.name == "scratch" and settings.model.lora.rank:
        yield "model.lora.rank", "adapters need weights that are kept somewhere; train new ones in full (rank 0)"


def _trackers(settings: Settings, command: str) -> Iterator[Finding]:
    for name in settings.run.trackers if command in ("train", "sweep") else ():
        if find_spec(name) is None:
            yield "run.trackers", f"{name} is not installed; {TRACKERS[name]}"


def _stage(key: str, stage: StageSettings) -> Iterator[Finding]:
    if stage.epochs is None and stage.steps is None:
        yield key, "has no length; set epochs or steps"
    if not any(source.weight > 0 for source in stage.data.values()):
        yield f"{key}.data", "has no source with a weight above 0"
    yield from _names(f"{key}.objective", [stage.objective], OBJECTIVES, "objective")
    shares = [source.share for source in stage.data.values() if source.weight > 0]
    if sum(share for share in shares if share is not None) >= 1 or (shares and None not in shares):
        yield f"{key}.data", "the shares leave nothing: they must sum to less than 1, and one source must have none"
    for name, source in stage.data.items():
        if source.per is not None and source.per not in stage.data:
            there = ", ".join(other for other in stage.data if other != name) or "none"
            yield f"{key}.data.{name}.per", f"no such source as {source.per} in this stage; there are: {there}"
        elif source.per == name:
            yield f"{key}.data.{name}.per", "a source cannot be drawn per record of itself"
        yield from _objective(f"{key}.data.{name}.objective", source.objective)
        yield from _names(f"{key}.data.{name}.augment", links(source.augment), METHODS, "method")
        for method in [link for link in links(source.augment) if link in WRITTEN]:
            why = "is written by a language model; write the views first (kinj augment) and train on that file"
            yield f"{key}.data.{name}.augment", f"{method} {why}"


def _stop(settings: Settings) -> Iterator[Finding]:
    train = settings.train
    if train.stop.measure is None:
        return
    if train.stop.target is None and train.stop.patience is None:
        yield "train.stop", "never stops; set target or patience"
    if not (train.probe_every or train.probe_log):
        yield "train.stop.measure", "is never measured; set train.probe_every or train.probe_log"
    probe = train.stop.measure.partition("/")[0]
    if probe not in train.probes:
        yield "train.stop.measure", f"{probe} is not in train.probes; there are: {', '.join(train.probes) or 'none'}"


def _asking(settings: Settings) -> Iterator[Finding]:
    """Classes that no question can fall into, given how often each is asked."""
    asking = settings.train.asking
    for name in settings.train.order:
        for key, source in settings.train.stages[name].data.items() if name in settings.train.stages else ():
            where = f"train.stages.{name}.data.{key}.select.keep"
            if "maybe" in source.select.keep and asking.prompts == 1:
                yield where, "nothing is known `maybe` after one asking; raise train.asking.prompts"
            if "weakly" in source.select.keep and asking.samples == 0:
                yield where, "nothing is known `weakly` without samples; raise train.asking.samples"


def _objective(key: str, name: str | None) -> Iterator[Finding]:
    if name == "distill":
        yield key, "distill is a matter of the whole stage, whose loss it changes; set the stage's objective"
    elif name is not None:
        yield from _names(key, [name], OBJECTIVES, "objective")


def _stage_optims(settings: Settings) -> Iterator[Finding]:
    for name, stage in settings.train.stages.items():
        if stage.optim:
            try:
                stage_optim(settings, name)
            except UsageError as error:
                yield f"train.stages.{name}.optim", error.what.partition(": ")[2]


def _compare(settings: Settings) -> Iterator[Finding]:
    arms = settings.sweep.arms
    for pair in settings.sweep.compare:
        if len(pair) != 2:
            yield "sweep.compare", f"wants pairs of arms such as [[both, plain_twice]], got {pair}"
        for name in pair:
            if name not in arms:
                yield (
                    "sweep.compare",
                    f"no such arm as {name}{_near(name, arms)}; there are: {', '.join(arms) or 'none'}",
                )


def _prune(settings: Settings) -> Iterator[Finding]:
    sweep, train = settings.sweep, settings.train
    if sweep.prune is None:
        return
    if not (train.probes and (train.probe_every or train.probe_log)):
        yield (
            "sweep.prune",
            "there is no learning curve to judge by; set train.probes, and train.probe_every or probe_log",
        )
    if len(sweep.objectives) > 1:
        yield (
            "sweep.prune",
            "Optuna's pruners judge one curve, and sweep.objectives names several; leave one of the two out",
        )
    if train.multiplex:
        yield "sweep.prune", "a multiplexed trial teaches in several ways at once, which end together (train.multiplex)"
    if sweep.law is not None:
        yield "sweep.prune", "a law needs the trials that do badly too (sweep.law)"
    if find_spec("optuna") is None:
        yield "sweep.prune", "optuna is not installed; pip install kinj[optuna]"


def _multiplex(settings: Settings) -> Iterator[Finding]:
    """Of the values too: what each source would be under each treatment."""
    found = list(multiplex.problems(settings))
    yield from (("train.multiplex", text) for text in found)
    if settings.sweep.alone and not settings.train.multiplex:
        yield (
            "sweep.alone",
            "nothing is multiplexed (train.multiplex); a sweep without it trains with every value alone",
        )
    if settings.sweep.alone and settings.sweep.arms:
        yield "sweep.alone", "a sweep with arms has no room for it; check one way of teaching at a time"
    if settings.train.multiplex and settings.sweep.sampler == "tpe":
        yield (
            "train.multiplex",
            "tpe looks for one best setting, and a multiplexed trial has several (sweep.sampler=grid)",
        )
    known = {finding for name, stage in _stages(settings) for finding in _stage(name, stage)}
    for treatment in multiplex.treatments(settings) if not found else ():
        for name, stage in _stages(multiplex.settings_of(settings, treatment)):
            for key, text in _stage(name, stage):
                if (key, text) not in known and key.endswith((".augment", ".objective")):
                    yield "train.multiplex", f"{key}: {text}"


def _stages(settings: Settings) -> list[tuple[str, StageSettings]]:
    train = settings.train
    return [(f"train.stages.{name}", train.stages[name]) for name in train.order if name in train.stages]
