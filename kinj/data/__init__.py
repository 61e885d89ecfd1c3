"""Records, files and data sets."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from kinj.config.errors import UsageError
from kinj.config.schema import DataSettings
from kinj.data.base import DataSet
from kinj.data.rejects import Rejects
from kinj.data.retention import add_retention

ADAPTERS = {
    "biographies": "kinj.data.biographies",
    "corpus": "kinj.data.corpus",
    "fictional": "kinj.data.benchmarks.fictional",
    "mquake": "kinj.data.benchmarks.mquake",
    "nq_open": "kinj.data.benchmarks.nq_open",
    "popqa": "kinj.data.benchmarks.popqa",
    "reversal": "kinj.data.benchmarks.reversal",
    "squad": "kinj.data.benchmarks.squad",
    "text": "kinj.data.benchmarks.text",
    "tofu": "kinj.data.benchmarks.tofu",
    "wiki2023": "kinj.data.benchmarks.wiki2023",
    "wikidyk": "kinj.data.benchmarks.wikidyk",
}
"""The module of each data set; it has `data_set(settings, rejects)`."""
GENERATED = ("biographies",)
"""Data sets that read no files; their `data_set` takes the settings only."""


def open_data(settings: DataSettings, on_error: str = "stop", rejects_dir: str | Path | None = None) -> DataSet:
    """The data set that `data.name` names, with the pools of `data.retention`. Files are looked for now, and read with their pool.

    Args:
        settings: `data` of the settings.
        on_error: what a bad line does: `stop`, or `skip` (set aside in `NAME.rejected.jsonl` and counted in the accounts).
        rejects_dir: folder of those files; by default the current one.

    Raises:
        UsageError: there is no such data set, or its files are missing.
    """
    if settings.name not in ADAPTERS:
        raise UsageError(f"data.name={settings.name}: no such data set", f"there are: {', '.join(ADAPTERS)}")
    make: Callable[..., DataSet] = import_module(ADAPTERS[settings.name]).data_set
    rejects = Rejects(on_error, rejects_dir)
    found = make(settings) if settings.name in GENERATED else make(settings, rejects)
    return add_retention(found, settings, rejects)
