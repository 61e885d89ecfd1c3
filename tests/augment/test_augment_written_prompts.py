"""Prompt files: everything that can be wrong with one is said before anything is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kinj.augment import registry
from kinj.augment.written.base import Written
from kinj.config.errors import UsageError
from kinj.config.names import WRITTEN
from kinj.config.prompts import load_prompts, shipped
from kinj.config.schema import AugmentSettings, ParaphraseSettings, StructuredSettings
from kinj.data import biographies

PLACES = {"ask": ("document", "title", "pairs")}


def written(tmp_path: Path, content: object) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", WRITTEN)
def test_shipped_prompts_serve_their_method(name: str) -> None:
    method = registry.get(name).build(AugmentSettings(method=[name]), 0)
    assert isinstance(method, Written)
    assert (method.name, method.preserves) == (name, "nothing")
    assert method.prompts.path == shipped(name)
    first = shipped(name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    places = set(re.findall(r"\{(\w+)\}", "".join(method.prompts.texts.values())))
    assert places == set(re.findall(r"\{(\w+)\}", first)), "the first line names the places"


@pytest.mark.parametrize("name", WRITTEN)
def test_no_wording_of_a_probe_is_in_a_prompt(name: str) -> None:
    text = " ".join(shipped(name).read_text(encoding="utf-8").casefold().split())
    folder = Path(biographies.__file__).parent
    templates = yaml.safe_load((folder / "question_templates.yaml").read_text(encoding="utf-8"))
    wordings = [" ".join(part.casefold().split()) for line in _lines(templates) for part in re.split(r"\{\w+\}", line)]
    assert len(wordings) > 50
    for wording in wordings:
        assert len(wording.split()) < 3 or wording not in text


def _lines(value: object) -> list[str]:
    if isinstance(value, dict):
        return [line for item in value.values() for line in _lines(item)]
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)]
    return [str(value)]


@given(document=st.text(), title=st.text())
def test_documents_may_hold_anything(document: str, title: str) -> None:
    found = load_prompts("qa", None, PLACES).render("ask", document=document, title=title, pairs="3")
    assert document in found
    assert "Write 3 questions" in found


def test_places_in_a_document_are_not_filled_in() -> None:
    text = 'A {title} {document} {{pairs}} {x} {"a": {"b": 1}} {} { }} \\1 \\g<0> $title %s'
    found = load_prompts("qa", None, PLACES).render("ask", document=text, title="{document}", pairs="3")
    assert text in found
    assert "Title: {document}\n" in found


def test_doubled_braces_stand_for_themselves(tmp_path: Path) -> None:
    path = written(tmp_path, {"ask": '{{document}} {document} {"a": 1}'})
    assert load_prompts("qa", path, PLACES).render("ask", document="D") == '{document} D {"a": 1}'


@pytest.mark.parametrize(
    ("content", "phrases"),
    [
        ({"ask": "{document} {titel}"}, ["mine.yaml uses {titel} in `ask`", "did you mean {title}?",
                                         "there are: {document}, {title}, {pairs}", "doubled: {{titel}}"]),
        ({"ask": "{document} {x}"}, ["uses {x} in `ask`, which is not a placeholder"]),
        ({"ask": "{title}"}, ["does not use {document} in `ask`"]),
        ({"ask": ""}, ["has no text `ask`", "it may use {document}, {title}, {pairs}"]),
        ({"ask": 3}, ["has no text `ask`"]),
        ({"ask": "{document}", "aks": "x"}, ["has a part `aks`, which qa does not use", "it uses: ask"]),
        ("- a\n- b\n", ["is not a prompt file"]),
        ("", ["is not a prompt file"]),
        ("a: [", ["cannot be read as a prompt file"]),
    ],
)  # fmt: skip
def test_what_can_be_wrong(content: object, phrases: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_prompts("qa", written(tmp_path, content), PLACES)
    for phrase in phrases:
        assert phrase in str(caught.value)


def test_missing_file_and_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"augment.qa.prompt: .*none.yaml does not exist"):
        load_prompts("qa", str(tmp_path / "none.yaml"), PLACES)
    (tmp_path / "mine.yaml").write_bytes("ask: 'für {document}'".encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read as a prompt file"):
        load_prompts("qa", str(tmp_path / "mine.yaml"), PLACES)


def test_styles_and_forms(tmp_path: Path) -> None:
    chosen = AugmentSettings(paraphrase=ParaphraseSettings(styles=["news", "letter"], order="same"))
    method = registry.get("paraphrase").build(chosen, 0)
    assert sorted(name for deck in method.decks for name, _ in deck) == ["letter-same", "news-same"]
    with pytest.raises(
        UsageError, match=r"augment.paraphrase.styles: conf/prompts/paraphrase.yaml has no `new`"
    ) as caught:
        registry.get("paraphrase").build(AugmentSettings(paraphrase=ParaphraseSettings(styles=["new"])), 0)
    assert "did you mean news?" in caught.value.hint
    with pytest.raises(UsageError, match=r"augment.structured.forms: .* has no `table`"):
        registry.get("structured").build(AugmentSettings(structured=StructuredSettings(forms=["table"])), 0)
    own = written(tmp_path, {"ask": "{document} {form}", "forms": {"rhyme": "verse"}})
    method = registry.get("structured").build(AugmentSettings(structured=StructuredSettings(prompt=own)), 0)
    assert method.decks == [[("rhyme", {"form": "verse"})]]
    own = written(tmp_path, {"ask": "{document} {form}", "forms": {"rhyme": 3}})
    with pytest.raises(UsageError, match="has no table `forms`"):
        registry.get("structured").build(AugmentSettings(structured=StructuredSettings(prompt=own)), 0)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    first = load_prompts("qa", written(tmp_path, {"ask": "{document}"}), PLACES).digest
    assert load_prompts("qa", written(tmp_path, {"ask": "{document}"}), PLACES).digest == first
    assert load_prompts("qa", written(tmp_path, {"ask": "{document}."}), PLACES).digest != first
