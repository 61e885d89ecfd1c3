"""A run directory, read for its report. Nothing is computed here, and what is missing is None or empty."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kinj.config import from_yaml, redact
from kinj.config.build import flatten
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import Settings


@dataclass(frozen=True)
class RunFiles:
    """What stands in a run directory.

    Raises:
        UsageError: when made, if there is no `config.yaml` in it.
    """

    path: Path

    def __post_init__(self) -> None:
        if not (self.path / "config.yaml").exists():
            raise UsageError(f"{self.path} is no run directory: it has no config.yaml", "runs are made by kinj train")

    @cached_property
    def settings(self) -> Settings:
        return from_yaml(self.path / "config.yaml")

    @cached_property
    def results(self) -> dict[str, Any]:
        """`results.json`, or one without probes."""
        return read_json(self.path / "results.json") or {"probes": {}, "notices": []}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: steps, passes, tokens, seconds, parameters, data."""
        return read_json(self.path / "summary.json") or {}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`env.json`: versions, CPU, threads, commit."""
        return read_json(self.path / "env.json") or {}

    @cached_property
    def overrides(self) -> list[str]:
        """What was typed, one setting each."""
        path = self.path / "overrides.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @cached_property
    def notices(self) -> list[str]:
        """What training and evaluation had to say, once each."""
        said = [row["text"] for row in read_lines(self.path / "events.jsonl") if row.get("kind") == "notice"]
        return list(dict.fromkeys([*said, *self.results.get("notices", [])]))

    @cached_property
    def steps(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl` about steps."""
        return [row for row in read_lines(self.path / "metrics.jsonl") if row.get("loss") is not None]

    @cached_property
    def probes(self) -> list[dict[str, Any]]:
        """The measures taken on the way: step, probe, measure, value, low, high."""
        return [row for row in read_lines(self.path / "metrics.jsonl") if "probe" in row]

    @cached_property
    def trained(self) -> bool:
        """Whether a model was trained here, or was to be: an evaluation keeps no record of what was typed."""
        return (self.path / "overrides.txt").exists() or bool(self.summary or self.steps)

    @cached_property
    def asked(self) -> dict[str, Any]:
        """What an evaluation says of itself in its results; of one that was stopped, what its settings say."""
        known = {"model": self.settings.model.name, "fingerprint": "", "before": None}
        return known | {"normalizer": self.settings.eval.normalizer} | self.results

    def changed(self) -> list[tuple[str, Any]]:
        """Settings that differ from the schema's defaults, without secrets; where results go, sweeps and what was not used are
        left out.
        """
        plain = flatten(Settings())
        unused = ("run.", "sweep.", *(() if self.trained else ("train.", "optim.", "augment.")))
        values = redact(flatten(self.settings)).items()
        return [(k, v) for k, v in values if not k.startswith(unused) and plain.get(k, ...) != v]

    @property
    def command(self) -> str:
        """What repeats the run, or the evaluation, from its own settings."""
        settings = f"-c {shlex.quote(str(self.path / 'config.yaml'))} run.dir=null"
        if self.trained:
            return f"kinj train {settings}"
        if self.asked["fingerprint"] is None:
            return f"kinj eval --from-predictions {shlex.quote(self.asked['model'])} {settings}"
        before = self.asked["before"]
        models = [self.asked["model"], *([before] if before else [])]
        return f"kinj eval {shlex.join(models)}{' --compare' if before else ''} {settings}"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is none.

    Raises:
        KinjError: it holds no JSON.
    """
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise KinjError(f"{path} is not valid JSON: {error}", "was it edited, or copied in part?") from error
    return content


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file; a last line that was cut off by an interruption is left out."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
