"""Trials that are ended early: the decision is Optuna's, and what was pruned stays so, counts for nothing and is named."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config import Loaded, load
from kinj.config.errors import KinjError, SettingsError, UsageError
from kinj.data.rundir import RunDir
from kinj.report.sweep import write_sweep_report
from kinj.report.tables import comparison_lines, main_cell
from kinj.sweep import pruners
from kinj.sweep.executor import LocalExecutor
from kinj.sweep.joining import Joined, join, planned_trials
from kinj.sweep.ledger import DONE, ENDED, PLANNED, PRUNED, RUNNING, FileLedger, read_states
from kinj.sweep.listing import list_runs
from kinj.sweep.pruners import Seen, learning_curve, should_prune
from kinj.sweep.pruning import JUDGED, RULES, PrunedError, judging, plan_pruning, verdict
from kinj.sweep.run import SweepResult, enter, plan
from kinj.sweep.samplers import Tried, tpe_points
from kinj.sweep.search import _judged as judged_points
from kinj.sweep.snapshot import table_of
from kinj.sweep.space import grid
from tests.sweep.sweep_entries import STEPS
from tests.sweep.test_sweep_kills import Killable

Start = Callable[..., SweepResult]
ON = {"sweep.prune": "median", "train.probes": ["biographies"], "train.probe_every": 2}
GOOD = [0.002, 0.003, 0.004, 0.005, 0.006]
"""Learning rates that are tried first: so many trials must end before any is pruned."""
POOR = [0.001, 0.0015]
BETTER = 0.007

VALUES = st.one_of(st.integers(0, 5).map(float), st.just(math.nan))
SCHEDULES = st.lists(st.integers(0, 9), min_size=30, max_size=90)


@settings(max_examples=15)
@given(st.lists(VALUES, min_size=90, max_size=90), SCHEDULES, st.sampled_from([1, -1]), st.integers(1, 4))
@pytest.mark.parametrize("rule", ["median", "halving", "hyperband"])
def test_the_decision_is_the_one_of_a_living_study(
    rule: str, values: list[float], schedule: list[int], sign: int, after: int
) -> None:
    """Ten trials take nine steps each, in any order; each is pruned where Optuna, who saw all of it live, prunes it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    living = optuna.create_study(
        study_name="sweep", direction="maximize" if sign > 0 else "minimize", pruner=pruners._pruner(rule, after)
    )
    trials = {str(number): living.ask() for number in range(10)}
    seen = {name: Seen(PLANNED, {}) for name in trials}
    for name in [str(number) for number in schedule] + sorted(trials) * 9:
        if seen[name].state in ENDED:
            continue
        step = len(seen[name].curve) + 1
        value = values[9 * int(name) + step - 1]
        seen[name] = Seen(RUNNING, seen[name].curve | {step: value}, seen[name].notes)
        trials[name].report(value, step)
        pruned, notes = should_prune(rule, after, sign, seen, name)
        assert pruned == trials[name].should_prune()
        ended = PRUNED if pruned else DONE if step == 9 else RUNNING
        seen[name] = Seen(ended, seen[name].curve, notes)
        if ended in ENDED:
            state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
            living.tell(trials[name], None if pruned else 0.0, state)


def test_a_trial_that_ran_without_probes_counts_for_nothing() -> None:
    seen = {name: Seen(DONE, {2: 1.0}) for name in "abcde"} | {"me": Seen(RUNNING, {2: 0.0})}
    assert should_prune("median", 1, 1, seen, "me") == (True, {})
    assert should_prune("median", 1, 1, seen | {"a": Seen(DONE, {})}, "me") == (False, {})
    assert should_prune("median", 3, 1, seen, "me") == (False, {})


def test_a_machine_without_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="needs Optuna"):
        should_prune("median", 1, 1, {"me": Seen(RUNNING, {2: 0.0})}, "me")


def test_the_curve_is_read_from_the_metrics() -> None:
    metrics: list[dict[str, Any]] = [
        {"step": 2, "loss": 1.0},
        {"step": 2, "probe": "qa", "measure": "loss_gap", "value": 0.4, "direction": -1},
        {"step": 2, "probe": "cloze", "measure": "loss_gap", "value": 9.0, "direction": 1},
        {"step": 4, "probe": "qa", "measure": "loss_gap", "value": None, "direction": -1},
    ]
    curve, sign = learning_curve(metrics, "loss_gap")
    assert (list(curve), curve[2], math.isnan(curve[4]), sign) == ([2, 4], 0.4, True, -1)
    assert learning_curve(metrics, "cloze.loss_gap") == ({2: 9.0}, 1)
    assert learning_curve(metrics, "recall") == ({}, 1)


def write_curve(folder: Path, *values: float | None) -> RunDir:
    """A trial asked after every second step."""
    run = RunDir.create(folder)
    for place, value in enumerate(values, start=1):
        run.metric(step=2 * place - 1, loss=1.0)
        run.metric(step=2 * place, loss=1.0)
        run.metric(step=2 * place, probe="biographies", measure="recall", direction=1, value=value)
    return run


@pytest.fixture
def run(tmp_path: Path, loaded: Loaded) -> RunDir:
    """A trial whose first value is far below those of five others, which are done; a sixth was asked other questions."""
    sweep = loaded.override(ON).settings.sweep
    others = dict.fromkeys("abcdef", "seed 0") | {"elsewhere": "seed 1"}
    plan_pruning(tmp_path, sweep, others)
    FileLedger(tmp_path).plan({name: name != "f" for name in others})
    for name in "abcde":
        write_curve(tmp_path / "trials" / name, 0.5, 0.7)
    write_curve(tmp_path / "trials" / "elsewhere", 0.0, 0.0)
    return write_curve(tmp_path / "trials" / "f", 0.1)


def step(judge: Callable[..., None] | None, number: int) -> None:
    assert judge
    judge("inject", number, 10, {"step": number})


def test_a_trial_judges_itself_after_a_probe_and_says_what_it_was_compared_with(run: RunDir, loaded: Loaded) -> None:
    judge = judging(run, loaded.override(ON).settings.train)
    step(judge, 1)
    step(judge, 2)  # what was asked after it is not known yet
    assert not (run.path / JUDGED).exists()
    with pytest.raises(PrunedError, match=r"recall was 0.1 after 2 steps .* the median of the others \(5\) is 0.5"):
        step(judge, 3)
    found = verdict(run.path)
    assert found
    assert (found["step"], found["value"], found["measure"]) == (2, 0.1, "recall")
    assert found["others"] == dict.fromkeys("abcde", 0.5)
    with pytest.raises(PrunedError, match="after 2 steps"):  # killed before it could say so
        judging(run, loaded.settings.train)


def test_a_value_that_is_not_finite_is_pruned(run: RunDir, tmp_path: Path, loaded: Loaded) -> None:
    nowhere = write_curve(tmp_path / "trials" / "elsewhere" / "g", None)
    (tmp_path / "trials" / "f" / "metrics.jsonl").write_bytes((nowhere.path / "metrics.jsonl").read_bytes())
    with pytest.raises(PrunedError, match="recall was nan"):
        step(judging(run, loaded.override(ON).settings.train), 3)
    assert json.loads((run.path / JUDGED).read_text())["value"] is None


def test_a_measure_that_no_probe_takes_is_named(run: RunDir, tmp_path: Path, loaded: Loaded) -> None:
    wanted = loaded.override({**ON, "sweep.measure": "beauty"}).settings
    plan_pruning(tmp_path, wanted.sweep, {"f": ""})
    with pytest.raises(KinjError, match="judges trials by beauty, and no probe on the way measured it") as caught:
        step(judging(run, wanted.train), 3)
    assert "biographies.recall" in caught.value.hint


def test_without_the_setting_or_others_nothing_is_pruned(run: RunDir, tmp_path: Path, loaded: Loaded) -> None:
    plan_pruning(
        tmp_path, loaded.override(ON).settings.sweep, {}
    )  # another command's, which knows nothing of this trial
    step(judging(run, loaded.override(ON).settings.train), 3)
    (run.path / JUDGED).write_text('{"pruned": true, "why": "long ago"}')
    plan_pruning(tmp_path, loaded.settings.sweep, {"f": ""})
    assert judging(run, loaded.settings.train) is None
    assert not (tmp_path / RULES).exists()
    assert verdict(run.path) is None


def states(folder: Path) -> dict[str, tuple[str, int]]:
    return {name: (status.state, status.attempts) for name, status in read_states(folder).items()}


def states_by_rate(result: SweepResult) -> dict[float, str]:
    """The state of the trial with each learning rate; without a second seed."""
    found = read_states(result.folder)
    return {g["settings"]["optim.lr"]: found[g["trials"][0]["trial"]].state for g in result.table["groups"]}


def test_a_poor_trial_is_pruned_and_stays_so(start: Start, tmp_path: Path) -> None:
    space = {"optim.lr": [*GOOD, *POOR, BETTER]}
    first = start(space, "curved", workers=1, over=ON)
    assert (first.done, first.failed, first.pruned, first.exit_code) == (6, 0, 2, 0)
    assert states_by_rate(first) == {**dict.fromkeys([*GOOD, BETTER], DONE), **dict.fromkeys(POOR, PRUNED)}
    assert [(one["name"], one["step"]) for one in first.table["pruned"]] == [
        ("optim.lr=0.001", 2),
        ("optim.lr=0.0015", 2),
    ]
    before = states(tmp_path / "sweep")

    again = start(space, "curved", workers=1, over={**ON, "sweep.retry_failed": True})
    assert (again.done, again.resumed, again.pruned) == (6, 6, 2)
    assert states(tmp_path / "sweep") == before
    assert again.table == first.table

    joined = join(tmp_path / "sweep", planned_trials(tmp_path / "sweep"), "sweep_entries:curved", LocalExecutor(1))
    assert joined == Joined(done=0, failed=0, left=0)

    whole = start(space, "curved", workers=1, over=ON | {"sweep.prune": None})
    assert (whole.done, whole.pruned, whole.resumed) == (8, 0, 6)
    assert whole.table["pruned"] == []
    assert all(len(RunDir(trial).metrics()) == STEPS + STEPS // 2 for trial in (tmp_path / "sweep/trials").iterdir())


def test_reports_and_listings_name_what_was_pruned(start: Start, tmp_path: Path) -> None:
    """Two rows that begin badly: of one, a repetition was done before pruning began."""
    start({"optim.lr": [POOR[0]], "seed": [0]}, "curved", over=ON | {"sweep.prune": None})
    result = start({"seed": [0, 1], "optim.lr": [*GOOD, *POOR]}, "curved", workers=1, over=ON)
    assert (result.done, result.pruned) == (11, 3)
    table = result.table
    assert main_cell(table, table["groups"][-1]) == "pruned"
    said = " ".join(comparison_lines(table))
    assert "pruned trials: 3 of 14" in said
    assert "their 6 steps in no cost" in said
    assert table["notices"][-1].endswith("look better than they are: optim.lr=0.001")
    assert table_of(tmp_path / "sweep")["pruned"] == table["pruned"]

    page = write_sweep_report(tmp_path / "sweep").read_text()
    assert "11 of 14 done, 3 pruned" in page
    assert "Pruned trials: 3 of 14" in page
    assert "not finished; the command" not in page

    (record,) = list_runs([tmp_path])
    assert (record.state, record.why) == ("finished", None)
    assert record.trials == {"total": 14, "finished": 11, "pruned": 3}
    found = list_runs([tmp_path], state="pruned")
    assert len(found) == 3
    assert all("the median of the others" in (one.why or "") for one in found)


def planned_sweep(loaded: Loaded, folder: Path, space: Mapping[str, list[Any]], over: Mapping[str, Any]) -> Path:
    base = loaded.override(over)
    trials = grid(space, base.settings.sweep.arms)
    where, planned = plan(trials, lambda one: base.override(one.overrides, "train").settings, folder)
    enter(where, planned, base.settings)
    return where


def test_trials_are_judged_beside_those_of_their_arm_and_seeds(loaded: Loaded, tmp_path: Path) -> None:
    arms = {"sweep.arms.one.optim.sam.rho": 0.01, "sweep.arms.two.optim.sam.rho": 0.05}
    space = {"data.seed": [0, 1], "seed": [3], "optim.lr": GOOD}
    folder = planned_sweep(loaded, tmp_path / "sweep", space, {**ON, **arms})
    peers = json.loads((folder / RULES).read_text())["peers"]
    groups = [f"arm {arm}, data seed {seed}, seed 3" for arm in ("one", "two") for seed in (0, 1)]
    assert sorted(peers.values()) == sorted(groups * len(GOOD))


@pytest.mark.slow
def test_a_worker_that_joins_prunes_too(loaded: Loaded, tmp_path: Path, entries: None) -> None:
    folder = planned_sweep(loaded, tmp_path / "sweep", {"optim.lr": [*GOOD, *POOR]}, ON)
    joined = join(folder, planned_trials(folder), "sweep_entries:curved", LocalExecutor(1))
    assert joined == Joined(done=5, failed=0, left=0, pruned=2)
    assert joined.exit_code == 0


SWEEP = f"""
import sys
from pathlib import Path
from kinj.config import load
from kinj.sweep.run import sweep
from kinj.sweep.space import grid
loaded = load("sweep", ["model=scratch", "model.tokenizer=train", "optim.lr=5e-3"], environ={{}}).override({ON})
make = lambda trial: loaded.override(trial.overrides, "train").settings
space = {{"optim.lr": {[*GOOD, *POOR, BETTER]}}}
sweep(grid(space), make, Path(sys.argv[1]), "sweep_entries:curved", 1, loaded.settings)
"""


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_prunes_the_same(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed without a word while the first poor trial runs, and once more when it has been pruned."""
    folder = tmp_path / "sweep"
    monkeypatch.setenv("SWEEP_STEP_SECONDS", "0.02")
    for ended in (5, 6):
        sweep = Killable("-c", SWEEP, str(folder))
        sweep.wait_until(lambda ended=ended: sum(s in (DONE, PRUNED) for s, _ in states(folder).values()) >= ended)
        sweep.kill(workers=True)
    between = states(folder)
    result = start({"optim.lr": [*GOOD, *POOR, BETTER]}, "curved", workers=1, over=ON)
    assert states_by_rate(result) == {**dict.fromkeys([*GOOD, BETTER], DONE), **dict.fromkeys(POOR, PRUNED)}
    assert all(states(folder)[name] == told for name, told in between.items() if told[0] in (DONE, PRUNED))
    undisturbed = start({"optim.lr": [*GOOD, *POOR, BETTER]}, "curved", workers=1, over=ON, folder=tmp_path / "whole")
    assert undisturbed.table["pruned"] == result.table["pruned"]


def test_a_search_learns_from_what_was_pruned() -> None:
    def group(rate: float, names: str) -> dict[str, Any]:
        found = {"recall": {"value": rate, "direction": 1}}
        return {
            "settings": {"lr": rate},
            "trials": [{"trial": n} for n in names],
            "measures": {"qa": found},
            "cost": {},
        }

    gone = [{"trial": "b", "step": 6, "value": 0.2}, {"trial": "c", "step": 4, "value": None}]
    table = {"groups": [group(0.1, "a"), group(0.2, "bcd")], "pruned": gone, "failures": []}
    (whole, cut), directions = judged_points([{"lr": 0.1}, {"lr": 0.2}], table, ["recall"])
    assert (whole.values, whole.pruned, cut.values, directions) == ([0.1], None, None, [1])
    assert cut.pruned
    assert cut.pruned[0] == 4
    assert math.isnan(cut.pruned[1])


def test_the_estimator_avoids_where_trials_were_pruned() -> None:
    """Of two values, one was always pruned and one did well: it is asked for more often than by chance."""
    tried = [Tried({"lr": 1}, [0.9]), Tried({"lr": 2}, None, (4, 0.1))] * 10
    asked = [tpe_points({"lr": [1, 2]}, tried, [1], seed, 1)[0]["lr"] for seed in range(20)]
    assert asked.count(1) >= 15


@pytest.mark.parametrize(
    ("over", "phrase"),
    [
        (["sweep.prune=best"], "prune must be one of"),
        (["sweep.prune=median"], "there is no learning curve to judge by"),
        (["sweep.prune=median", "train.probes=[qa]"], "there is no learning curve to judge by"),
        (["sweep.prune=median", "sweep.prune_after=0"], "prune_after must be 1 or more"),
        (["sweep.prune=median", "sweep.sampler=tpe", "sweep.objectives=[recall,passes]"], "judge one curve"),
        (["sweep.prune=median", "train.multiplex=['augment.views=1,2']"], "several ways at once"),
        (["sweep.prune=median", "sweep.law=exposure"], "a law needs the trials that do badly too"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_runs(over: list[str], phrase: str) -> None:
    with pytest.raises(SettingsError, match=phrase):
        load("sweep", over, environ={})


def test_optuna_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinj.config.check.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install kinj\[optuna\]"):
        load("sweep", [f"{key}={value}".replace("'", "") for key, value in ON.items()], environ={})


@pytest.mark.slow
def test_a_real_trial_with_an_absurd_learning_rate_is_pruned(tmp_path: Path) -> None:
    """Five ordinary learning rates and one that destroys what the model knew."""
    small = ["data.biographies.people=6", "data.biographies.teachers=4", "eval.limit=10", "eval.max_new_tokens=4"]
    length = ["train.stages.inject.epochs=null", "train.stages.inject.steps=4", "train.probe_every=2"]
    asked = [
        "train.probes=[retention]",
        "eval.probes=[retention]",
        "sweep.measure=known_unreplayed",
        "sweep.prune=median",
    ]
    rates = "optim.lr=1e-3,2e-3,3e-3,4e-3,5e-3,0.5"
    command = [sys.executable, "-m", "kinj", "sweep", rates, *small, *length, *asked, "-o", "sweep", "--json"]
    found = json.loads(subprocess.check_output(command, cwd=tmp_path, env=os.environ))
    assert (found["done"], found["failed"]) == (5, 0)
    assert [(one["name"], one["step"]) for one in found["pruned"]] == [("optim.lr=0.5", 2)]
    pruned = RunDir(tmp_path / "sweep/trials" / found["pruned"][0]["trial"])
    assert max(row["step"] for row in pruned.metrics()) == 3
    assert not (pruned.path / "results.json").exists()
