"""What a sweep has to tell: ways of teaching beside each other, from results.json and the files of its trials."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kinj.config.errors import UsageError
from kinj.config.loader import written as typed
from kinj.config.values import NULLS
from kinj.report import plots, story
from kinj.report.blocks import (
    Answer,
    Arms,
    Block,
    Cell,
    Command,
    Facts,
    Figure,
    Figures,
    Items,
    Missing,
    Paragraph,
    Report,
    Section,
    Table,
    measure_cell,
    section,
)
from kinj.report.doses import dose_figures
from kinj.report.figures import (
    arms_of,
    axis_label,
    cost_figure,
    difference_figure,
    front_figure,
    kept_figure,
    main_figure,
)
from kinj.report.front import front_words, on_front
from kinj.report.law import law_section, outdated, read_laws
from kinj.report.multiplex import check_grids, check_lines
from kinj.report.naming import shortly_named
from kinj.report.numbers import duration, times
from kinj.report.plots import Series
from kinj.report.read import RunFiles, read_json
from kinj.report.run import environment
from kinj.report.series import loss_series, recall_series, x_label
from kinj.report.sweep_tables import arms_table, compared, cost_table, flips, settings_table, trials_fold
from kinj.report.tables import ended, kept_measures, main_is_share, main_measure, main_title, overlap_line
from kinj.report.write import write_page

Results = Mapping[str, Any]
MOST_LINES = 8
"""Rows whose curves are drawn together; more cannot be told apart."""
HOW = {"failed": "failed", "interrupted": "was interrupted"}
"""How a trial without results ended, in a sentence."""


def read_sweep(sweep_dir: Path) -> dict[str, Any]:
    """The content of a sweep's results.json.

    Raises:
        UsageError: there is none.
    """
    results = read_json(sweep_dir / "results.json")
    if results is None or "groups" not in results:
        raise UsageError(f"{sweep_dir} holds no results of a sweep", "they are made by kinj sweep")
    return results


def write_sweep_report(sweep_dir: Path, command: str | None = None) -> Path:
    """Writes `report.html` into a sweep's folder and returns its path.

    Args:
        sweep_dir: the folder.
        command: what repeats the sweep; by default made from its files.

    Raises:
        UsageError: the folder holds no results of a sweep.
    """
    folder = Path(sweep_dir)
    return write_page(sweep_report(folder, read_sweep(folder), command))


def sweep_report(folder: Path, results: Results, command: str | None = None) -> Report:
    """Everything there is to say about a sweep, finished or not.

    Args:
        results: the content of its results.json.
        command: what repeats the sweep; by default made from its files.
    """
    written, results = results, shortly_named(results)
    base = _base(folder)
    laws = read_laws(folder, base.get("sweep.law"))
    head, beside = story.answer(results, laws)
    gaps = [*missing(folder, results), *filter(None, (outdated(folder, law, results) for law in laws))]
    found = [environment_of for path in _runs(folder, results) if (environment_of := read_json(path / "env.json"))]
    front = on_front(results)
    figures = [figure for figure in (main_figure(results), kept_figure(results)) if figure]
    parts: list[Block] = [
        Paragraph(
            f"How much does {results['model']} know of {results['data']} afterwards, and what did it forget?", True
        ),
        Paragraph("Every row starts from the same settings and differs only in the way named."),
        Answer(head, beside),
        *([Missing(gaps)] if gaps else []),
        Facts(_facts(results)),
        *([Arms([group["name"] for group in results["groups"]])] if None not in arms_of(results) else []),
        *section("Result", arms_table(results), Figures(figures) if figures else None),
        *section("Recall against retention", _one(front_figure(results), front_words(front) if front else ())),
        *section("Treatments together and alone", *_multiplexed(results)),
        *section("Comparisons", _one(difference_figure(results)), *compared(results)),
        *section("Dose and response", _many(list(dose_figures(results)))),
        *section("Laws", *(law_section(law, _colours(results)) for law in laws)),
        *section("While it learned", *_curves(folder, results)),
        *section("Questions that flipped", *flips(results)),
        *section("Cost", cost_table(results), _one(cost_figure(results))),
        *section("What the intervals cover", Items(_covers(results))),
        *section("To be known", _notices(results)),
        *section("Settings that differ", settings_table(results, base)),
        *section("Environment", environment(found)),
        Section("Repeat it", [Command([command or repeat(folder, results)]), trials_fold(results)]),
    ]
    content = {
        "results": written,
        "front": vars(front) if front else None,
        "laws": laws,
        "environment": found[0] if found else {},
        "repeat": command or repeat(folder, results),
    }
    return Report(folder, "sweep", title(results), parts, head, gaps, list(_together(folder, results)), content)


def missing(folder: Path, results: Results) -> Iterator[str]:
    """Trials that have not finished, with why, and the command that goes on."""
    go_on = shlex.join(["kinj", "sweep", str(folder), "--worker"])
    trials = {trial["trial"]: trial["done"] for group in results["groups"] for trial in group["trials"]}
    pruned = {one["trial"] for one in results.get("pruned", [])}
    failed = [
        f"{f['name']} {HOW[ended(f)]}: {f['error'].splitlines()[0]} (trials/{f['trial']}/log.txt)"
        for f in results["failures"]
    ]
    known = pruned | {failure["trial"] for failure in results["failures"] if ended(failure) == "failed"}
    open_ = sum(not done and trial not in known for trial, done in trials.items())
    if open_ > 0:
        many = "1 of {} trials has" if open_ == 1 else f"{open_} of {{}} trials have"
        way = f"What is left goes on with the command that began the sweep, or with: {go_on}"
        yield f"{many.format(len(trials))} not finished. {way}"
    yield from failed
    if any(ended(failure) == "failed" for failure in results["failures"]):
        yield f"Failed trials are tried again with: {go_on} --retry-failed"
    if pruned:
        yield f"Pruned trials: {len(pruned)} of {len(trials)}, ended early for a learning curve behind the others'."
    if any(trials.values()) and not results["measure"]:
        yield "The measure asked for was not taken by any finished trial."


def repeat(folder: Path, results: Results) -> str:
    """The command that repeats a sweep from its own settings, somewhere else."""
    return shlex.join(["kinj", "sweep", "-c", str(folder / "sweep.yaml"), *_axes(results), "-o", "runs/again"])


def _axes(results: Results) -> Iterator[str]:
    """The values of the grid as they are typed; keys that took their values together (`seed+data.seed=0..4`) still do."""
    space: Mapping[str, Sequence[Any]] = results["space"]
    points = [
        {key: _typed(value) for key, value in {**group["settings"], **seeds}.items()}
        for group in results["groups"]
        for seeds in ({"seed": trial["seed"], "data.seed": trial["data_seed"]} for trial in group["trials"])
    ]
    left = list(space)
    while left:
        keys = [key for key in left if key == left[0] or _go_together(points, left[0], key)]
        left = [key for key in left if key not in keys]
        rows = zip(*(map(_typed, space[key]) for key in keys), strict=True)
        values = (row[0] if len(set(row)) == 1 else f"[{','.join(row)}]" for row in rows)
        yield f"{'+'.join(keys)}={','.join(values)}"


def _go_together(points: Sequence[Mapping[str, str]], key: str, other: str) -> bool:
    """Whether each value of one setting always came with one value of another, and not because there is only one."""
    pairs = {(point[key], point[other]) for point in points if key in point and other in point}
    ones, others = ({pair[side] for pair in pairs} for side in (0, 1))
    return len(pairs) == len(ones) == len(others) > 1


def _typed(value: Any) -> str:
    """A value as it is typed; text that would be read as more than text, such as a comma, is quoted."""
    if isinstance(value, str) and (value in NULLS or value != value.strip() or re.search(r"[,\[\]{}\"']", value)):
        return json.dumps(value, ensure_ascii=False)
    return typed(value)


def title(results: Results) -> str:
    """What the page is called."""
    many = len(results["groups"])
    if any(group["arm"] for group in results["groups"]):
        return f"{many} ways of teaching, compared" if many > 1 else "One way of teaching"
    return f"{many} settings, compared" if many > 1 else f"{results['recipe']}, over seeds"


def _base(folder: Path) -> dict[str, Any]:
    """The sweep's own settings by key; plain YAML, because checking them anew would take longer than all else."""
    path = folder / "sweep.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    found: dict[str, Any] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(inner, f"{key}.{name}" if key else str(name))
        else:
            found[key] = value

    walk(content, "")
    return found


def _runs(folder: Path, results: Results) -> Iterator[Path]:
    for trial in dict.fromkeys(t["trial"] for group in results["groups"] for t in group["trials"] if t["done"]):
        yield folder / "trials" / trial


def _facts(results: Results) -> dict[str, object]:
    trials = {t["trial"]: t for group in results["groups"] for t in group["trials"]}
    done, pruned = sum(trial["done"] for trial in trials.values()), results.get("pruned", [])
    seconds = sum(
        group["cost"].get("seconds", 0) * sum(t["done"] for t in group["trials"]) for group in results["groups"]
    )
    return {
        "start model": results["model"],
        "data": results["data"],
        "trials": f"{done} of {len(trials)} done" + (f", {len(pruned)} pruned" if pruned else ""),
        "seeds (data, training)": f"{_distinct(trials, 'data_seed')}, {_distinct(trials, 'seed')}",
        "training time": duration(seconds),
    }


def _distinct(trials: Mapping[str, Any], key: str) -> int:
    return len({trial[key] for trial in trials.values()})


def _colours(results: Results) -> dict[str, int | None]:
    """By arm the number that its colour follows from; of a sweep whose rows are its arms."""
    rows = [group["arm"] for group in results["groups"]]
    return dict(zip(rows, arms_of(results), strict=True)) if len(set(rows)) == len(rows) else {}


def _multiplexed(results: Results) -> list[Block]:
    """What treatments within one run do to each other, where that was checked."""
    tables = [Table(grid.title, grid.head, grid.rows) for grid in check_grids(results)]
    return [Items(check_lines(results)), *tables] if tables else []


def _one(figure: Figure | None, beside: Any = ()) -> Figures | None:
    return Figures([figure], beside) if figure else None


def _many(figures: list[Figure]) -> Figures | None:
    return Figures(figures) if figures else None


def _curves(folder: Path, results: Results) -> list[Block]:
    """Recall on the way beside the loss, where probes were asked on the way; the rows compared first come first."""
    if not results["measure"]:
        return []
    arms, first = arms_of(results), results["comparisons"][0]["arms"] if results["comparisons"] else []
    order = sorted(enumerate(results["groups"]), key=lambda row: row[1]["arm"] not in first)
    recall: list[Series] = []
    loss: list[Series] = []
    label = ""
    for place, group in order:
        paths = (folder / "trials" / trial["trial"] for trial in group["trials"] if trial["done"])
        run = next((RunFiles(path) for path in paths if (path / "config.yaml").exists()), None)
        line = recall_series(run, results["measure"]["name"], group["name"], arms[place]) if run else None
        below = loss_series(run, group["name"], arms[place]) if run else None
        if run and line and below:
            recall.append(line)
            loss.append(below)
            label = x_label(run)
        if len(recall) == MOST_LINES:
            break
    if not recall:
        return []
    title, share = main_title(results), main_is_share(results)
    labels = (axis_label(results, title), "training loss", label)
    plot = plots.curves(recall, loss, labels, "What was learned, and the loss, during training")
    caption = (
        "First seed of each row. A falling loss is not yet knowledge: it also falls when the text is learned by heart."
    )
    both = zip(recall, loss, strict=True) if share else ()
    said = [f"{line.label}: {text}" for line, below in both if (text := story.parting(line, below, label))]
    return [Figures([Figure("learning", story.beside_loss(title, share), plot, caption)], said)]


def _covers(results: Results) -> list[str]:
    overlap = overlap_line(results)
    return [*(story.covers(results) or ["nothing: no trial has finished"]), *([overlap] if overlap else [])]


def _notices(results: Results) -> Items | None:
    return Items(results["notices"]) if results["notices"] else None


def _together(folder: Path, results: Results) -> Iterator[list[Cell | str]]:
    """The rows of this sweep in a table with other sweeps and runs."""
    kept = next(iter(kept_measures(results)), "")
    first = results["groups"][0]["cost"].get("passes") if results["groups"] else None
    for group in results["groups"]:
        passes, seconds = group["cost"].get("passes"), group["cost"].get("seconds")
        yield [
            folder.name,
            group["name"],
            main_title(results),
            measure_cell(main_measure(results, group)),
            measure_cell(group["measures"].get("retention", {}).get(kept)),
            Cell(f"{passes:,.0f}", times(passes / first) if first else "", passes) if passes is not None else "",
            Cell(duration(seconds), order=seconds) if seconds is not None else "",
        ]
