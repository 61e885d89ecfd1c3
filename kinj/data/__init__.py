"""Records, files and data sets."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from kinj.config.schema import DataSettings
from kinj.data.base import DataSet


def open_data(settings: DataSettings, on_error: str = "stop", rejects_dir: Path | None = None) -> DataSet:
    """The data set that `data.name` names."""
    if settings.name == "biographies":
        data_set: DataSet = import_module("kinj.data.biographies").data_set(settings)
        return data_set
    raise NotImplementedError(settings.name)
