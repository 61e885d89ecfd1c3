"""From the folder of a sweep to the rows that laws are fitted to. Only what the law at hand reads is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from kinj.config.errors import UsageError
from kinj.report.naming import bare_name
from kinj.report.read import read_json, read_lines
from kinj.sweep.laws.base import Law, Row
from kinj.sweep.outcome import Replicate, TrialResult
from kinj.sweep.snapshot import table_of

AXES = ("model.size", "biographies.people", "biographies.views", ".epochs", ".steps", ".weight", ".share", ".views")
"""Endings of settings that change a size or a dose, and so move a trial along its curve. Any other makes a curve of its own."""
INJECTED = "documents"
"""The source whose documents hold the facts that are asked about."""


@dataclass(frozen=True)
class _Doses:
    """What passed through training of the injected documents."""

    by_document: dict[str, int]
    views: float
    tokens: float | None


def read_rows(folder: Path, law: Law) -> list[Row]:
    """The finished trials of a sweep as rows.

    Raises:
        UsageError: the folder holds no results of a sweep, or a trial did not inject documents.
    """
    results = table_of(folder)
    settings = yaml.safe_load((folder / "sweep.yaml").read_text(encoding="utf-8"))
    by_data = len({trial["data_seed"] for group in results["groups"] for trial in group["trials"]}) > 1
    rows = []
    for group, series in zip(results["groups"], _series(results), strict=True):
        people = group["settings"].get("data.biographies.people", settings["data"]["biographies"]["people"])
        for trial in (trial for trial in group["trials"] if trial["done"]):
            replicate = Replicate(trial["data_seed"], trial["seed"])
            result = TrialResult(trial["trial"], replicate, folder / "trials" / trial["trial"], group.get("treatment"))
            count = len(result.documents) or (people if results["data"] == "biographies" else None)
            row = _row(result, law, results["measure"], count)
            unit = replicate.data_seed if by_data else replicate.seed
            rows.append(replace(row, series=series, cell=group["name"], unit=unit))
    return rows


def _series(results: Mapping[str, Any]) -> list[str]:
    """The curve of each group of trials; without a name where all are on one."""
    groups = results["groups"]
    treated = ((results.get("multiplex") or {}).get("treatments") or [{}])[0]
    keys = [*results["space"], *treated]
    varied = [{key: str(group["settings"][key]) for key in keys if key in group["settings"]} for group in groups]
    sizes = [
        (group["arm"], *(one.get(key) for key in keys if key.endswith(AXES)))
        for group, one in zip(groups, varied, strict=True)
    ]
    own = [key for key in keys if not key.endswith(AXES) and not _follows([one.get(key) for one in varied], sizes)]
    names = [
        ", ".join([*filter(None, [way]), *(f"{key}={one[key]}" for key in own if key in one)])
        for way, one in zip(_ways(results), varied, strict=True)
    ]
    return names if len(set(names)) > 1 else [""] * len(names)


def _ways(results: Mapping[str, Any]) -> list[str]:
    """What the arm of each group is called in the sweep's table; by itself where labels do not tell arms apart."""
    arms = [str(group["arm"] or "") for group in results["groups"]]
    labels = [bare_name(group, results["space"]) for group in results["groups"]]
    return labels if len(set(labels)) == len(set(arms)) else arms


def _follows(values: Sequence[str | None], sizes: Sequence[tuple[Any, ...]]) -> bool:
    """Whether a setting has one value at each size and dose, as a learning rate that was tuned for each size."""
    return len(set(zip(sizes, values, strict=True))) == len(set(sizes))


def _row(result: TrialResult, law: Law, main: Mapping[str, str] | None, people: int | None) -> Row:
    """A trial; its curve, its cell and its unit are filled in by the caller."""
    doses = _read_doses(result)
    count = people or len(doses.by_document)
    summary = read_json(result.folder / "summary.json") or {}
    measure = result.measure(main["probe"], main["name"]) if main else None
    return Row(
        series="",
        cell="",
        unit=0,
        parameters=float(summary["parameters"]),
        people=count,
        dose=sum(doses.by_document.values()) / count,
        views=doses.views,
        tokens=float(summary["tokens"]),
        fact_tokens=doses.tokens,
        measures={
            f"{p}.{n}": float(m["value"]) for p, f in result.probes.items() for n, m in f.get("measures", {}).items()
        },
        measure=None if measure is None else float(measure["value"]),
        course=_course(result.folder, law.course) if law.course else (),
        outcomes=_outcomes(result, main, doses) if law.outcomes and main else (),
    )


def _read_doses(result: TrialResult) -> _Doses:
    """Of each document the exposures of its most exposed fact.

    Raises:
        UsageError: no document was injected.
    """
    path = result.folder / "doses.parquet"
    table = pq.read_table(path)
    table = table.filter(pc.field("source") == INJECTED)
    if not table.num_rows:
        what = f"{path} names no document of a source `{INJECTED}`: nothing says how often what is asked about was read"
        raise UsageError(what, f"laws are about sweeps whose stages inject the data set's pool `{INJECTED}`")
    if result.documents:
        table = table.filter(pc.field("document").isin(list(result.documents)))
    columns = ["exposures", "views", *(["tokens"] if "tokens" in table.column_names else [])]
    rows = table.group_by("document").aggregate([(column, "max") for column in columns]).to_pydict()
    exposures = dict(zip(rows["document"], rows["exposures_max"], strict=True))
    tokens = float(sum(rows["tokens_max"])) if "tokens_max" in rows else None
    return _Doses(exposures, sum(rows["views_max"]) / len(exposures), tokens)


def _course(folder: Path, measure: str) -> list[tuple[int, float]]:
    """A measure on the way, by step."""
    probe, _, name = measure.partition(".")
    lines = read_lines(folder / "metrics.jsonl")
    return [(row["step"], row["value"]) for row in lines if (row.get("probe"), row.get("measure")) == (probe, name)]


def _outcomes(result: TrialResult, main: Mapping[str, str], doses: _Doses) -> list[tuple[int, float]]:
    """The score of each question and the exposures of the document it is about; a document that was never drawn has none."""
    items = result.items(main["probe"], main["name"])
    if items is None:
        return []
    return [(doses.by_document.get(items.documents[question], 0), score) for question, score in items.values.items()]
