"""The wheel holds the settings tree, and kinj runs from it in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kinj installed from its wheel, without what it depends on."""
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(ROOT))
    (wheel,) = built.glob("*.whl")
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert {f"kinj/{path}" for path in shipped} <= set(zipfile.ZipFile(wheel).namelist())
    pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    return target


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-m", "kinj", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_settings_come_from_inside_the_package(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "show", "config", "experiment=smoke", "--origin")
    assert done.returncode == 0, done.stderr
    assert "conf/experiment/smoke.yaml" in done.stdout
    where = subprocess.run(
        [sys.executable, "-c", "from kinj.config import conf_root; print(conf_root())"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.strip() == str(installed / "kinj" / "conf")


def test_first_line_of_the_readme_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "show", "data", "biographies", "-n", "5")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert list(tmp_path.iterdir()) == []
