"""A run directory and the results of a sweep, with names that would break a page that does not escape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config import load, to_yaml

HOSTILE = '<script>alert("x")</script> $\\frac{1}$ & "quotes" -->'


def measure(value: float, low: float | None = 0.1, high: float | None = 0.9, **more: Any) -> dict[str, Any]:
    about = {"n": 600, "clusters": 120, "unit": "share", "direction": 1, "covers": "other documents like these 120"}
    return {"value": value, "low": low, "high": high, **about, **more}


def write_run(folder: Path, probes: dict[str, Any], on_the_way: bool = True) -> Path:
    """A finished run of 100 steps in 10 passes over the documents."""
    folder.mkdir(parents=True)
    loaded = load("train", ["optim.lr=0.002", "optim.sam.rho=0.05"], environ={})
    (folder / "config.yaml").write_text(to_yaml(loaded.settings))
    (folder / "overrides.txt").write_text(f"optim.lr=0.002\nmodel.prompt={HOSTILE}\n")
    (folder / "results.json").write_text(json.dumps({"schema": 1, "probes": probes, "notices": [f"said {HOSTILE}"]}))
    cost = {
        "steps": 100,
        "passes": 200,
        "tokens": 400_000,
        "label_tokens": 1000,
        "seconds": 14.2,
        "parameters": 2_000_000,
    }
    (folder / "summary.json").write_text(json.dumps({**cost, "data": ["biographies: 120 used"]}))
    (folder / "env.json").write_text(json.dumps({"cpu": "a processor", "cores": 2, "packages": {"torch": "2"}}))
    (folder / "events.jsonl").write_text('{"kind": "notice", "text": "one was left out"}\n{"kind": "finis')
    with (folder / "metrics.jsonl").open("w") as file:
        for step in range(1, 101):
            loss = 4.0 - 0.03 * step
            file.write(json.dumps({"step": step, "stage": "inject", "epoch": step / 10, "loss": loss}) + "\n")
            if on_the_way and step % 20 == 0:
                value = min(0.5, step / 100)
                row = {
                    "step": step,
                    "probe": "biographies",
                    "measure": "recall",
                    "value": value,
                    "low": None,
                    "high": None,
                }
                file.write(json.dumps(row) + "\n")
    return folder


PROBES = {
    "biographies": {
        "measures": {"recall": measure(0.312, 0.289, 0.336), "recall/city": measure(0.2)},
        "prompt_overlap": {"prompts": 600, "share": 0.0},
    },
    "retention": {
        "measures": {"known_replayed": measure(0.961), "perplexity": measure(14.93, 14, 16, unit="perplexity")}
    },
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a-run", PROBES)


def group(name: str, recall: float, passes: int, retention: bool = True) -> dict[str, Any]:
    kept = {"retention": {"known_unreplayed": measure(0.9), "known_replayed": measure(0.95)}} if retention else {}
    return {
        "name": name,
        "arm": name,
        "settings": {},
        "trials": [{"trial": f"id-{len(name)}", "data_seed": 0, "seed": 0, "done": True}],
        "measures": {"biographies": {"recall": measure(recall, values=[recall - 0.1, recall + 0.1])}, **kept},
        "cost": {"steps": 100, "passes": passes, "seconds": passes / 10},
    }


def comparison(a: str, b: str, value: float, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    about = {
        "a": a,
        "b": b,
        "arms": [a, b],
        "probe": "biographies",
        "measure": "recall",
        "unit": "share",
        "direction": 1,
    }
    cost = {"equal": ["passes"], "ratio": {"passes": 1.0, "steps": 0.5}}
    interval = {
        "value": value,
        "low": low,
        "high": high,
        "n": 3,
        "clusters": 3,
        "covers": "other people (3 data seeds)",
    }
    return {**about, **cost, **interval, "smallest": 0.039, **more}


@pytest.fixture
def results() -> dict[str, Any]:
    """What `kinj.sweep.results.collect` returns for two arms."""
    return {
        "schema": 1,
        "model": "tiny",
        "data": "biographies",
        "recipe": "inject",
        "measure": {"probe": "biographies", "name": "recall"},
        "space": {"data.seed": [0, 1, 2], "data.limit": [None]},
        "groups": [group("plain, twice as long", 0.312, 100), group(HOSTILE, 0.388, 200)],
        "comparisons": [comparison(HOSTILE, "plain, twice as long", 0.058, 0.019, 0.097)],
        "failures": [],
        "not_measured": {},
        "prompt_overlap": {"biographies": 0.0, "retention": None},
        "reference": None,
        "notices": [],
    }


@pytest.fixture
def sweep_dir(tmp_path: Path, results: dict[str, Any]) -> Path:
    folder = tmp_path / "a-sweep"
    for one in results["groups"]:
        write_run(folder / "trials" / one["trials"][0]["trial"], PROBES)
    (folder / "results.json").write_text(json.dumps(results))
    return folder


LAW = {
    "law": "exposure",
    "found": True,
    "answer": f"accuracy rises with exposures {HOSTILE}",
    "parameters": [
        {
            "name": "slope",
            "value": 0.2,
            "low": 0.1,
            "high": 0.3,
            "meaning": "gained by twice as many",
            "published": 0.21,
        },
        {"name": "start", "value": 0.1, "low": None, "high": None, "meaning": "at one exposure", "published": None},
    ],
    "r2": 0.97,
    "held_out": {
        "points": [
            {
                "name": "+ both",
                "x": 8.0,
                "measured": 0.8,
                "predicted": 0.7,
                "low": 0.6,
                "high": 0.8,
                "naive": {"as before": 0.5},
            }
        ],
        "error": 0.1,
        "naive_errors": {"as before": 0.3},
        "beats": True,
        "why": "",
    },
    "predictions": [],
    "lines": [
        {
            "name": "+ both",
            "points": [{"x": x, "y": 0.1 * x, "low": 0.09 * x, "high": 0.11 * x} for x in (1.0, 2.0, 4.0, 8.0)],
            "curve": [{"x": x, "y": 0.1 * x, "low": 0.08 * x, "high": 0.12 * x} for x in (1.0, 3.0, 8.0)],
        },
        {
            "name": "other",
            "points": [{"x": 2.0, "y": 0.3, "low": None, "high": None}],
            "curve": [{"x": x, "y": 0.3, "low": None, "high": None} for x in (1.0, 8.0)],
        },
    ],
    "x": "exposures",
    "y": "accuracy",
    "share": True,
    "log_y": False,
    "trials": 2,
    "seeds": 3,
    "notices": ["two trials were left out"],
}


def write_law(folder: Path, **more: Any) -> None:
    """A law that was fitted to a sweep, beside its results."""
    law = LAW | more
    (folder / "laws").mkdir(parents=True, exist_ok=True)
    (folder / "laws" / f"{law['law']}.json").write_text(json.dumps(law))
