"""One trial of a sweep.

The process that trials are forked from imports this module once for all of them; so it imports, besides what it calls, what
is otherwise imported when it is first needed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from kinj.cli.pipeline import evaluate_run, start_run, train_in, training_texts
from kinj.config import from_yaml
from kinj.config.schema import Settings
from kinj.data import open_data
from kinj.models.scratch import train_tokenizer
from kinj.sweep.pruning import judging
from kinj.sweep.shared import shared_stages, with_shared_tokenizer

NEEDED_LATER = (
    *("kinj.eval.run", "kinj.eval.asker", "kinj.eval.probes.biographies", "kinj.eval.probes.retention"),
    *(
        "kinj.models.answering",
        "kinj.report.card",
        "kinj.report.html",
        "kinj.report.plots",
        "kinj.train.objectives.auto",
    ),
    *("transformers.models.llama.modeling_llama", "torch._dynamo", "scipy.stats", "matplotlib.backends.backend_svg"),
    *(
        "transformers.models.auto.tokenization_auto",
        "transformers.convert_slow_tokenizer",
        "transformers.integrations.mistral",
    ),
    *("transformers.models.encoder_decoder", "kinj.models.packing", "omegaconf", "pandas", "pyarrow.parquet"),
)
for name in NEEDED_LATER:
    importlib.import_module(name)


def run_trial(config: Path, folder: Path) -> None:
    """Trains (from where an earlier attempt stopped, or from a stage that another trial has trained), then evaluates.

    Args:
        config: the trial's settings.
        folder: its run directory.

    Raises:
        PrunedError: its sweep prunes, and its learning curve fell behind.
    """
    settings = from_yaml(config)
    settings.run.dir, settings.run.resume, settings.run.overwrite = str(folder), True, False
    run = start_run(settings, folder.name)
    if not (folder / "summary.json").exists():
        judge = judging(run, settings.train)
        with shared_stages(settings, run) as stage_end:
            train_in(with_shared_tokenizer(settings, run, learned_tokenizer), run, judge, stage_end)
    evaluate_run(settings, run)


def learned_tokenizer(settings: Settings) -> Any:
    """The tokenizer of new weights that is learned from a trial's texts."""
    # Lines that are to be set aside are, by the training that follows.
    on_error = "ignore" if settings.run.on_error == "skip" else settings.run.on_error
    texts = training_texts(settings, open_data(settings.data, on_error))
    return train_tokenizer(texts, settings.model.vocabulary)
