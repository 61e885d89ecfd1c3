"""Settings that somebody changed but that nothing will read, each with the reason."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

from kinj.config import multiplex
from kinj.config.check import links, stage_optim
from kinj.config.names import BUILT_IN_MODELS, WRITTEN
from kinj.config.schema import OptimSettings, Settings

WITH_SETTINGS = ("formatting", "masked", "reverse", "templates")
"""Augmentation methods with settings of their own, under `augment.NAME`."""

USED_BY = {
    "augment": ("seed", "run", "model", "data", "augment"),
    "train": ("seed", "run", "model", "data", "augment", "train", "optim", "eval"),
    "eval": ("seed", "run", "model", "data", "eval"),
}
"""Roots each command reads; a command that is not listed reads all."""

SAM_KEYS_OF = {"eta": "asam", "alpha": "looksam", "uphill": "momentum"}
"""Keys of `optim.sam` that only one variant reads."""

Rule = Callable[[Settings], Iterator[tuple[str, str]]]
"""Yields (key or start of a key ending in a dot, why it has no effect)."""


def inert(settings: Settings, command: str) -> Iterator[tuple[str, str]]:
    """Keys, or starts of keys ending in a dot, that have no effect under these settings, and why.

    Where documents are treated differently (`train.multiplex`), those that have none under any of the treatments.
    """
    treatments = multiplex.treatments(settings) if command == "train" else []
    treated = [dict(_inert(multiplex.settings_of(settings, one), command)) for one in treatments]
    read = multiplex.VIEWS if any(key in multiplex.VIEWS for one in treatments for key in one) else ()
    for key, why in treated[0].items() if treated else _inert(settings, command):
        if key not in read and all(key in other for other in treated):
            yield key, why


def _inert(settings: Settings, command: str) -> Iterator[tuple[str, str]]:
    rules: list[Rule] = [_model, _data]
    if command == "train":
        rules += [_adapters, _documents, _sam, _schedule, _views_while_training]
        rules += [_sources, _objectives, _probes_on_the_way]
    if command in ("augment", "eval"):
        rules += [_no_trackers]
    if command == "eval":
        rules += [_no_adapters, _judge, _probes]
    if command == "sweep":
        rules += [_samplers]
    if command == "augment":
        rules += [_methods, _augmenting, _language_model]
    for rule in rules:
        yield from rule(settings)


def unused_roots(command: str) -> Iterator[tuple[str, str]]:
    """Sections that a command never reads."""
    used = USED_BY.get(command)
    for root in ("model", "data", "augment", "train", "optim", "eval", "sweep"):
        if used is not None and root not in used:
            yield f"{root}.", f"kinj {command} does not read {root}"


def idle_stages(settings: Settings) -> Iterator[tuple[str, str]]:
    """Stages that never run, neither as the settings stand nor in an arm of the sweep."""
    orders = [settings.train.order, *(arm.get("train.order") or [] for arm in settings.sweep.arms.values())]
    used = {name for order in orders for name in order}
    for name in settings.train.stages:
        if name not in used:
            near = difflib.get_close_matches(name, settings.train.order, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            yield f"train.stages.{name}", f"the stage is not in train.order{meant}"


def _samplers(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.sweep.sampler == "grid":
        yield "sweep.points", "a grid tries every combination (sweep.sampler=random or tpe draws)"
    if settings.sweep.sampler != "tpe":
        yield "sweep.objectives", "only sweep.sampler=tpe looks at results to choose trials"
    if settings.sweep.prune is None:
        yield "sweep.prune_after", "no trial is ended early (sweep.prune is null)"


def _sam(settings: Settings) -> Iterator[tuple[str, str]]:
    stages = {name: stage_optim(settings, name) for name in settings.train.order}
    if all(optim.sam.rho == 0 for optim in stages.values()):
        yield from _sam_keys("optim.sam", "SAM is off (optim.sam.rho is 0)")
    used = [optim.sam for optim in stages.values() if optim.sam.rho > 0]
    for name, variant in SAM_KEYS_OF.items():
        if used and all(sam.variant != variant for sam in used):
            yield f"optim.sam.{name}", f"only variant {variant} reads it"
    if used and all(sam.variant == "momentum" for sam in used):
        yield "optim.sam.fraction", "variant momentum has no first pass, and finds its direction in the momentum"
        yield "optim.sam.scope", "variant momentum has no first pass; the momentum is the same in every process"
    if used and all(sam.variant == "looksam" and sam.every == 1 for sam in used):
        yield "optim.sam.variant", "with optim.sam.every=1 looksam is plain SAM; its source uses 5"
    for name, optim in stages.items():
        if optim.sam.rho == 0:
            yield from _sam_keys(f"train.stages.{name}.optim.sam", "SAM is off in this stage (rho is 0)")


def _sam_keys(prefix: str, why: str) -> Iterator[tuple[str, str]]:
    for name in ("variant", "fraction", "every", "start_step", "scope", "include", "offload", *SAM_KEYS_OF):
        yield f"{prefix}.{name}", why


def _schedule(settings: Settings) -> Iterator[tuple[str, str]]:
    def constant(optim: OptimSettings) -> bool:
        return optim.schedule == "constant"

    stages = {name: stage_optim(settings, name) for name in settings.train.order}
    if stages and all(constant(optim) for optim in stages.values()):
        yield "optim.final_lr", "the schedule is constant (optim.schedule)"
    for name, optim in stages.items():
        if constant(optim):
            yield f"train.stages.{name}.optim.final_lr", "the stage's schedule is constant"


def _model(settings: Settings) -> Iterator[tuple[str, str]]:
    model = settings.model
    if model.name != "scratch":
        for name in ("size", "vocabulary", "context", "tokenizer"):
            yield f"model.{name}", f"only a new model has it (model=scratch), and model.name is {model.name}"
    elif model.tokenizer != "train":
        yield "model.vocabulary", f"only a tokenizer that is trained has it (model.tokenizer is {model.tokenizer})"
    if model.name in BUILT_IN_MODELS or Path(model.name).exists():
        yield "model.revision", f"only a Hub model has revisions, and model.name is {model.name}"
        if model.name in BUILT_IN_MODELS:
            yield "model.trust_remote_code", f"{model.name} comes with kinj and holds no code"


def _adapters(settings: Settings) -> Iterator[tuple[str, str]]:
    if not settings.model.lora.rank:
        for name in ("alpha", "dropout", "targets"):
            yield f"model.lora.{name}", "all weights are trained (model.lora.rank is 0)"


def _no_adapters(settings: Settings) -> Iterator[tuple[str, str]]:  # noqa: ARG001 - a rule
    yield "model.lora.", "adapters are made in training; a model or run is asked with those it has"


def _judge(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.eval.judge.model is None:
        yield "eval.judge.", "no judge is asked (eval.judge.model is null)"


def _no_trackers(settings: Settings) -> Iterator[tuple[str, str]]:  # noqa: ARG001 - a rule
    yield "run.trackers", "only training has metrics to show"


def _probes(settings: Settings) -> Iterator[tuple[str, str]]:
    probes = set(settings.eval.probes)
    if not probes & {"qa", "wiki2023"}:
        for name in ("shots", "open_book"):
            yield f"eval.{name}", "only the probes qa and wiki2023 read it (eval.probes)"
    if "retention" not in probes:
        yield "data.retention.", "only the probe retention reads it (eval.probes)"
        yield "eval.retention.", "only the probe retention reads it (eval.probes)"
    if "cloze" not in probes:
        yield "eval.cloze.", "only the probe cloze reads it (eval.probes)"
    if settings.eval.limit is None:
        yield "eval.sample", "all questions are asked (eval.limit is null)"


def _data(settings: Settings) -> Iterator[tuple[str, str]]:
    data = settings.data
    if data.name != "biographies":
        yield "data.biographies.", f"data.name is {data.name}, not biographies"
    if data.name in ("biographies", "corpus"):
        yield "data.path", f"data.name is {data.name}, which has no original files"


def _documents(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.data.name == "biographies":
        yield "data.documents", "data.name is biographies; add data=corpus"


def _augmenting(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.augment.target_tokens is not None:
        yield "augment.views", "augment.target_tokens chooses the views"
    if settings.augment.engine == "ray":
        yield "augment.workers", "a Ray cluster uses all its processors (augment.engine=ray)"
    for field in fields(settings.model):
        if field.name != "name":
            key = f"model.{field.name}{'.' if field.name == 'lora' else ''}"
            yield key, "kinj augment uses only the tokenizer of model.name"


def _language_model(settings: Settings) -> Iterator[tuple[str, str]]:
    if not set(WRITTEN) & set(links(settings.augment.method)):
        yield "augment.llm.", "no method in augment.method is written by a language model"
        return
    for name in ("workers", "engine"):
        yield f"augment.{name}", "where a language model is asked, this process does all the work"
    if settings.augment.llm.url is None:
        for name in ("key_env", "retries", "timeout"):
            yield f"augment.llm.{name}", "the model is on this machine (augment.llm.url is not set)"


def _methods(settings: Settings) -> Iterator[tuple[str, str]]:
    used = set(links(settings.augment.method))
    for name in (*WITH_SETTINGS, *WRITTEN):
        if name not in used:
            yield f"augment.{name}.", f"augment.method does not name {name}"


def _views_while_training(settings: Settings) -> Iterator[tuple[str, str]]:
    why = "in training, each source names its own: train.stages.STAGE.data.SOURCE."
    yield "augment.method", f"{why}augment"
    yield "augment.views", f"{why}views"
    for name in ("workers", "engine"):
        yield f"augment.{name}", "in training, views are made by the training process"
    for name in ("target_tokens", "duplicates"):
        yield f"augment.{name}", "only kinj augment reads it"
    for name in (*WRITTEN, "llm"):
        yield f"augment.{name}.", "views that a language model writes are made before training (kinj augment)"
    stages = [settings.train.stages[name] for name in settings.train.order]
    used = {method for stage in stages for source in stage.data.values() for method in source.augment}
    for name in WITH_SETTINGS:
        if name not in used:
            yield f"augment.{name}.", f"no source of a stage is augmented by {name}"


def _sources(settings: Settings) -> Iterator[tuple[str, str]]:
    asked = False
    for name in settings.train.order:
        for key, source in settings.train.stages[name].data.items():
            asked |= bool(source.select.keep)
            if not source.augment:
                yield f"train.stages.{name}.data.{key}.views", "the source names no method (augment)"
            if source.share is not None:
                yield f"train.stages.{name}.data.{key}.weight", "the source takes a share of the tokens (share)"
            if not source.select.keep:
                yield f"train.stages.{name}.data.{key}.select.others", "all questions are kept (select.keep is empty)"
    if not asked:
        yield "train.asking.", "no source selects questions by what is known (select.keep)"
    elif settings.train.asking.samples == 0:
        yield "train.asking.temperature", "no answers are drawn (train.asking.samples is 0)"


def _objectives(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in settings.train.order:
        stage = settings.train.stages[name]
        used = {stage.objective, *(source.objective for source in stage.data.values())}
        for objective in ("masked", "span", "path", "distill"):
            if objective not in used:
                yield f"train.stages.{name}.{objective}.", f"the stage's objective is {stage.objective}"
        if len(stage.masked.ratio) == 1:
            yield f"train.stages.{name}.masked.schedule", "the ratio is one number (masked.ratio)"
        if stage.masked.context == "random":
            for key in ("ratio", "schedule", "mask"):
                yield f"train.stages.{name}.masked.{key}", "the passage is replaced as a whole (masked.context)"


def _probes_on_the_way(settings: Settings) -> Iterator[tuple[str, str]]:
    train = settings.train
    if train.probe_every is None and train.probe_log is None:
        yield "train.probes", "train.probe_every is not set, nor is train.probe_log"
    elif not train.probes:
        yield "train.probe_every", "train.probes names no probe"
        yield "train.probe_log", "train.probes names no probe"
    if train.stop.measure is None:
        for name in ("target", "patience"):
            yield f"train.stop.{name}", "nothing is watched (train.stop.measure)"
