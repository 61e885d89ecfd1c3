"""report.html of a sweep: ways of teaching beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinj.config.errors import UsageError
from kinj.data.files import atomic_write
from kinj.report import page, plots, story
from kinj.report.numbers import NOT_MEASURED, amount, difference_text, duration, times
from kinj.report.plots import Point, Series
from kinj.report.read import RunFiles, read_json
from kinj.report.series import loss_series, recall_series, x_label
from kinj.report.tables import (
    RETENTION,
    at_equal,
    cost_cells,
    is_main,
    kept_measures,
    kept_titles,
    main_measure,
    main_title,
    overlap_line,
    reference_of,
)

Results = Mapping[str, Any]
MOST_LINES = 3
"""Rows whose curves are drawn together; more cannot be told apart."""


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
    results = read_sweep(folder)
    body = [
        _lead(results),
        _answer(results),
        page.facts(_facts(results)),
        page.section("Result", _table(results), page.plots(_figures(results))),
        *_compared(results),
        *_curves(folder, results),
        page.section("What the intervals cover", page.items(_covers(results))),
        *_wrong(results),
        page.section("Repeat it", page.command(command or repeat(folder, results)), _trials(results)),
    ]
    target = folder / "report.html"
    atomic_write(target, page.page(_title(results), f"kinj sweep · {folder}", body))
    return target


def repeat(folder: Path, results: Results) -> str:
    """The command that repeats a sweep from its own settings, somewhere else."""
    space = [f"{key}={','.join(_typed(value) for value in values)}" for key, values in results["space"].items()]
    return " ".join(["kinj sweep", "-c", str(folder / "sweep.yaml"), *space, "-o", "runs/again"])


def _typed(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")


def _title(results: Results) -> str:
    many = len(results["groups"])
    if any(group["arm"] for group in results["groups"]):
        return f"{many} ways of teaching, compared" if many > 1 else "One way of teaching"
    return f"{many} settings, compared" if many > 1 else f"{results['recipe']}, over seeds"


def _lead(results: Results) -> str:
    asked = f"How much does {results['model']} know of {results['data']} afterwards, and what did it forget?"
    how = "Every row starts from the same settings and differs only in the way named."
    return f'<p class="lead">{page.text(asked)}</p><p>{page.text(how)}</p>'


def _answer(results: Results) -> str:
    head, beside = story.answer(results)
    lines = "".join(f"<p>{page.text(line)}</p>" for line in beside)
    return f'<div class="answer"><strong>{page.text(head)}</strong>{lines}</div>'


def _facts(results: Results) -> dict[str, object]:
    trials = {t["trial"]: t for group in results["groups"] for t in group["trials"]}
    done = sum(trial["done"] for trial in trials.values())
    seconds = sum(
        group["cost"].get("seconds", 0) * sum(t["done"] for t in group["trials"]) for group in results["groups"]
    )
    return {
        "start model": results["model"],
        "data": results["data"],
        "trials": f"{done} of {len(trials)} done",
        "seeds (data, training)": f"{_distinct(trials, 'data_seed')}, {_distinct(trials, 'seed')}",
        "training time": duration(seconds),
    }


def _distinct(trials: Mapping[str, Any], key: str) -> int:
    return len({trial[key] for trial in trials.values()})


def _table(results: Results) -> str:
    kept = kept_measures(results)
    head = ["way of teaching", main_title(results), *kept_titles(results), "passes", "time"]
    rows = []
    for group in results["groups"]:
        retention = group["measures"].get("retention", {})
        why = results["not_measured"].get("retention")
        missing = f"{NOT_MEASURED}{f': {why}' if why else ''}"
        cells = [page.measure_cell(retention.get(name)) for name in kept] or [page.measure_cell(None, missing)]
        costs = [page.text(cost) for cost in cost_cells(results, group)]
        rows.append([page.text(group["name"]), page.measure_cell(main_measure(results, group)), *cells, *costs])
    return page.table(head, rows, numbers=[len(head) - 2, len(head) - 1])


def _figures(results: Results) -> list[str]:
    found = [_main_figure(results), _kept_figure(results), _difference_figure(results), _cost_figure(results)]
    return [figure for figure in found if figure]


def _main_figure(results: Results) -> str:
    points = main_points(results)
    if not points:
        return ""
    many = any(len(point.runs) > 1 for point in points)
    title = main_title(results)
    caption = "Percent, with 95 % intervals." + (" Small strokes are single runs." if many else "")
    return page.figure(
        title[0].upper() + title[1:], plots.dots({title: points}, f"{title}, by way of teaching"), caption
    )


def main_points(results: Results) -> list[Point]:
    """The measure asked for by row; empty where no row has it."""
    points = [plots.point(group["name"], main_measure(results, group)) for group in results["groups"]]
    return points if any(point.value is not None for point in points) else []


def _kept_figure(results: Results) -> str:
    names = [name for name in kept_measures(results) if name != "perplexity"]
    if not names:
        return ""
    series = {
        RETENTION[name]: [
            plots.point(g["name"], g["measures"].get("retention", {}).get(name)) for g in results["groups"]
        ]
        for name in names
    }
    caption = "Percent of older facts still known, apart for facts repeated during training and facts that were not."
    return page.figure(
        "Keeps the old facts", plots.dots(series, "older facts still known, by way of teaching"), caption
    )


def _difference_figure(results: Results) -> str:
    main = [comparison for comparison in results["comparisons"] if is_main(results, comparison)]
    if not main:
        return ""
    here = [plots.point(f"{c['a']} − {c['b']}", c) for c in main]
    series: dict[str, Sequence[Point]] = {"here": here}
    references = [reference_of(results, comparison) for comparison in main]
    if any(references):
        series["committed table"] = [plots.point(p.label, r) for p, r in zip(here, references, strict=True)]
    caption = (
        "Differences in points, paired, with 95 % intervals. An interval across the line at 0 shows no difference."
    )
    return page.figure("Differences", plots.dots(series, "differences between ways of teaching", zero=True), caption)


def _cost_figure(results: Results) -> str:
    costs = [(group["name"], group["cost"]) for group in results["groups"]]
    if not all(cost.get("passes") for _, cost in costs):
        return ""
    first = costs[0][1]["passes"]
    points = [
        Point(
            name,
            cost["passes"] / first,
            text=times(cost["passes"] / first) + (f", {duration(cost['seconds'])}" if "seconds" in cost else ""),
        )
        for name, cost in costs
    ]
    caption = "Forward–backward passes as multiples of the first row's, and time on this machine."
    return page.figure("Cost", plots.bars(points, "passes, by way of teaching"), caption)


def _compared(results: Results) -> list[str]:
    rows = []
    for comparison in sorted(results["comparisons"], key=lambda one: not is_main(results, one)):
        smallest = comparison["smallest"]
        seen = "unknown" if smallest is None else amount(smallest, comparison["unit"])
        what = main_title(results) if is_main(results, comparison) else RETENTION.get(comparison["measure"], "")
        reference = reference_of(results, comparison)
        rows.append(
            [
                page.text(f"{comparison['a']} − {comparison['b']}"),
                page.text(what),
                f"<b>{page.text(difference_text(comparison))}</b>",
                page.text(seen),
                page.text(at_equal(comparison)),
                *([_quiet(difference_text(reference)) if reference else ""] if results["reference"] else []),
            ]
        )
    if not rows:
        return []
    head = ["difference", "in", "value and 95 % interval", "could have seen", "compared"]
    beside = ["committed table"] if results["reference"] else []
    source = f"<p>Committed table: {page.text(results['reference']['source'])}</p>" if beside else ""
    return [page.section("Comparisons", page.table([*head, *beside], rows), source)]


def _quiet(value: str) -> str:
    return f'<span class="interval">{page.text(value)}</span>'


def _curves(folder: Path, results: Results) -> list[str]:
    """Recall on the way beside the loss, of the rows compared first, where probes were asked on the way."""
    if not results["measure"]:
        return []
    wanted = results["comparisons"][0]["arms"] if results["comparisons"] else []
    groups = [g for g in results["groups"] if not wanted or g["arm"] in wanted][:MOST_LINES]
    recall: list[Series] = []
    loss: list[Series] = []
    label = ""
    for group in groups:
        trial = next((t for t in group["trials"] if t["done"]), None)
        run = RunFiles(folder / "trials" / trial["trial"]) if trial else None
        line = recall_series(run, results["measure"]["name"], group["name"]) if run else None
        below = loss_series(run, group["name"]) if run else None
        if run and line and below:
            recall.append(line)
            loss.append(below)
            label = x_label(run)
    if not recall:
        return []
    labels = (f"{main_title(results)}, percent", "training loss", label)
    svg = plots.curves(recall, loss, labels, "recall and loss during training")
    caption = (
        "First seed of each row. A falling loss is not yet knowledge: it also falls when the text is learned by heart."
    )
    said = [f"{r.label}: {s}" for r, below in zip(recall, loss, strict=True) if (s := story.parting(r, below, label))]
    return [
        page.section(
            "While it learned", page.plots([page.figure("Recall beside the loss", svg, caption)]), page.items(said)
        )
    ]


def _covers(results: Results) -> list[str]:
    overlap = overlap_line(results)
    return [*(story.covers(results) or ["nothing: no trial has finished"]), *([overlap] if overlap else [])]


def _wrong(results: Results) -> list[str]:
    failed = [f"{f['name']} failed: {f['error']} (trials/{f['trial']}/log.txt)" for f in results["failures"]]
    said = [*failed, *results["notices"]]
    return [page.section("To be known", page.items(said))] if said else []


def _trials(results: Results) -> str:
    rows = [
        [
            page.text(g["name"]),
            str(t["data_seed"]),
            str(t["seed"]),
            f"<code>trials/{page.text(t['trial'])}</code>",
            "done" if t["done"] else "—",
        ]
        for g in results["groups"]
        for t in g["trials"]
    ]
    table = page.table(["way of teaching", "data seed", "seed", "run directory", ""], rows)
    return f"<details><summary>all {len(rows)} trials</summary>{table}</details>"
