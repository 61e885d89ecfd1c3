"""Settings to YAML and back, without secrets."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from kinj.config.compose import Inputs
from kinj.config.loader import load_inputs
from kinj.config.schema import Settings
from kinj.config.secrets import redact

if TYPE_CHECKING:
    import yaml


def to_yaml(settings: Settings) -> str:
    """All settings as YAML that `from_yaml` reads back. What a key or an address marks as secret is left out."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes words that kinj refuses unquoted, and line ends that a reader of YAML would take for spaces."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        quoted = value == "None" or not {"\x85", "\u2028", "\u2029"}.isdisjoint(value)
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)

    Dumper.add_representer(str, text)
    return yaml.dump(redact(asdict(settings)), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def from_yaml(path: Path | str) -> Settings:
    """The settings of a run's `config.yaml`, checked as when they were written.

    Raises:
        SettingsError: the file is missing or not valid.
    """
    file = Path(path)
    return deepcopy(_checked(file, file.read_bytes() if file.is_file() else b""))


@lru_cache(maxsize=8)
def _checked(file: Path, _content: bytes) -> Settings:
    """A trial reads its own settings four times, and checking all of them takes a quarter of a second."""
    return load_inputs(Inputs("show", base=file)).settings
