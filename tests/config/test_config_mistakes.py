"""A corpus of broken settings: what was typed, the key that must be named, and the phrase that must help."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinj.config import from_yaml, load
from kinj.config.errors import USAGE, SettingsError

TYPED = [
    ("optim.sam.rhoo=0.1", "optim.sam.rhoo", "no such setting; did you mean optim.sam.rho?"),
    ("optim.lrr=1e-4", "optim.lrr", "did you mean optim.lr?"),
    ("opitm.lr=1e-4", "opitm.lr", "did you mean optim.lr?"),
    ("lr=1e-4", "lr", "did you mean optim.lr?"),
    ("sam.rho=0.1", "sam.rho", "did you mean optim.sam.rho?"),
    ("optim.rho=0.1", "optim.rho", "did you mean optim.sam.rho?"),
    ("train.stage.inject.epochs=3", "train.stage.inject.epochs", "did you mean train.stages.inject.epochs?"),
    ("train.stages.inject.epoch=3", "train.stages.inject.epoch", "did you mean train.stages.inject.epochs?"),
    (
        "train.stages.inject.data.replay.wieght=1",
        "train.stages.inject.data.replay.wieght",
        "did you mean train.stages.inj",
    ),
    ("train.stages.inject.optim.sam.roh=1", "train.stages.inject.optim.sam.roh", "stages.inject.optim.sam.rho?"),
    ("zzz=1", "zzz", "no such setting"),
    ("eval.probes=[reversal]", "eval.probes", "no such probe as reversal (did you mean backward?)"),
    ("optim..lr=1", "optim..lr", "no such setting"),
    ("trian=pit", "trian", "did you mean train?"),
    ("data=biografies", "data=biografies", "no such choice; there are: biographies, corpus"),
    ("experiment=smokee", "experiment=smokee", "did you mean smoke?"),
    ("model=tinny", "model=tinny", "a path with a / in it"),
    ("train=", "train=", "no such choice"),
    ("data=[a,b]", "data=[a,b]", "no such choice"),
    ("train.stages.inject.objective=maskd", "train.stages.inject.objective", "(did you mean masked?)"),
    (
        "train.stages.inject.data.replay.objective=pth",
        "train.stages.inject.data.replay.objective",
        "(did you mean path?)",
    ),
    (
        "train.stages.inject.data.replay.objective=distill",
        "train.stages.inject.data.replay.objective",
        "the whole stage",
    ),
    ("train.stages.inject.masked.ratio=[0.9, 0.1]", "train.stages.inject.masked.ratio", "least <= greatest"),
    ("train.stages.inject.data.replay.share=0.5", "train.stages.inject.data.replay.share", "share and per exclude"),
    ("train.stages.inject.data.replay={per: null, share: 1.5}", "train.stages.inject.data.replay.share", "in (0, 1)"),
    (
        "train.stages.inject.data={documents: {share: 0.5}, replay: {weight: 0}}",
        "train.stages.inject.data",
        "leave nothing",
    ),
    ("train.stages.inject.data.documents.select.keep=[half]", "train.stages.inject.data.documents.select.keep", "half"),
    ("train.stop={measure: qa/exact_match}", "train.stop", "never stops; set target or patience"),
    ("train.stop={measure: qa/exact_match, target: 1}", "train.stop.measure", "is never measured"),
    ("train.stop.measure=qa", "train.stop.measure", "must be PROBE/MEASURE"),
    ("model.lora.rank=-1", "model.lora.rank", "must be 0 or more"),
    ("model.lora.dropout=1", "model.lora.dropout", "must lie in [0, 1)"),
    ("optim.lr=abc", "optim.lr", "abc is not a number"),
    ("optim.lr='1'", "optim.lr", '"1" is not a number'),
    ("optim.lr=inf", "optim.lr", "inf is not a finite number"),
    ("optim.lr=.nan", "optim.lr", ".nan is not a finite number"),
    ("optim.lr=", "optim.lr", "has no value; it wants a number"),
    ("optim.lr=[1, 2]", "optim.lr", "wants a number, got a list"),
    ("seed=1.5", "seed", "1.5 is not a whole number"),
    ("seed=1e3", "seed", "1e3 is not a whole number"),
    ("seed=null", "seed", "cannot be null; it wants a whole number"),
    ("seed=true", "seed", "true is not a whole number"),
    ("train.checkpoint_every=None", "train.checkpoint_every", "write null for no value"),
    ("run.dir=None", "run.dir", "write null for no value"),
    ("run.overwrite=1", "run.overwrite", "1 is neither true nor false"),
    ("run=foo", "run", "is a section, not a value; set one of run.dir"),
    ("optim.sam=0.05", "optim.sam", "set one of optim.sam.rho"),
    ("train.stages.inject=3", "train.stages.inject", "is a section, not a value"),
    ("train.stages.inject.optim.sam=3", "train.stages.inject.optim.sam", "is a section, not a value"),
    ("train.stages.inject.optim.betas.0=1", "train.stages.inject.optim.betas.0", "write the whole list"),
    ("optim.betas=[0.9", "optim.betas", "is not valid YAML"),
    ("optim.betas={a: 1}", "optim.betas.a", "no such setting"),
    ("optim.betas={}", "optim.betas", "wants a list such as [a, b]"),
    ("optim.betas=null", "optim.betas", "cannot be null; it wants a list"),
    ("optim.betas=[0.9, x]", "optim.betas", "x is not a number"),
    ("optim.betas=[{a: 1}]", "optim.betas", "a list may not hold"),
    ("optim.betas=[0.9]", "optim.betas", "betas must be two numbers"),
    ("optim.betas.2=0.5", "optim.betas.2", "the list has 2 entries"),
    ("model.tokenizer=${model.name}", "model.tokenizer", "`${` cannot be part of a value"),
    ("model.tokenizer=null", "model.tokenizer", "cannot be null; it wants text"),
    ("optim.sam.include=(", "optim.sam.include", "include must be a regular expression, got ( (missing )"),
    ("optim.sam.fraction=2", "optim.sam.fraction", "fraction must lie in (0, 1], got 2.0"),
    ("optim.sam.variant=adaptive", "optim.sam.variant", "variant must be one of sam, asam"),
    ("sweep.law=capacty", "sweep.law", "got capacty; did you mean capacity?"),
    ("model.prompt=hello", "model.prompt", "prompt must hold {prompt} exactly once"),
    ("train.stages.inject.steps=5", "train.stages.inject.steps", "set one of them to null"),
    ("train.stages.inject.epochs=null", "train.stages.inject", "has no length; set epochs or steps"),
    ("train.stages.inject.data.documents.weight=-1", "train.stages.inject.data.documents.weight", "must be 0 or more"),
    ("train.stages.inject.data.replay.per=docs", "train.stages.inject.data.replay.per", "no such source as docs"),
    ("train.stages.inject.data.replay.per=replay", "train.stages.inject.data.replay.per", "per record of itself"),
    (
        "train.stages.inject.data.documents.augment=[fromatting]",
        "train.stages.inject.data.documents.augment",
        "(did you mean formatting?)",
    ),
    ("train.stages.inject.optim.sam.rho=-1", "train.stages.inject.optim", "rho must be 0 or more"),
    ("train.order=[injct]", "train.order", "no such stage as injct (did you mean inject?)"),
    ("train.order=[inject, inject]", "train.order", "names inject twice"),
    ("train.order=[]", "train.order", "is empty, so there is nothing to train"),
    ("data.name=biography", "data.name", "no such data set as biography (did you mean biographies?)"),
    ("eval.probes=[wikidik]", "eval.probes", "no such probe as wikidik (did you mean wikidyk?)"),
    ("train.probes=recall", "train.probes", "no such probe as recall"),
    ("augment.method=format", "augment.method", "no such method as format"),
    ("augment.method=[permute+]", "augment.method", "no such method as an empty name"),
    ("sweep.compare=[[a, b]]", "sweep.compare", "no such arm as a"),
    ("sweep.compare=[[a]]", "sweep.compare", "wants pairs of arms"),
    ("sweep.arms.x.optim.lrr=1", "sweep.arms.x.optim.lrr", "did you mean sweep.arms.x.optim.lr?"),
    ("sweep.arms.x.optim.lr=fast", "sweep.arms.x.optim.lr", "fast is not a number"),
    ("sweep.arms.x.optim.sam=1", "sweep.arms.x.optim.sam", "an arm maps full keys to values"),
]


@pytest.mark.parametrize(("typed", "key", "phrase"), TYPED, ids=[row[0] for row in TYPED])
def test_mistake_is_named_with_its_key_and_a_way_out(typed: str, key: str, phrase: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load("train", [typed], environ={})
    assert caught.value.exit_code == USAGE
    problem = next(problem for problem in caught.value.problems if problem.key == key)
    assert phrase in problem.text
    assert problem.origin == "command line"


def test_all_problems_are_told_at_once() -> None:
    typed = ["optim.lrr=1", "data=biografies", "seed=x", "optim.sam.rho=-1", "optim.sam.fraction=9", "train.order=[a]"]
    with pytest.raises(SettingsError) as caught:
        load("train", typed, environ={})
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["data=biografies", "optim.lrr", "seed", "optim.sam.rho", "optim.sam.fraction", "train.order"]
    assert str(caught.value).startswith("error: 6 problems in the settings; nothing was started\n")


def test_a_mistake_is_not_told_twice() -> None:
    """A recipe that does not exist leaves no stages; that there is nothing to train would only repeat it."""
    with pytest.raises(SettingsError) as caught:
        load("train", ["train=pitt", "train.order=[inject]"], environ={})
    assert [problem.key for problem in caught.value.problems] == ["train=pitt"]
    with pytest.raises(SettingsError) as caught:
        load("train", ["experiment=none", "train=null"], environ={})
    assert [problem.key for problem in caught.value.problems] == ["experiment=none"]


def test_the_environment_does_not_choose_files() -> None:
    with pytest.raises(SettingsError, match=r"model +environment KINJ__MODEL +the environment sets single values"):
        load("train", environ={"KINJ__MODEL": "scratch"})


FILES = [
    ("optim:\n  lr: 1e-3\n  lrr: 2\n", 3, "optim.lrr", "did you mean optim.lr?"),
    ("optim: [1, 2]\n", 1, "optim", "is a section, not a value"),
    ("seed: 1\nseed: 2\n", 2, "-", "names `seed` twice"),
    ("optim:\n  lr: [1\nseed: 2\n", 3, "-", "is not valid YAML"),
    ("- a\n- b\n", 1, "-", "must hold `key: value` lines"),
    ("? [a]\n: 1\n", 1, "-", "a key must be a name"),
    ("seed: 1\ntrain:\n  order:\n    - {a: 1}\n", 4, "-", "a list may not hold"),
    ("defaults: {modle: tiny}\n", 1, "defaults.modle", "groups are: model, data"),
    ("defaults: {train: [a]}\n", 1, "defaults.train", "defaults maps groups to choices"),
    ("\ndefaults:\n  train: pitt\n", 3, "train=pitt", "did you mean pit?"),
    ("optim:\n  lr: !!python/object:os.system x\n", 2, "optim.lr", "x is not a number"),
]


@pytest.mark.parametrize(("text", "line", "key", "phrase"), FILES, ids=[repr(row[0]) for row in FILES])
def test_mistake_in_a_file_is_named_by_line(text: str, line: int, key: str, phrase: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load("train", files=[path], environ={})
    (problem,) = caught.value.problems
    assert (problem.key, problem.origin) == (key, f"{path}:{line}")
    assert phrase in problem.text


@pytest.mark.parametrize(("content", "phrase"), [(None, "no such file"), (b"seed: \xff", "is not UTF-8 text")])
def test_file_that_cannot_be_read(content: bytes | None, phrase: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=phrase):
        load("train", files=[path], environ={})


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="directory"):
        from_yaml(tmp_path)


def test_empty_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    for text in ("", "# only a comment\n", "defaults: {}\n"):
        path.write_text(text)
        assert load("train", files=[path], environ={}).changed() == []


def test_arms_are_checked_before_the_sweep_starts() -> None:
    typed = ["experiment=demo", "sweep.arms.sam.optim.sam.rho=-1", "sweep.arms.plain.train=foo"]
    with pytest.raises(SettingsError) as caught:
        load("sweep", typed, environ={})
    found = {problem.key: (problem.origin, problem.text) for problem in caught.value.problems}
    assert found["sweep.arms.sam.optim.sam.rho"] == ("command line", "rho must be 0 or more, got -1.0")
    assert "no such choice" in found["sweep.arms.plain.train=foo"][1]


def test_a_letter_less_is_not_started_and_the_right_one_is() -> None:
    with pytest.raises(SettingsError):
        load("train", ["optim.weight_deca=0"], environ={})
    assert load("train", ["optim.weight_decay=0"], environ={}).settings.optim.weight_decay == 0


@pytest.mark.parametrize(("keep", "asking"), [("weakly", "samples: 0"), ("maybe", "prompts: 1")])
def test_a_class_that_no_question_can_fall_into_is_a_mistake(keep: str, asking: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load("train", [f"train.stages.inject.data.replay.select.keep={keep}", f"train.asking={{{asking}}}"], environ={})
    (problem,) = caught.value.problems
    assert problem.key == "train.stages.inject.data.replay.select.keep"
    assert f"nothing is known `{keep}`" in problem.text
