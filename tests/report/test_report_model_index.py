"""The card of a run can be read by the Hub: its results stand in a model-index block."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard

from kinj.report.card import write_card
from tests.report.conftest import HOSTILE, measure, write_run


def test_the_hub_reads_the_results_of_a_card(tmp_path: Path) -> None:
    probes = {
        "biographies": {"measures": {"recall": measure(0.312, 0.289, 0.336), "recall/city": measure(0.2)}},
        "retention": {"measures": {"perplexity": measure(14.9, None, None, unit="perplexity")}},
        "wiki2023": {"measures": {}, "not_measured": HOSTILE},
    }
    card = ModelCard.load(write_card(write_run(tmp_path / "run-001", probes)))
    assert card.data.model_name == "run-001"
    found = {result.metric_type: result for result in card.data.eval_results}
    assert set(found) == {"recall", "perplexity"}
    assert (found["recall"].metric_value, found["recall"].task_type) == (0.312, "question-answering")
    assert found["recall"].metric_name == "recall [28.9, 33.6] n=600"
    assert found["perplexity"].metric_name == "perplexity n=600"
    assert found["perplexity"].dataset_name == "biographies (retention)"
    assert card.text.lstrip().startswith("# run-001")


def test_nothing_measured_no_block(tmp_path: Path) -> None:
    card = write_card(write_run(tmp_path / "run", {})).read_text(encoding="utf-8")
    assert card.startswith("# run")
