"""`kinj report`: what it writes, what it refuses, and what it says about runs that are not finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kinj.config import load, to_yaml
from tests.cli.conftest import Kinj
from tests.report.conftest import PROBES, comparison, group, write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a-run", PROBES, on_the_way=False)


@pytest.fixture
def sweep_dir(tmp_path: Path) -> Path:
    """A sweep of two rows, one of which has not finished."""
    folder = tmp_path / "a-sweep"
    groups = [group("plain", 0.3, 100), group("longer", 0.4, 200)]
    groups[1]["trials"][0]["done"] = False
    content: dict[str, Any] = {"schema": 1, "model": "tiny", "data": "biographies", "recipe": "inject", "flips": None}
    content |= {"measure": {"probe": "biographies", "name": "recall"}, "space": {"seed": [0]}, "groups": groups}
    content |= {"comparisons": [comparison("longer", "plain", 0.1, 0.05, 0.15)], "failures": [], "not_measured": {}}
    content |= {"prompt_overlap": {}, "reference": None, "notices": []}
    folder.mkdir()
    (folder / "sweep.yaml").write_text(to_yaml(load("sweep", [], environ={}).settings))
    (folder / "results.json").write_text(json.dumps(content))
    return folder


def test_a_run_is_told_in_its_own_folder(kinj: Kinj, run_dir: Path) -> None:
    result = kinj("report", str(run_dir))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(run_dir / "report.html")
    assert "31.2 %" in (run_dir / "report.html").read_text(encoding="utf-8")
    assert (run_dir / "report-plots" / "biographies.png").exists()
    assert str(run_dir / "report-plots") in result.stderr


def test_formats_and_the_object(kinj: Kinj, run_dir: Path, sweep_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "both.html"
    result = kinj(
        "report", str(sweep_dir), str(run_dir), "-o", str(target), "--format", "html,md", "--format", "json", "--json"
    )
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["pages"] == [str(target.with_suffix(f".{ending}")) for ending in ("html", "md", "json")]
    assert all(Path(path).exists() for path in [*found["pages"], *found["plots"]])
    sweep, run = found["reports"]
    assert (sweep["kind"], run["kind"]) == ("sweep", "run")
    assert "does better" in sweep["answer"]
    assert sweep["missing"] == [
        "1 of 2 trials has not finished. What is left goes on with the command that began the sweep, or with: "
        f"kinj sweep {sweep_dir} --worker"
    ]


def test_the_ending_of_the_file_decides(kinj: Kinj, run_dir: Path, tmp_path: Path) -> None:
    assert kinj("report", str(run_dir), "-o", str(tmp_path / "x.md")).exit_code == 0
    assert (tmp_path / "x.md").read_text(encoding="utf-8").startswith("# a-run")
    assert not (tmp_path / "x.html").exists()


def test_a_dot_in_the_name_of_the_file_is_no_ending(kinj: Kinj, run_dir: Path, tmp_path: Path) -> None:
    for name in ("lr-0.1", "lr-0.2"):
        result = kinj("report", str(run_dir), "-o", str(tmp_path / name))
        assert result.stdout.strip() == str(tmp_path / f"{name}.html")
        assert (tmp_path / f"{name}-plots").is_dir()


def test_what_is_missing_is_said(kinj: Kinj, run_dir: Path, sweep_dir: Path) -> None:
    for name in ("summary.json", "results.json"):
        (run_dir / name).unlink()
    result = kinj("report", str(run_dir))
    assert result.exit_code == 0
    assert "stands after step 100" in result.stderr
    assert f"kinj eval {run_dir}" in result.stderr
    assert "Nothing was measured yet" in (run_dir / "report.html").read_text(encoding="utf-8")
    assert "1 of 2 trials has not finished" in kinj("report", str(sweep_dir)).stderr


REFUSED = [
    (["report", "absent"], "absent does not exist"),
    (["report", "."], "neither a run nor a sweep"),
    (["report", "a-run", "--format", "pdf"], "--format pdf: there is no such format"),
    (["report", "a-run", "-o", "."], "is a folder"),
]


@pytest.mark.parametrize(("typed", "said"), REFUSED)
def test_what_is_refused(
    kinj: Kinj, run_dir: Path, monkeypatch: pytest.MonkeyPatch, typed: list[str], said: str
) -> None:
    monkeypatch.chdir(run_dir.parent)
    result = kinj(*typed)
    assert result.exit_code == 2
    assert said in result.stderr
    if typed[1] == ".":
        assert "did you mean: kinj report a-run" in result.stderr
