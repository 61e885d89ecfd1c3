"""Treatments in one run: who gets which, what it does to training, and what is refused before it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from kinj.config import load
from kinj.config.errors import SettingsError, UsageError
from kinj.config.multiplex import settings_of, treatments
from kinj.config.schema import ModelSettings, OptimSettings, Settings, SourceSettings, StageSettings, TrainSettings
from kinj.data import open_data
from kinj.data.base import DataSet
from kinj.data.records import Document, Question
from kinj.data.rundir import RunDir
from kinj.data.treatments import read_treatments
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel
from kinj.models.scratch import build_model
from kinj.train.mixture import Mixture
from kinj.train.multiplex import Part, Treated, check_treatments, groups, treatment_by_document
from kinj.train.run import train
from kinj.train.stages import prepare_stage
from tests.train.test_mixture import source
from tests.train.test_train_run import data, digest, documents

SOURCE = "train.stages.teach.data.documents"
NAMES = st.lists(st.text(max_size=6), min_size=2, max_size=40, unique=True)


@given(names=NAMES, count=st.integers(2, 7), seed=st.integers(0, 20))
def test_groups_are_a_disjoint_cover_of_equal_sizes_whatever_the_order(names: list[str], count: int, seed: int) -> None:
    if len(names) < count:
        with pytest.raises(UsageError, match="treatments, and there are"):
            groups(names, count)
        return
    found = groups(names, count)
    assert set(found) == set(names)
    sizes = Counter(found.values())
    assert set(sizes) == set(range(count))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    shuffled = [*names, names[0]]
    random.Random(seed).shuffle(shuffled)
    assert groups(shuffled, count) == found


@given(names=NAMES, count=st.integers(2, 5), seed=st.integers(0, 20))
def test_groups_take_turns_over_seeds(names: list[str], count: int, seed: int) -> None:
    if len(names) < count:
        return
    rounds = [treatment_by_document(names, count, seed + turn) for turn in range(count)]
    for name in names:
        assert sorted(found[name] for found in rounds) == list(range(count))
    assert rounds[0] == {name: (group + seed) % count for name, group in groups(names, count).items()}


@effort(max_examples=50)
@given(
    weights=st.lists(st.sampled_from([0.3, 0.5, 1.0, 2.5, 8.0]), min_size=1, max_size=4),
    units=st.integers(4, 12),
    epochs=st.integers(1, 6),
    beside=st.booleans(),
)
def test_units_of_different_weights_get_their_own_exposures(
    weights: list[float], units: int, epochs: int, beside: bool
) -> None:
    made = source("d", units)
    for place, unit in enumerate(made.units):
        unit.weight = weights[place % len(weights)]
    made.weight = sum(unit.weight for unit in made.units) / units
    mixture = Mixture([made, *([source("replay", 50, per="d")] if beside else [])], 0, "s")
    drawn = [draw for epoch in range(epochs) for draw in mixture.draws(epoch)]
    seen = Counter(draw.unit.origin for draw in drawn if draw.source == "d")
    for unit in made.units:
        assert abs(seen[unit.origin] - epochs * unit.weight) <= 1
    if beside:
        assert abs(sum(draw.source == "replay" for draw in drawn) - seen.total()) <= len(weights)


def multiplexed(entries: list[str], seed: int = 0, **stage: Any) -> Settings:
    stages = {"teach": StageSettings(data={"documents": SourceSettings()}, **({"epochs": 2} | stage))}
    train_settings = TrainSettings(order=["teach"], stages=stages, multiplex=entries, threads=1)
    return Settings(seed=seed, train=train_settings, optim=OptimSettings(batch_tokens=100, lr=2e-3))


def taught(path: Path, chosen: Settings, tokenizer: Any, of: DataSet | None = None) -> RunDir:
    model = LanguageModel(
        build_model(50_000, tokenizer, 128, seed=0), tokenizer, Codec(tokenizer, ModelSettings(), 128), "x"
    )
    run = RunDir.create(path)
    train(chosen, model, of or data(), run)
    return run


def one_part_for_each(self: Treated, stage: str, key: str) -> list[Part]:
    own = self.settings.train.stages[stage].data[key]
    members = [{d for d, t in self.of_document.items() if t == n} for n in range(len(self.treatments))]
    return [Part(replace(own), self.data, frozenset(names)) for names in members]


@pytest.mark.parametrize("apart", [False, True])
def test_equal_treatments_are_an_ordinary_run(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, apart: bool
) -> None:
    if apart:  # treatments that teach alike are read as one; here each is read apart and they are put together again
        monkeypatch.setattr(Treated, "parts", one_part_for_each)
    taught(tmp_path / "plain", multiplexed([]), tokenizer)
    taught(tmp_path / "equal", multiplexed([f"{SOURCE}.weight=1,1,1"], seed=0), tokenizer)
    assert digest(tmp_path / "equal") == digest(tmp_path / "plain")
    assert not (tmp_path / "plain" / "treatments.jsonl").exists()
    assert Counter(read_treatments(tmp_path / "equal").values()) == {0: 4, 1: 4, 2: 4}


def test_every_document_gets_the_dose_of_its_treatment(tmp_path: Path, tokenizer: Any) -> None:
    run = taught(tmp_path / "run", multiplexed([f"{SOURCE}.weight=1,3,0,2"], seed=1), tokenizer)
    treated = read_treatments(run.path)
    assert treated == treatment_by_document([document.origin for document in documents()], 4, 1)
    exposures: Counter[str] = Counter()
    for row in pq.read_table(run.path / "doses.parquet").to_pylist():  # a text without facts has a line of its own
        exposures[row["document"]] += row["exposures"]
    wanted = {0: 2, 1: 6, 2: 0, 3: 4}
    assert {name: exposures[name] for name in treated} == {name: wanted[n] for name, n in treated.items()}


def test_texts_about_people_differ_by_treatment(tmp_path: Path, tokenizer: Any) -> None:
    loaded = load(
        "train",
        ["data.biographies.people=6", "train=null", "train.order=[teach]", "train.stages.teach.epochs=4", f"{SOURCE}.weight=1",
         "train.multiplex=['data.biographies.views=1,2,4']", "optim.batch_tokens=4096"],
        environ={},
    )  # fmt: skip
    run = taught(tmp_path / "run", loaded.settings, tokenizer, open_data(loaded.settings.data))
    treated = read_treatments(run.path)
    rows = pq.read_table(run.path / "doses.parquet").to_pylist()
    assert {(treated[row["document"]], row["views"], row["exposures"]) for row in rows} == {
        (0, 1, 4),
        (1, 2, 4),
        (2, 4, 4),
    }


def test_views_join_every_source_of_documents_by_the_method_that_is_set() -> None:
    chosen = load("train", ["augment.method=[permute]", "train.multiplex=['augment.views=1,5']"], environ={}).settings
    alone = [
        settings_of(chosen, treatment).train.stages["inject"].data["documents"] for treatment in treatments(chosen)
    ]
    assert [(one.augment, one.views) for one in alone] == [(["permute"], 1), (["permute"], 5)]
    assert settings_of(chosen, treatments(chosen)[0]).train.stages["inject"].data["replay"].augment == []
    several = "train.multiplex=['augment.method=[permute],[formatting]']"
    chosen = load("train", ["augment.views=3", several], environ={}).settings
    (source, other) = (
        settings_of(chosen, treatment).train.stages["inject"].data["documents"] for treatment in treatments(chosen)
    )
    assert (source.augment, source.views, other.views) == (["permute"], 3, 3)


REFUSED = [
    (["optim.lr=1e-3,1e-4"], "what can: augment.method, augment.views, data.biographies.views"),
    (["data.biographies.people=1,2"], "cannot differ between the documents of one run"),
    ([f"{SOURCE}.power=0,1"], "cannot differ between the documents of one run"),
    (["augment.views=1"], "augment.views needs two values or more"),
    (["augment.views=1,many"], "many is not a whole number"),
    (["augment.views=1,0"], "views must be 1 or more, got 0"),
    (["augment.views=1,2", "augment.method=[permute],[reverse],[title]"], "augment.views 2, augment.method 3"),
    (["augment.views=1,2", "augment.views=3,4"], "names a key twice"),
    (["augment.method=[permute],[qa]"], "qa is written by a language model"),
    (["augment.method=[permute],[permte]"], "no such method as permte"),
    ([f"{SOURCE}.objective=auto,distill"], "distill is a matter of the whole stage"),
    (["train.stages.other.data.documents.weight=1,2"], "no stage of train.order has such a source"),
]


@pytest.mark.parametrize(("entries", "why"), REFUSED)
def test_what_cannot_differ_per_document_is_refused(entries: list[str], why: str) -> None:
    stage = ["train.order=[teach]", f"{SOURCE}.weight=1", "train.stages.teach.epochs=1"]
    with pytest.raises(SettingsError) as refused:
        load("sweep", [*stage, f"train.multiplex={entries}"], environ={})
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (["data=corpus", "train.multiplex=['data.biographies.views=1,2']"], "is about generated people"),
        (["train.stages.inject.data.documents.pool=replay", "train.multiplex=['augment.views=1,2']"], "no stage of"),
        (["train.stages.inject.data.documents.power=1", "train.multiplex=['@.weight=1,2']"], "drawn by power"),
        (["train.stages.inject.data.replay.share=0.5", "train.stages.inject.data.replay.per=null",
          "train.multiplex=['train.stages.inject.data.replay.weight=1,2']"], "drawn by share"),
        (["train.stages.inject.data.documents.select.keep=[highly]", "train.multiplex=['@.weight=1,2']"], "select.keep"),
        (["sweep.alone=true"], "nothing is multiplexed"),
        (["sweep.alone=true", "train.multiplex=['augment.views=1,2']", "sweep.arms.plain={}"], "a sweep with arms"),
        (["sweep.sampler=tpe", "train.multiplex=['augment.views=1,2']"], "tpe looks for one best setting"),
    ],
)  # fmt: skip
def test_settings_that_leave_no_room_for_treatments_are_refused(overrides: list[str], why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load("sweep", [text.replace("@", "train.stages.inject.data.documents") for text in overrides], environ={})
    assert why in str(refused.value)


def test_sources_about_other_documents_and_too_few_documents_are_refused() -> None:
    strangers = DataSet(
        "test",
        {
            "documents": documents,
            "questions": lambda: [Question(id="q", document="elsewhere", prompt="Who?", answers=["Nobody"])],
        },
    )
    chosen = multiplexed(["train.stages.teach.data.questions.weight=1,2"])
    chosen.train.stages["teach"].data["questions"] = SourceSettings()
    with pytest.raises(UsageError, match="record q is about none of the documents"):
        check_treatments(chosen, strangers)
    chosen.train.stages["teach"].data["questions"] = SourceSettings(path=__file__, weight=1)
    few = DataSet("test", {"documents": lambda: [Document(id="a", text="A.")]})
    with pytest.raises(UsageError, match="2 treatments, and there are 1 documents"):
        check_treatments(multiplexed([f"{SOURCE}.weight=1,2"]), few)


def test_questions_go_with_the_documents_they_are_about(tmp_path: Path, tokenizer: Any) -> None:
    chosen = multiplexed(["train.stages.teach.data.questions.weight=1,0"], steps=2, epochs=None)
    chosen.train.stages["teach"].data["questions"] = SourceSettings()
    check_treatments(chosen, data())
    treated = Treated(chosen, data())
    first, second = treated.parts("teach", "questions")
    assert (first.source.weight, second.source.weight) == (1, 0)
    about = {q.document for q in first.of(data().pool("questions")) if isinstance(q, Question)}
    assert about == {name for name, number in treated.of_document.items() if number == 0}
    assert treated.parts("teach", "documents") == []
    taught(tmp_path / "run", chosen, tokenizer)


def test_a_group_outside_the_share_that_is_used_is_left_out(tokenizer: Any) -> None:
    chosen = multiplexed([f"{SOURCE}.weight=1,2,3"])
    chosen.train.stages["teach"].data["documents"].first = 0.1
    stage = prepare_stage("teach", chosen, data(), Codec(tokenizer, ModelSettings(), 128), None)
    (unit,) = stage.mixture.sources["documents"].units
    assert unit.origin == "d0"
    assert unit.weight == 1 + Treated(chosen, data()).of_document["d0"]
