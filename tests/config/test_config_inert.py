"""A setting that nothing will read is told once, with the reason; one that is read is not."""

from __future__ import annotations

import pytest

from kinj.config import load

MASKED = "train.stages.masked.masked"
REPLAY = "train.stages.inject.data.replay"
SILENT = [
    (["optim.sam.fraction=0.5"], "optim.sam.fraction", "SAM is off"),
    (["optim.sam.every=2"], "optim.sam.every", "SAM is off"),
    (["optim.sam.scope=rank"], "optim.sam.scope", "SAM is off"),
    (["optim.sam.include=x"], "optim.sam.include", "SAM is off"),
    (["optim.sam.offload=true"], "optim.sam.offload", "SAM is off"),
    (["optim.sam.start_step=3"], "optim.sam.start_step", "SAM is off"),
    (["optim.sam.variant=asam"], "optim.sam.variant", "SAM is off"),
    (["optim.sam.eta=0.1"], "optim.sam.eta", "SAM is off"),
    (["optim.sam.rho=0.1", "optim.sam.eta=0.1"], "optim.sam.eta", "only variant asam reads it"),
    (["optim.sam.rho=0.1", "optim.sam.alpha=0.7"], "optim.sam.alpha", "only variant looksam reads it"),
    (["optim.sam.rho=0.1", "optim.sam.uphill=true"], "optim.sam.uphill", "only variant momentum reads it"),
    (["optim.sam={rho: 1, variant: momentum, fraction: 0.5}"], "optim.sam.fraction", "has no first pass"),
    (["optim.sam={rho: 1, variant: momentum, scope: rank}"], "optim.sam.scope", "has no first pass"),
    (["optim.sam={rho: 0.1, variant: looksam}"], "optim.sam.variant", "is plain SAM; its source uses 5"),
    (
        ["optim.sam.rho=0.1", "train.stages.inject.optim.sam={rho: 0, every: 3}"],
        "train.stages.inject.optim.sam.every",
        "off in this stage",
    ),
    (["optim.schedule=constant", "optim.final_lr=0.5"], "optim.final_lr", "the schedule is constant"),
    (
        ["train.stages.inject.optim={schedule: constant, final_lr: 0.5}"],
        "train.stages.inject.optim.final_lr",
        "constant",
    ),
    (["model.size=1M"], "model.size", "only a new model has it (model=scratch)"),
    (["model.vocabulary=999"], "model.vocabulary", "only a new model"),
    (["model.context=64"], "model.context", "only a new model"),
    (["model.tokenizer=train"], "model.tokenizer", "only a new model"),
    (["model=scratch", "model.vocabulary=999"], "model.vocabulary", "only a tokenizer that is trained"),
    (["model.revision=main"], "model.revision", "only a Hub model has revisions"),
    (["model.trust_remote_code=true"], "model.trust_remote_code", "holds no code"),
    (["data=wiki2023", "data.biographies.people=5"], "data.biographies.people", "data.name is wiki2023"),
    (["data.path=x"], "data.path", "has no original files"),
    (["data.documents=[a.jsonl]"], "data.documents", "add data=corpus"),
    (["augment.views=3"], "augment.views", "train.stages.STAGE.data.SOURCE.views"),
    (["augment.workers=2"], "augment.workers", "made by the training process"),
    (["augment.formatting.exclude=[html]"], "augment.formatting.exclude", "no source of a stage is augmented"),
    (["augment.masked.mask=x"], "augment.masked.mask", "no source of a stage is augmented by masked"),
    (["train.stages.inject.data.documents.views=3"], "train.stages.inject.data.documents.views", "names no method"),
    (["train.probes=[qa]"], "train.probes", "train.probe_every is not set"),
    (["train.probe_every=5"], "train.probe_every", "names no probe"),
    (["train.probe_log=5"], "train.probe_log", "names no probe"),
    (["train.stop.patience=5"], "train.stop.patience", "nothing is watched"),
    (["train.asking.prompts=3"], "train.asking.prompts", "no source selects questions"),
    (
        ["train=gradual", "train.asking={samples: 0, temperature: 0.9}"],
        "train.asking.temperature",
        "no answers are drawn",
    ),
    (["train.stages.inject.masked.ratio=0.5"], "train.stages.inject.masked.ratio", "the stage's objective is auto"),
    (["train=masked", *f"{MASKED}.ratio=0.5 {MASKED}.schedule=linear".split()], f"{MASKED}.schedule", "one number"),
    (["train=masked", *f"{MASKED}.context=random {MASKED}.ratio=0.5".split()], f"{MASKED}.ratio", "as a whole"),
    (["train.stages.inject.data.replay.select.others=refuse"], f"{REPLAY}.select.others", "all questions are kept"),
    (["train.stages.inject.data.replay={share: 0.2, per: null, weight: 2}"], f"{REPLAY}.weight", "share of the tokens"),
    (["model.lora.alpha=8"], "model.lora.alpha", "all weights are trained"),
    (["sweep.workers=2"], "sweep.workers", "kinj train does not read sweep"),
    (["train.stages.injct.epochs=3"], "train.stages.injct", "not in train.order; did you mean inject?"),
]


@pytest.mark.parametrize(("typed", "key", "why"), SILENT, ids=[" ".join(row[0]) for row in SILENT])
def test_setting_without_effect_warns_once(typed: list[str], key: str, why: str) -> None:
    (warning,) = load("train", typed, environ={}).warnings
    assert warning.startswith(f"{key} ")
    assert "(command line) has no effect: " in warning
    assert why in warning


HEARD = [
    ["optim.sam.rho=0.1", "optim.sam.fraction=0.5"],
    ["train.stages.inject.optim.sam.rho=0.1", "optim.sam.fraction=0.5"],
    ["optim.sam.fraction=1.0"],
    ["optim.sam={rho: 0.1, variant: looksam, every: 5, alpha: 0.7}"],
    ["optim.sam={rho: 1, variant: momentum, uphill: true}"],
    ["optim.sam={rho: 1, variant: asam, eta: 0.1}"],
    ["optim.final_lr=0.5"],
    ["optim.schedule=constant", "train.stages.inject.optim.schedule=cosine", "optim.final_lr=0.5"],
    ["model=scratch", "model.size=1M", "model.context=64"],
    ["model=scratch", "model.tokenizer=train", "model.vocabulary=999"],
    ["model=org/name", "model.revision=main", "model.trust_remote_code=true"],
    ["data.biographies.people=5"],
    ["data=wiki2023", "data.path=x"],
    ["train.stages.inject.data.documents={augment: [formatting], views: 3}", "augment.formatting.exclude=[html]"],
    ["train.probes=[qa]", "train.probe_every=5"],
    ["train.probes=[qa]", "train.probe_log=4", "train.stop={measure: qa/exact_match, patience: 2}"],
    ["train=masked", "train.stages.masked.masked={ratio: [0.1, 0.9], schedule: linear}"],
    ["train.stages.inject.data.documents.objective=span", "train.stages.inject.span.words=3"],
    ["train=gradual", "train.asking.prompts=3"],
    [
        "train.multiplex=['augment.views=1,5']",
        "augment.method=[formatting,permute]",
        "augment.formatting.exclude=[html]",
    ],
    [
        "train.multiplex=['augment.method=[permute],[formatting]']",
        "augment.views=3",
        "augment.formatting.exclude=[html]",
    ],
    ["model.lora={rank: 8, alpha: 8, dropout: 0.1, targets: [q_proj], merge: true}"],
]


@pytest.mark.parametrize("typed", HEARD, ids=" ".join)
def test_setting_with_effect_is_silent(typed: list[str]) -> None:
    assert load("train", typed, environ={}).warnings == []


def test_many_settings_of_a_section_that_is_not_read_make_one_warning() -> None:
    assert load("augment", ["optim.lr=1", "optim.clip=2", "optim.sam.rho=3"], environ={}).warnings == [
        "optim.lr = 1.0 (command line) and 2 more settings of optim has no effect: kinj augment does not read optim"
    ]


def test_section_a_command_does_not_read() -> None:
    assert load("augment", ["optim.lr=1"], environ={}).warnings == [
        "optim.lr = 1.0 (command line) has no effect: kinj augment does not read optim"
    ]
    assert load("augment", ["augment.views=3"], environ={}).warnings == []
    (warning,) = load("eval", [], [("--x", "train.keep_checkpoints", 9)], environ={}).warnings
    assert warning.startswith("train.keep_checkpoints = 9 (--x)")


def test_shipped_choices_are_not_warned_about() -> None:
    assert load("augment", ["model=scratch", "train=pit"], environ={}).warnings == []


def test_settings_of_a_method_that_is_not_named_warn() -> None:
    typed = ["augment.method=[permute,reverse]", "augment.masked.mask=x", "augment.reverse.words=3"]
    (warning,) = load("augment", typed, environ={}).warnings
    assert "augment.masked.mask" in warning
    assert "augment.method does not name masked" in warning
    assert load("augment", ["augment.method=[permute]"], environ={}).warnings == []


def test_adapters_are_a_matter_of_training() -> None:
    (warning,) = load("eval", ["model.lora.rank=4"], environ={}).warnings
    assert "a model or run is asked with those it has" in warning
    (warning,) = load("augment", ["model.lora.rank=4"], environ={}).warnings
    assert "kinj augment uses only the tokenizer of model.name" in warning


def test_a_sample_takes_a_limit() -> None:
    (warning,) = load("eval", ["eval.sample=true"], environ={}).warnings
    assert "all questions are asked (eval.limit is null)" in warning
    assert load("eval", ["eval.sample=true", "eval.limit=5"], environ={}).warnings == []


@pytest.mark.parametrize("command", ["augment", "eval"])
def test_trackers_are_a_matter_of_training(command: str) -> None:
    (warning,) = load(command, ["run.trackers=[wandb]"], environ={}).warnings
    assert "only training has metrics to show" in warning
