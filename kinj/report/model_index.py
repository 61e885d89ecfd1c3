"""Results in the form in which the Hub shows them on a model's page: the `model-index` block at the head of a README."""

from __future__ import annotations

from kinj.report.numbers import interval_text
from kinj.report.read import RunFiles
from kinj.report.run import result_rows


def front_matter(run: RunFiles) -> str:
    """Every headline measure as a YAML block between two lines of `---`; empty where nothing was measured.

    https://huggingface.co/docs/hub/model-cards#evaluation-results says what the Hub reads. It has no place for an interval, so
    that stands in the name.
    """
    rows = [(probe, name, measure) for probe, name, measure, _ in result_rows(run) if measure is not None]
    if not rows:
        return ""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation" if measure["unit"] == "perplexity" else "question-answering",
            dataset_type=run.settings.data.name,
            dataset_name=f"{run.settings.data.name} ({probe})",
            metric_type=name,
            metric_name=" ".join(filter(None, [name.replace("_", " "), interval_text(measure), f"n={measure['n']}"])),
            metric_value=measure["value"],
        )
        for probe, name, measure in rows
    ]
    return f"---\n{ModelCardData(model_name=run.path.name, eval_results=results).to_yaml()}\n---"
