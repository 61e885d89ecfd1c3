"""What the audit finds: changes planted in generated biographies and SQuAD passages, and equal re-expressions that must pass.

    python bench/audit.py [--squad ../shared/data/seal_squad/squad_val.jsonl.gz] [--views 200] [--json]

Facts are taken off the biographies: with them a lost value would be found by its place alone. One view holds one plant.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from audit_plants import EQUALS, PLANTS, Plant

from kinj.augment.audit import Change, audit
from kinj.augment.methods.formatting import Formatting
from kinj.config.schema import BiographySettings, DataSettings, FormattingSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document
from kinj.data.rng import stable_rng
from kinj.stats import mean_interval

SQUAD = Path(__file__).resolve().parents[2] / "shared" / "data" / "seal_squad" / "squad_val.jsonl.gz"
SEED = 1
"""Data seed of the people. Rules were tuned on data seed 0 and on every other passage, which are left out here."""
MODES = ("whole", "part", "reworded")
"""Whether the view should hold everything; only a part; only a part, with words put before each of its sentences, so that
no sentence of the view is one of the original's but for what was planted."""


def biographies() -> list[str]:
    """Texts of generated people."""
    settings = DataSettings(seed=SEED, biographies=BiographySettings(people=600, full_name=True))
    return [record.text for record in data_set(settings).pool("documents") if isinstance(record, Document)]


def passages(path: Path) -> list[str]:
    """Every other passage of the SQuAD file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["context"] for line in lines][1::2]


def planted(plant: Plant, texts: Sequence[str], views: int) -> list[tuple[str, str]]:
    """Up to `views` texts with their views, from texts in an order of the plant's own."""
    order = list(range(len(texts)))
    stable_rng("bench", plant.name).shuffle(order)
    found: list[tuple[str, str]] = []
    for place in order:
        if len(found) == views:
            break
        view = plant.make(texts[place], texts, stable_rng("bench", plant.name, place))
        if view is not None and view != texts[place]:
            found.append((texts[place], view))
    return found


def compare(original: str, view: str, mode: str) -> list[Change]:
    if mode == "reworded":
        view = "In fact, " + re.sub(r"(?<=[a-z][.?!]) (?=[A-Z])", " In fact, ", view)
    return audit(Document(id="d", text=original), Document(id="d#plant.1", text=view), whole=mode == "whole")


def share(hits: Sequence[bool]) -> dict[str, Any]:
    interval = mean_interval([float(hit) for hit in hits])
    return {"share": interval.value, "low": interval.low, "high": interval.high, "views": len(hits)}


def measure(texts: Sequence[str], views: int) -> dict[str, Any]:
    """For each plant and mode the share of views flagged, and flagged with the kind of change that is in them."""
    rows: dict[str, Any] = {}
    for plant in [*PLANTS, *EQUALS]:
        pairs = planted(plant, texts, views)
        if not pairs:
            continue
        row = rows[plant.name] = {"changed": bool(plant.kinds)}
        for mode in MODES:
            found = [compare(original, view, mode) for original, view in pairs]
            row[mode] = share([bool(changes) for changes in found])
            if plant.kinds:
                kinds = [any(change.kind in plant.kinds for change in changes) for changes in found]
                row[f"{mode}_kind"] = share(kinds)
    return rows


def formats(texts: Sequence[str]) -> dict[str, Any]:
    """The share of kinj's own format views that are flagged, read as the engine reads them: without their markup."""
    method = Formatting(FormattingSettings())
    flags = []
    for place, text in enumerate(texts):
        document = Document(id=str(place), text=text)
        views = method.views(document, 5, stable_rng("bench", "formats", place))
        flags += [bool(audit(document, replace(view, text=method.restore(view), facts=[]))) for view in views]
    return {"changed": False, "whole": share(flags)}


def totals(rows: dict[str, Any], mode: str) -> dict[str, Any]:
    """Recall over all planted views, false alarms over all equal ones, precision at one planted view for each equal one."""

    def pooled(changed: bool) -> tuple[int, int]:
        chosen = [row[mode] for row in rows.values() if row["changed"] is changed and mode in row]
        return round(sum(r["share"] * r["views"] for r in chosen)), sum(r["views"] for r in chosen)

    (hits, changed), (alarms, equal) = pooled(True), pooled(False)
    recall, alarm = hits / changed, alarms / equal
    return {
        "recall": share([True] * hits + [False] * (changed - hits)),
        "false_alarms": share([True] * alarms + [False] * (equal - alarms)),
        "precision_at_even_odds": recall / (recall + alarm),
    }


def microseconds(texts: Sequence[str], *, reworded: bool, rounds: int = 5) -> float:
    """CPU time per view, median over rounds; five views per original.

    Args:
        texts: originals.
        reworded: whether each sentence of each view has a word that no other has, or only other white space.
        rounds: measurements.
    """
    fresh = map("".join, product(ascii_lowercase, repeat=4))
    times = []
    for _ in range(rounds):
        pairs = []
        for text in texts:
            ends = [f" {next(fresh)}. " if reworded else f".{' ' * width}" for width in range(2, 7)]
            pairs += [(Document(id="d", text=text), Document(id="v", text=text.replace(". ", end))) for end in ends]
        began = time.process_time()
        for original, view in pairs:
            audit(original, view)
        times.append((time.process_time() - began) / len(pairs) * 1e6)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--squad", type=Path, default=SQUAD)
    parser.add_argument("--views", type=int, default=200, help="views per plant and source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sources = {"biographies": biographies()}
    if options.squad.exists():
        sources["squad"] = passages(options.squad)
    result: dict[str, Any] = {}
    for name, texts in sources.items():
        rows = measure(texts, options.views)
        if name == "biographies":
            rows["kinj formats"] = formats(texts[: options.views])
        near = [text for text in texts if 450 <= len(text) <= 750 or name == "biographies"][:100]
        result[name] = {
            "plants": rows,
            "totals": {mode: totals(rows, mode) for mode in MODES},
            "characters": statistics.mean(map(len, near)),
            "microseconds": {
                "same sentences": microseconds(near, reworded=False),
                "every sentence new": microseconds(near, reworded=True),
            },
        }
    print(json.dumps(result) if options.json else table(result, options.squad))


def table(result: dict[str, Any], squad: Path) -> str:
    lines = [] if "squad" in result else [f"no SQuAD passages: {squad} is not there\n"]
    for name, found in result.items():
        lines.append(f"{name}\n\n| view | {' | '.join(MODES)} | views |\n|---|---|---|---|---|")
        for plant, row in found["plants"].items():
            cells = [percent(row[mode]) if mode in row else "" for mode in MODES]
            lines.append(f"| {plant} | {' | '.join(cells)} | {row['whole']['views']} |")
        for mode, total in found["totals"].items():
            lines.append(
                f"\n{mode}: recall {percent(total['recall'])}, false alarms {percent(total['false_alarms'])}, "
                f"precision at even odds {total['precision_at_even_odds']:.1%}"
            )
        speed = ", ".join(f"{name} {value:.0f}" for name, value in found["microseconds"].items())
        lines.append(f"\nµs per view of {found['characters']:.0f} characters: {speed}\n")
    return "\n".join(lines)


def percent(value: dict[str, Any]) -> str:
    return f"{value['share']:.1%} [{value['low']:.1%}, {value['high']:.1%}]"


if __name__ == "__main__":
    main()
