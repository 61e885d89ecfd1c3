"""`kinj show`: what there is, what the settings are, and records to start with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kinj.config.build import flatten
from kinj.config.names import ASCENTS, LAWS, METHODS, OBJECTIVES, PROBES
from kinj.config.schema import Settings
from kinj.config.tree import choices
from kinj.data.base import DataSet

Fake = Callable[..., None]
Kinj = Callable[..., Any]
LISTS = {
    "methods": sorted(METHODS),
    "probes": sorted(PROBES),
    "laws": sorted(LAWS),
    "sam": sorted(ASCENTS),
    "experiments": choices("experiment"),
    "data": choices("data"),
    "models": choices("model"),
    "objectives": sorted(OBJECTIVES),
    "recipes": choices("train"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_list_names_everything_with_a_line_about_it(kind: str, kinj: Kinj) -> None:
    lines = [line for line in kinj("show", kind).stdout.splitlines() if not line.startswith("families of")]
    assert sorted(line.split()[0] for line in lines) == LISTS[kind]
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("kind", LISTS)
def test_list_as_json(kind: str, kinj: Kinj) -> None:
    found = json.loads(kinj("show", kind, "--json").stdout)
    assert (found["schema"], found["command"]) == (1, f"show {kind}")
    assert sorted(row["name"] for row in found[kind]) == LISTS[kind]


def test_config_is_yaml(kinj: Kinj) -> None:
    result = kinj("show", "config", "optim.lr=1e-4")
    found = yaml.safe_load(result.stdout)
    assert found["optim"]["lr"] == 1e-4
    assert list(found) == list(vars(Settings()))


def test_config_with_origin_has_a_line_for_every_key(kinj: Kinj) -> None:
    lines = kinj("show", "config", "experiment=smoke", "optim.lr=1e-4", "--origin").stdout.splitlines()
    rows = {line.split()[0]: line for line in lines}
    assert rows["optim.lr"].endswith("command line")
    assert rows["train.checkpoint_every"].endswith("conf/experiment/smoke.yaml:5")
    assert rows["optim.warmup_steps"].endswith("default")
    assert set(flatten(Settings())) <= set(rows)


def test_config_as_json(kinj: Kinj) -> None:
    found = json.loads(kinj("show", "config", "train=pit", "--json").stdout)
    assert found["choices"]["train"] == "pit"
    assert {"key": "train.recipe", "value": "pit", "origin": "conf/train/pit.yaml:2"} in found["settings"]


def test_config_does_not_print_logins(kinj: Kinj) -> None:
    for extra in ([], ["--origin"], ["--json"]):
        result = kinj("show", "config", "data.path=https://me:pass1234@host/x", *extra)
        assert "pass1234" not in result.stdout + result.stderr


def test_config_of_some_sections(kinj: Kinj) -> None:
    assert "nothing is set in `sweep.arms`" in kinj("show", "config", "sweep.arms").stderr
    assert kinj("show", "config", "optim.lr", "optim.lr=0.5").stdout == "optim.lr: 0.5\n"
    keys = [line.split()[0] for line in kinj("show", "config", "optim.sam", "--origin").stdout.splitlines()]
    assert "optim.sam.rho" in keys
    assert all(key.startswith("optim.sam.") for key in keys)
    settings = json.loads(kinj("show", "config", "seed", "run", "--json").stdout)["settings"]
    assert {setting["key"].split(".")[0] for setting in settings} == {"seed", "run"}


@pytest.mark.parametrize(("typed", "hint"), [("optim.smo", "did you mean optim.sam?"), ("corpus.jsonl", "for example")])
def test_config_of_no_section(typed: str, hint: str, kinj: Kinj) -> None:
    result = kinj("show", "config", typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"`{typed}` is no setting" in result.stderr
    assert hint in result.stderr


@pytest.fixture
def people(fake: Fake) -> list[Any]:
    """Stands for the data sets: pools of plain mappings, and the settings they were opened with."""
    opened: list[Any] = []

    def open_data(settings: Any, *_: Any) -> DataSet:
        opened.append(settings)
        count = settings.biographies.people
        made = {name: [{"id": f"{name}{i}"} for i in range(count)] for name in ("documents", "questions")}
        pools: Any = {name: (lambda rows=rows: iter(rows)) for name, rows in made.items()}
        return DataSet(settings.name, pools)

    fake("kinj.data.files", record_to_json=lambda record: record)
    fake("kinj.data", open_data=open_data, files=sys.modules["kinj.data.files"], base=sys.modules["kinj.data.base"])
    return opened


def test_records_are_json_lines(people: list[Any], kinj: Kinj) -> None:
    lines = kinj(
        "show", "data", "biographies", "-n", "3", "--seed", "7", "data.biographies.views=2"
    ).stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["documents0", "documents1", "documents2"]
    assert (people[0].seed, people[0].biographies.people, people[0].biographies.views) == (7, 3, 2)


def test_records_of_other_data_are_cut_at_the_number(people: list[Any], kinj: Kinj) -> None:
    assert len(kinj("show", "data", "wiki2023", "-n", "3").stdout.splitlines()) == 3
    assert people[0].biographies.people == Settings().data.biographies.people


def test_questions_instead_of_documents(people: list[Any], kinj: Kinj) -> None:
    lines = kinj("show", "data", "biographies", "-n", "2", "--questions").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["questions0", "questions1"]


def test_data_set_is_described(people: list[Any], kinj: Kinj) -> None:
    text = kinj("show", "data", "biographies").stdout
    assert text.startswith("biographies: Generated people")
    assert "documents, questions" in text
    assert "data.biographies.people" in text
    found = json.loads(kinj("show", "data", "biographies", "--json").stdout)
    assert (found["name"], found["pools"]) == ("biographies", ["documents", "questions"])


def test_data_set_whose_files_are_missing_says_so(fake: Fake, kinj: Kinj) -> None:
    from kinj.config.errors import UsageError

    def open_data(settings: Any) -> DataSet:
        raise UsageError("data.path is not set")

    fake("kinj.data", open_data=open_data)
    result = kinj("show", "data", "wiki2023")
    assert result.exit_code == 0
    assert "data.path is not set" in result.stdout


def test_unknown_data_set(kinj: Kinj) -> None:
    result = kinj("show", "data", "biografies", "-n", "3")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean biographies?" in result.stderr


def test_missing_pool_is_an_error(fake: Fake, kinj: Kinj) -> None:
    fake("kinj.data.files", record_to_json=lambda record: record)
    fake("kinj.data", open_data=lambda settings: DataSet(settings.name, {}), files=sys.modules["kinj.data.files"])
    result = kinj("show", "data", "text", "--questions")
    assert result.exit_code == 2
    assert "has no pool `questions`" in result.stderr


@pytest.mark.parametrize("name", choices("data"))
def test_data_says_how_to_begin_with_it(name: str, kinj: Kinj) -> None:
    (line,) = [line for line in kinj("show", "data", name).stdout.splitlines() if line.startswith("  use it ")]
    words = line.split()[2:]
    assert words[:2] in (["kinj", "train"], ["kinj", "eval"])
    assert kinj("show", "config", *(word for word in words if "=" in word)).exit_code == 0


def test_output_cut_by_head_leaves_no_traceback() -> None:
    command = f"{sys.executable} -m kinj show data biographies -n 3000 | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(json.loads(done.stdout)) >= {"id", "text"}


def test_methods_come_with_the_format_families(kinj: Kinj) -> None:
    from kinj.augment.methods.formatting import FAMILIES

    assert kinj("show", "methods").stdout.splitlines()[-1].endswith(", ".join(FAMILIES))


def test_a_probe_has_a_card(kinj: Kinj) -> None:
    text = kinj("show", "probe", "calibration").stdout
    assert text.startswith("# Calibration")
    assert json.loads(kinj("show", "probe", "calibration", "--json").stdout)["card"] == text
    refused = kinj("show", "probe", "calibratio")
    assert refused.exit_code == 2
    assert "kinj show probes" in refused.stderr
