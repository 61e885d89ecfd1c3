"""Published benchmarks through the probe `qa`: small files in their schema, asked of a model, and the real ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kinj.config.schema import DataSettings, Settings
from kinj.data import open_data
from kinj.eval.base import Context
from kinj.eval.probes.qa import QA
from kinj.eval.run import evaluate
from kinj.models.loading import LanguageModel

FICTIONAL = {
    "train_context": "Mars has a mayor. Its mayor is Ada.",
    **{f"{kind}_input": ["Mars has a", "Its mayor is"] for kind in ("mem", "gen", "hard_gen")},
    **{f"{kind}_target": ["mayor.", "Ada."] for kind in ("mem", "gen", "hard_gen")},
}
SEAL = {"title": "Bees", "context": "Bees fly.", "questions": [{"question": "Who flies?", "answer": "Bees"}]}
NQ = {"question": "who flies", "answer": ["Bees", "bees"]}
POPQA = [{"input": f"Who is {n}?", "output": '["Ada", "A."]', "id": n, "s_pop": 10**n, "o_pop": 1} for n in range(1, 5)]
FILES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "fictional": ("fictional_knowledge.jsonl", [FICTIONAL, FICTIONAL]),
    "squad": ("squad_val.jsonl", [SEAL, SEAL | {"context": "Bees hum."}]),
    "nq_open": ("NQ-open.dev.jsonl", [NQ]),
    "popqa": ("popqa_test.jsonl", POPQA),
}
PARTS = {
    "fictional": {f"{name}/{kind}" for name in ("target_loss", "target_greedy") for kind in ("mem", "gen", "hard_gen")},
    "popqa": {f"contains/popularity_{band}" for band in ("0-99", "100-999", "1000-9999", "10000-99999")},
}
REAL = {
    "fictional": ("fictional_knowledge", {"generate": 1950, "loglikelihood": 1950}),
    "squad": ("seal_squad", {"generate": 10570}),
    "nq_open": ("nq_open", {"generate": 3610}),
    "popqa": ("popqa_subset", {"generate": 1000}),
}


def context_of(name: str, path: Path) -> Context:
    settings = Settings(data=DataSettings(name=name, path=str(path)))
    settings.eval.max_new_tokens = 4
    return Context(settings=settings, data=open_data(settings.data))


@pytest.mark.parametrize("name", FILES)
def test_a_model_is_asked_and_measured(name: str, language_model: LanguageModel, tmp_path: Path) -> None:
    file, rows = FILES[name]
    (tmp_path / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    context = context_of(name, tmp_path)
    measures = evaluate(context.settings, language_model, context, ["qa"])["probes"]["qa"]["measures"]
    assert {"exact_match", "f1", "contains"} | PARTS.get(name, set()) <= set(measures)
    if name == "fictional":
        assert measures["target_loss"]["unit"] == "nats"
        assert measures["target_loss"]["value"] > 0


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_the_real_files_are_asked_whole(shared_data: Path, name: str) -> None:
    folder, counts = REAL[name]
    requests = QA().requests(context_of(name, shared_data / folder))
    assert Counter(request.kind for request in requests) == counts


@pytest.mark.shared
def test_popqa_has_questions_of_every_popularity(shared_data: Path) -> None:
    asked = QA().questions(context_of("popqa", shared_data / "popqa_subset"))
    kinds = Counter(question.kind for question in asked)
    assert kinds["popularity_100-999"] == 411
    assert sum(kinds.values()) == 1000
    assert "popularity_unknown" not in kinds
