"""Data sets in the Hub's form, through `datasets`: from the Hub, from its cache, or from a folder on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kinj.config.errors import UsageError
from kinj.data.forms import Json
from kinj.data.parquet import plain_row
from kinj.data.rejects import Place


def split_name(source: str) -> tuple[str, str | None]:
    """`hf:NAME:split` taken apart; the split is None where it is not given."""
    name, colon, split = source.removeprefix("hf:").rpartition(":")
    return (name, split) if colon and re.fullmatch(r"[\w.-]+", split) else (source.removeprefix("hf:"), None)


def hub_rows(source: str, config: str | None = None) -> Iterator[tuple[Place, Json]]:
    """The rows of `hf:NAME[:split]`, streamed. NAME may be a folder with files in the Hub's layout or made by `save_to_disk`.

    Args:
        source: the name; without a split `train` is read, or the only one there is.
        config: name of a configuration, for data sets that have several.

    Raises:
        UsageError: it does not exist, cannot be reached, or has no such split or configuration.
    """
    name, split = split_name(source)
    folder = Path(name).expanduser()
    if not folder.exists() and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise UsageError(f"{source} does not exist: there is no folder {name}, and a Hub name is OWNER/NAME")
    loaded = (
        _saved(source, folder)
        if _is_saved(folder)
        else _streamed(source, str(folder) if folder.exists() else name, config)
    )
    rows = _choose(source, loaded, split)
    for number, row in enumerate(_guarded(source, rows), start=1):
        yield Place(source, number, "row"), plain_row(row)


def hub_configs(source: str) -> list[str]:
    """Names of the configurations of `hf:NAME`.

    Raises:
        UsageError: it cannot be reached.
    """
    import datasets

    name = split_name(source)[0]
    folder = Path(name).expanduser()
    try:
        return list(datasets.get_dataset_config_names(str(folder) if folder.exists() else name))
    except Exception as error:
        raise UsageError(f"{source} cannot be loaded: {_first_line(error)}", _unreachable_hint(name)) from error


def _is_saved(folder: Path) -> bool:
    return (folder / "dataset_dict.json").exists() or (folder / "state.json").exists()


def _saved(source: str, folder: Path) -> Any:
    import datasets

    try:
        return datasets.load_from_disk(str(folder))
    except Exception as error:
        raise UsageError(f"{source} is damaged: {_first_line(error)}") from error


def _streamed(source: str, name: str, config: str | None) -> Any:
    import datasets

    try:
        return datasets.load_dataset(name, config, streaming=True)
    except Exception as error:
        # `datasets` raises a dozen unrelated types here: its own, those of requests, of the file system, ValueError.
        raise UsageError(f"{source} cannot be loaded: {_first_line(error)}", _unreachable_hint(name)) from error


def _choose(source: str, loaded: Any, split: str | None) -> Any:
    if not isinstance(loaded, dict):
        if split is not None:
            raise UsageError(f"{source} has no splits: it was saved as one table", f"leave :{split} out")
        return loaded
    wanted = split or ("train" if "train" in loaded or len(loaded) != 1 else next(iter(loaded)))
    if wanted not in loaded:
        raise UsageError(
            f"{source} has no split `{wanted}`; it has: {', '.join(loaded)}", f"hf:{split_name(source)[0]}:SPLIT"
        )
    return loaded[wanted]


def _guarded(source: str, rows: Any) -> Iterator[dict[str, Any]]:
    iterator = iter(rows)
    while True:
        try:
            row = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            raise UsageError(
                f"{source} broke off: {_first_line(error)}", _unreachable_hint(split_name(source)[0])
            ) from error
        yield row


def _unreachable_hint(name: str) -> str:
    if Path(name).exists():
        return "the folder must hold files in the Hub's layout, such as data/train-00000-of-00001.parquet"
    hint = f"fetch it where there is a network: hf download {name} --repo-type dataset --local-dir FOLDER; then pass FOLDER"
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return ("HF_HUB_OFFLINE is set, so nothing is downloaded\n" if offline else "") + hint


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
