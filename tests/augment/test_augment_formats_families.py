"""Families of formats: which there are, which the embedded models met, and how settings choose among them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from kinj.augment.engine import augment_documents
from kinj.augment.formats.flat import Flat
from kinj.augment.formats.table import COMBINATIONS, FAMILIES, FORMATS, HELD_OUT_FAMILIES, MET_FAMILIES
from kinj.augment.formats.tokens import SAMPLE
from kinj.augment.methods.formatting import Formatting
from kinj.config.schema import AugmentSettings, FormattingSettings
from kinj.data.files import record_to_json, to_json
from kinj.data.records import Document

ROOT = Path(__file__).parents[2]
MET_VIEWS = "c787d5257337033dcad7fa720014bc7bbb668841c2248412aacbaa37b2559ce2"
"""SHA-256 of all views of the sample text in the met families; the same before the other families came."""


def test_enough_families_and_formats() -> None:
    assert {form.families[0] for form in FORMATS.values()} == set(FAMILIES)
    assert set(MET_FAMILIES) | set(HELD_OUT_FAMILIES) == set(FAMILIES)
    assert (len(MET_FAMILIES), len(FAMILIES)) == (10, 32)
    assert sum(form.families[0] != COMBINATIONS for form in FORMATS.values()) > 200


def test_single_formats_all_differ() -> None:
    flat = Flat(Document(id="d", text=SAMPLE))
    texts = {form.layout.render(flat)[0] for form in FORMATS.values() if form.families[0] != COMBINATIONS}
    assert len(texts) == sum(form.families[0] != COMBINATIONS for form in FORMATS.values())


@pytest.mark.parametrize("name", ["base", "base-plain"])
def test_the_embedded_models_met_the_met_families(name: str) -> None:
    experiment = yaml.safe_load((ROOT / "conf" / "experiment" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert experiment["augment.formatting.families"] == list(MET_FAMILIES)
    assert "augment.formatting.exclude" not in experiment


def test_views_of_the_met_families_are_the_ones_that_were_met() -> None:
    """If this fails, the recorded pre-training of the embedded models can no longer be repeated."""
    settings = AugmentSettings(views=400, formatting=FormattingSettings(families=list(MET_FAMILIES)))
    found = augment_documents([Document(id="d", text=SAMPLE)], settings, 0)
    digest = hashlib.sha256(b"".join(to_json(record_to_json(record)) for record in found)).hexdigest()
    assert digest == MET_VIEWS


def families(**settings: list[str]) -> set[tuple[str, ...]]:
    return {form.families for deck in Formatting(FormattingSettings(**settings)).decks for form in deck}


def test_combinations_are_of_the_families_asked_for() -> None:
    found = families(families=["numbering", "quoting", COMBINATIONS])
    assert found == {("numbering",), ("quoting",), (COMBINATIONS, "numbering", "quoting")}
    assert families(families=["numbering"]) == {("numbering",)}
    alone = families(families=[COMBINATIONS])
    assert {family[1] for family in alone} > {"numbering", "html"}
    assert all("html" not in family for family in families(families=[COMBINATIONS], exclude=["html"]))
    assert all("html" not in family for family in families(exclude=["html"]))
