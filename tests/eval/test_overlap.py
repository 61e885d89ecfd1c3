"""The share of prompts that stand in the training texts."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kinj.config import to_yaml
from kinj.config.schema import SourceSettings
from kinj.data.files import write_records
from kinj.data.records import Document
from kinj.eval.overlap import TrainingTexts, prompt_overlap, training_texts
from tests.eval.conftest import ask_about

sentences = st.lists(st.sampled_from(["a", "b", "c", "Who", "is"]), min_size=1, max_size=6).map(" ".join)


@given(st.lists(sentences, min_size=1, max_size=6), st.lists(sentences, max_size=5))
def test_it_finds_what_a_plain_search_finds(prompts, texts):
    training = TrainingTexts()
    training.add("texts", [Document(id=text, text=text) for text in texts])
    asked = [ask_about(str(n), prompt, "x") for n, prompt in enumerate(prompts)]
    found = prompt_overlap(asked, training)
    assert found["found"] == sum(
        any(f" {prompt.lower()} " in f" {text.lower()} " for text in texts) for prompt in prompts
    )
    assert found["share"] == found["found"] / len(prompts)


def test_layout_does_not_hide_a_prompt():
    training = TrainingTexts()
    training.add(
        "views", [Document(id="1", text="* **Where** was\n> Ada   born_?\n"), Document(id="2", text="Wherewas Bo born")]
    )
    asked = [
        ask_about("a", "Where was Ada born?", "x"),
        ask_about("b", "Where was Bo born?", "x"),
        ask_about("c", "born?", "x"),
    ]
    assert prompt_overlap(asked, training) == {
        "share": 2 / 3,
        "found": 2,
        "prompts": 3,
        "texts": 2,
        "sources": ["views"],
    }


def test_a_run_is_compared_with_the_sources_of_its_stages(people, tmp_path):
    training = training_texts(people)
    assert training.sources == ["documents", "replay"]
    asked = people.data.pool("questions")
    assert prompt_overlap(asked, training)["share"] == 0
    assert prompt_overlap(asked, training)["prompts"] == 48
    write_records(tmp_path / "leak.jsonl", asked[:12])
    people.settings.train.stages["inject"].data["leak"] = SourceSettings(path=str(tmp_path / "leak.jsonl"))
    assert prompt_overlap(asked, training_texts(people))["share"] == 0.25


def test_other_data_typed_for_the_probe_do_not_hide_what_the_run_read(people, with_pools):
    people.run.mkdir()
    (people.run / "config.yaml").write_text(to_yaml(people.settings))
    other = with_pools("wikidyk", questions=[], documents=[])
    other.settings = replace(people.settings, data=replace(people.settings.data, name="wikidyk"))
    training = training_texts(other)
    assert other.notices == []
    assert training.sources == ["documents", "replay"]
    assert len(training.texts) > 6


def test_a_run_whose_data_are_gone_is_said_to_be_unknown(people, tmp_path):
    people.settings.train.stages["inject"].data["gone"] = SourceSettings(path=str(tmp_path / "gone.jsonl"))
    assert training_texts(people).sources == []
    assert "cannot be read" in people.notices[0]


def test_questions_trained_on_are_found(people):
    people.settings.train.stages["inject"].data["again"] = SourceSettings(pool="questions")
    assert prompt_overlap(people.data.pool("questions"), training_texts(people))["share"] == 1


def test_without_a_run_only_the_shipped_models_training_is_known(people):
    people.run = None
    people.settings.data.limit = 4
    assert training_texts(people).sources == ["base_documents", "base_questions"]
    people.settings.model.name = "gpt2"
    unknown = prompt_overlap(people.data.pool("questions"), training_texts(people))
    assert (unknown["share"], unknown["sources"]) == (None, [])


def test_a_question_asked_twice_counts_once_and_nothing_asked_has_no_share():
    training = TrainingTexts(["t"], [("who",)])
    asked = [ask_about("a", "Who?", "x")] * 3
    assert prompt_overlap(asked, training)["prompts"] == 1
    assert prompt_overlap([], training)["share"] is None
