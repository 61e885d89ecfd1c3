"""Probes over a small random model: files, cache, notices, and the same scores for every batch size."""

import copy
import io
import json
import math

import pytest
import torch

from kinj.config.errors import KinjError, UsageError
from kinj.data.records import Document
from kinj.eval.cache import AnswerCache
from kinj.eval.observer import ProbeObserver
from kinj.eval.run import ask, evaluate
from kinj.eval.table import format_number, overlap_lines, results_table
from kinj.models.fingerprints import fingerprint
from tests.eval.conftest import ask_about


@pytest.fixture
def asked(with_pools):
    """A run with questions of two documents and a text."""
    questions = [
        ask_about(f"d{n % 2}", f"Where was number {n} born?", "London", choices=["London", "Rome"]) for n in range(6)
    ]
    texts = [Document(id="t", text="Nobody knows why the weather in the north is cold.\n")]
    context = with_pools("corpus", questions=questions, text=texts, documents=texts)
    context.settings.eval.max_new_tokens = 4
    return context


@pytest.fixture
def passes(language_model):
    """Counts forward passes of the model."""
    count = [0]
    language_model.model.register_forward_pre_hook(lambda *_: count.__setitem__(0, count[0] + 1))
    return count


def flat(results):
    return {
        (probe, name): m["value"]
        for probe, result in results["probes"].items()
        for name, m in result["measures"].items()
    }


def test_results_and_predictions_are_written(language_model, asked, tmp_path):
    results = evaluate(asked.settings, language_model, asked, ["qa", "retention"], tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert (results["schema"], results["dtype"], results["batch_tokens"]) == (1, "float32", 8192)
    measure = results["probes"]["qa"]["measures"]["exact_match"]
    assert set(measure) == {"value", "low", "high", "n", "clusters", "unit", "direction", "method", "covers", "note"}
    assert (measure["n"], measure["clusters"]) == (6, 2)
    assert measure["low"] <= measure["value"] <= measure["high"]
    assert results["probes"]["qa"]["prompt_overlap"]["share"] == 0
    rows = [json.loads(line) for line in (tmp_path / "predictions" / "qa.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == [question.prompt for question in asked.data.pool("questions")]
    assert {"id", "prompt", "answers", "prediction", "scores", "logprob", "ranking"} <= set(rows[0])
    assert set(rows[0]["scores"]) == {"exact_match", "f1", "contains", "rouge_l_recall"}
    assert len(rows[0]["ranking"]["logprobs"]) == 2
    (text,) = [json.loads(line) for line in (tmp_path / "predictions" / "retention.jsonl").read_text().splitlines()]
    perplexity = results["probes"]["retention"]["measures"]["perplexity"]
    assert perplexity["value"] == pytest.approx(math.exp(-text["logprob"] / text["tokens"]))
    assert perplexity["low"] is None  # one passage


def test_an_error_names_the_probe_it_came_from(language_model, asked, tmp_path):
    with torch.no_grad():
        language_model.model.get_input_embeddings().weight.fill_(math.nan)
    with pytest.raises(KinjError, match=r"^error: probe qa: the model's output is not a number \(NaN\)\n  its weights"):
        evaluate(asked.settings, language_model, asked, ["qa", "retention"], tmp_path)
    assert not (tmp_path / "results.json").exists()


def test_a_second_run_asks_nothing_and_finds_the_same(language_model, asked, passes, tmp_path):
    first = evaluate(asked.settings, language_model, asked, ["qa", "retention"], tmp_path)
    done = passes[0]
    assert done
    assert evaluate(asked.settings, language_model, asked, ["qa", "retention"], tmp_path) == first
    assert passes[0] == done
    with torch.no_grad():
        next(language_model.model.parameters())[0, 0] += 1
    evaluate(asked.settings, language_model, asked, ["qa"], tmp_path)
    assert passes[0] > done


def test_it_is_said_how_questions_are_put_and_that_a_chat_has_lost_its_template(language_model, asked):
    plain = evaluate(asked.settings, language_model, asked, ["qa"])
    assert (plain["question_format"], plain["notices"]) == ("Question: {prompt}\nAnswer:", [])
    chat = copy.deepcopy(language_model)
    chat.codec.tokenizer.add_tokens(["<|im_start|>"], special_tokens=True)
    (notice,) = evaluate(asked.settings, chat, asked, ["qa"])["notices"]
    assert "its tokenizer has <|im_start|>, as chat models have, and no chat template" in notice
    chat.codec.tokenizer.chat_template = "{{ messages[-1]['content'] }}"
    assert chat.codec.lost_template is None
    chat.codec.chat = True
    assert chat.codec.question_format == "chat template"


def test_other_weights_other_prompts_and_other_types_have_other_fingerprints(language_model):
    first = fingerprint(language_model)
    assert fingerprint(copy.deepcopy(language_model)) == first
    other = copy.deepcopy(language_model)
    other.codec._template = "Q: {prompt} A:"
    assert fingerprint(other) != first
    other = copy.deepcopy(language_model)
    other.model.to(torch.bfloat16)
    assert fingerprint(other) != first


def test_the_cache_drops_answers_of_weights_that_are_gone(language_model, asked, tmp_path):
    path = tmp_path / "answers.jsonl"
    requests = [r for r in _requests(asked) if r.kind == "generate"]
    AnswerCache(path).answer(language_model, "old", requests, 8192)
    AnswerCache(path).answer(language_model, "new", requests[:2], 8192)
    assert {json.loads(line)["model"] for line in path.read_text().splitlines()} == {"new"}
    AnswerCache(path).answer(language_model, "new", requests[2:], 8192)
    assert len(path.read_text().splitlines()) == len(requests)


def _requests(context):
    from kinj.eval.probes.qa import QA

    return QA().requests(context)


def test_results_of_other_probes_for_the_same_weights_are_kept(language_model, asked, tmp_path):
    evaluate(asked.settings, language_model, asked, ["retention"], tmp_path)
    assert list(evaluate(asked.settings, language_model, asked, ["qa"], tmp_path)["probes"]) == ["retention", "qa"]
    with torch.no_grad():
        next(language_model.model.parameters())[0, 0] += 1
    assert list(evaluate(asked.settings, language_model, asked, ["qa"], tmp_path)["probes"]) == ["qa"]


@pytest.mark.parametrize("batch_tokens", [1, 90, 260])
def test_scores_do_not_depend_on_the_batch_size(language_model, people, batch_tokens):
    people.settings.eval.limit, people.settings.eval.max_new_tokens = 24, 6
    expected = evaluate(people.settings, language_model, people, ["biographies", "wikidyk", "retention"])
    people.settings.eval.batch_tokens = batch_tokens
    found = evaluate(people.settings, language_model, people, ["biographies", "wikidyk", "retention"])
    assert flat(found) == pytest.approx(flat(expected), abs=1e-9)
    assert found["batch_tokens"] == batch_tokens


def test_the_stand_in_is_stored_under_its_own_name_with_a_notice(language_model, people, tmp_path):
    people.settings.eval.limit, people.settings.eval.max_new_tokens = 7, 2
    results = evaluate(people.settings, language_model, people, ["wikidyk"], tmp_path)
    assert list(results["probes"]) == ["wikidyk-stand-in"]
    assert [notice for notice in results["notices"] if "stand-in" in notice] == results["notices"]
    assert (tmp_path / "predictions" / "wikidyk-stand-in.jsonl").exists()


def test_what_cannot_be_measured_is_said_and_the_rest_is_measured(language_model, asked):
    results = evaluate(asked.settings, language_model, asked, ["qa", "biographies"])
    assert "no generated people" in results["probes"]["biographies"]["not_measured"]
    assert any("not measured" in notice for notice in results["notices"])
    with pytest.raises(UsageError, match="nothing could be measured") as caught:
        evaluate(asked.settings, language_model, asked, ["wiki2023", "biographies"])
    assert "data=wiki2023" in caught.value.hint


def test_changes_since_another_model(language_model, asked, tmp_path):
    before = copy.deepcopy(language_model)
    with torch.no_grad():
        for parameter in before.model.parameters():
            parameter.mul_(1.5)
    results = evaluate(asked.settings, language_model, asked, ["retention", "qa"], tmp_path, before=before)
    alone = evaluate(asked.settings, before, asked, ["retention"])
    measures = results["probes"]["retention"]["measures"]
    assert measures["perplexity_ratio"]["value"] == pytest.approx(
        measures["perplexity"]["value"] / alone["probes"]["retention"]["measures"]["perplexity"]["value"]
    )
    change = results["probes"]["qa"]["measures"]["exact_match_change"]
    assert set(change["tests"]) == {"sign_flip", "mcnemar", "smallest_detectable"}
    assert results["before"] == before.name
    flipped = [json.loads(line) for line in (tmp_path / "predictions" / "qa.flips.jsonl").read_text().splitlines()]
    assert results["probes"]["qa"]["flips"] == {"gained": 0, "lost": 0, "examples": []}
    assert flipped == []


def test_the_eval_settings_of_the_command_win_over_those_of_the_run(language_model, asked):
    settings = copy.deepcopy(asked.settings)
    settings.eval.limit = 2
    assert evaluate(settings, language_model, asked, ["qa"])["probes"]["qa"]["measures"]["exact_match"]["n"] == 2


def test_progress_names_the_probe(language_model, asked):
    seen = []
    evaluate(asked.settings, language_model, asked, ["qa"], progress=lambda *state: seen.append(state))
    assert seen[-1] == ("qa", 6 + 2 * 6 + 2, 20)  # the neutral premise is the same for all six


def test_the_observer_reports_the_same_numbers_and_leaves_the_model_as_it_was(language_model, asked):
    results = evaluate(asked.settings, language_model, asked, ["qa", "retention"])
    observer = ProbeObserver(asked.settings, asked, ["qa", "retention", "biographies"])
    language_model.model.train()
    state = torch.random.get_rng_state()
    rows = observer(10, language_model)
    assert {(row["probe"], row["measure"]): row["value"] for row in rows} == pytest.approx(flat(results))
    assert set(rows[0]) == {"probe", "measure", "value", "low", "high", "n", "unit", "direction"}
    assert language_model.model.training
    assert torch.equal(torch.random.get_rng_state(), state)
    assert any("biographies: not measured" in notice for notice in asked.notices)


def test_ask_answers_before_and_after(language_model):
    both = ask(language_model, language_model, "Where was Ada Byron born?", 4)
    assert both["before"] == both["after"]
    assert ask(None, language_model, "Where?", 4)["before"] is None


def test_the_table_shows_headlines_and_what_was_not_measured(language_model, people):
    from rich.console import Console

    people.settings.eval.limit, people.settings.eval.max_new_tokens = 16, 2
    results = evaluate(people.settings, language_model, people, ["biographies", "wiki2023"])
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(results_table(results))
    text = console.export_text()
    assert "not measured" in text
    assert "recall/major" not in text
    assert "0.0 %" in text
    console.print(results_table(results, details=True))
    assert "recall/major" in console.export_text()
    assert overlap_lines(results) == ["biographies: prompts that stand in the training texts: 0.0%"]
    results["probes"]["biographies"]["prompt_overlap"]["share"] = None
    assert "unknown" in overlap_lines(results)[0]
    assert format_number(12.3456, "perplexity") == "12.35"
    results["probes"]["biographies"]["measures"]["recall"]["low"] = None
    console.print(results_table(results))
    assert "none" in console.export_text()
