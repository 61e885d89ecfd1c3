"""One trial of a sweep.

The process that trials are forked from imports this module once for all of them; so it imports, besides what it calls, what
is otherwise imported when it is first needed.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from kinj.cli.pipeline import evaluate_run, start_run, train_in
from kinj.config import from_yaml

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
    *("kinj.models.packing", "omegaconf", "pandas"),
)
for name in NEEDED_LATER:
    importlib.import_module(name)


def run_trial(config: Path, folder: Path) -> None:
    """Trains (from where an earlier attempt stopped), then evaluates.

    Args:
        config: the trial's settings.
        folder: its run directory.
    """
    settings = from_yaml(config)
    settings.run.dir, settings.run.resume, settings.run.overwrite = str(folder), True, False
    run = start_run(settings, folder.name)
    if not (folder / "summary.json").exists():
        train_in(settings, run)
    evaluate_run(settings, run)
