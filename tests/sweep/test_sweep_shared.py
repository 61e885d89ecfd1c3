"""Stages that trials have in common: trained once, to the same bytes, and said."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kinj.cli.pipeline import start_run, train_in
from kinj.cli.trial import learned_tokenizer
from kinj.config import Loaded, load, to_yaml
from kinj.config.schema import Settings
from kinj.data import shared as store
from kinj.data.files import atomic_write
from kinj.data.rundir import RunDir
from kinj.data.shared import Store
from kinj.models import scratch
from kinj.sweep.identity import identity, stage_keys
from kinj.sweep.ledger import FileLedger
from kinj.sweep.results import PlannedTrial
from kinj.sweep.shared import COMMON, FOLDER, Common, shared_stages, with_shared_tokenizer, would_wait
from kinj.sweep.space import Trial
from kinj.sweep.work import Work

SETTINGS = """
defaults: {model: scratch, data: biographies, train: null}
model.size: 100k
data.biographies: {people: 4, teachers: 3}
optim.batch_tokens: 256
train:
  threads: 1
  order: [read]
  stages:
    read: {data: {documents: {weight: 1}}, epochs: 2}
    ask: {data: {train_questions: {weight: 0.2}}, steps: 2}
    again: {data: {documents: {weight: 1}}, steps: 2, optim: {lr: 1e-4}}
eval.limit: 4
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A very small model, taught in stages; each test chooses their order."""
    path = tmp_path_factory.mktemp("staged") / "staged.yaml"
    path.write_text(SETTINGS)
    return load("train", files=[path], environ={})


Planned = dict[str, tuple[Settings, Path]]
Plan = Callable[..., Planned]


@pytest.fixture
def plan(staged: Loaded, tmp_path: Path) -> Plan:
    """Trials of a sweep in `tmp_path`, told what they have in common: `plan({"train.order": [...]}, ...)`."""

    def made(*trials: Mapping[str, Any], reuse: bool = True) -> Planned:
        settings = [staged.override(over, "train").settings for over in trials]
        planned = {name: (one, tmp_path / "trials" / name) for one in settings for name in [identity(one)]}
        for one, folder in planned.values():
            atomic_write(folder / "config.yaml", to_yaml(one))
        Common(tmp_path).plan(planned, reuse)
        return planned

    return made


class StopError(Exception):
    pass


def train(settings: Settings, folder: Path, stop: int | None = None, pause: Callable[[], None] | None = None) -> RunDir:
    """Trains as a trial does; with `stop`, as far as that step of this attempt; `pause` is called after every step."""
    settings.run.dir, settings.run.resume = str(folder), True
    run, taken = start_run(settings, folder.name), [0]

    def progress(*_: Any) -> None:
        taken[0] += 1
        if pause:
            pause()
        if taken[0] == stop:
            raise StopError

    with shared_stages(settings, run) as stage_end:
        train_in(with_shared_tokenizer(settings, run, learned_tokenizer), run, progress, stage_end)
    return run


def alone(settings: Settings, folder: Path) -> RunDir:
    """The same trial in a sweep where nothing is shared."""
    other = folder.parent.parent / "alone" / "trials" / folder.name
    atomic_write(other / "config.yaml", to_yaml(settings))
    return train(settings, other)


def learned(run: RunDir) -> dict[str, str]:
    """What training leaves, but for times and who did it, by its hash."""
    checkpoint = run.latest_checkpoint()
    assert checkpoint is not None
    files = [*checkpoint.iterdir(), *run.path.glob("selections/*")]
    files += [run.path / name for name in ("metrics.jsonl", "doses.parquet")]
    return {str(file.relative_to(run.path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def summary(run: RunDir) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "summary.json").read_text())
    return found


def told(run: RunDir, kind: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["kind"] == kind]


def entries(sweep: Path) -> list[Path]:
    return [path for path in sweep.glob(f"{FOLDER}/*") if path.is_dir()]


PROBED = {"train.probes": ["biographies"], "eval.max_new_tokens": 4}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "sam": {"optim.sam.rho": 0.05, "optim.sam.variant": "looksam", "optim.sam.every": 2},
    "probes": {"train.probe_log": 2, **PROBED},
    "ends early": {
        "train.probe_every": 1,
        "train.stop.measure": "biographies/recall",
        "train.stop.target": 0.0,
        **PROBED,
    },
    "selects": {
        "train.stages.read.data.train_questions.select.keep": ["unknown"],
        "train.asking.prompts": 1,
        "train.asking.samples": 0,
        "eval.max_new_tokens": 4,
    },
    "learned tokenizer": {"model.tokenizer": "train", "model.vocabulary": 400},
    "checkpoints on the way": {"train.checkpoint_every": 2},
}


SLOW = ("plain", "ends early", "learned tokenizer", "checkpoints on the way")


@pytest.mark.parametrize("case", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in CASES])
def test_a_stage_that_was_taken_over_changes_no_byte(case: str, plan: Plan, tmp_path: Path) -> None:
    orders = (["read", "ask"], ["read", "again"])
    (_, first), (settings, second) = (
        planned := plan(*({"train.order": order, **CASES[case]} for order in orders))
    ).values()
    giver = train(*next(iter(planned.values())))
    taker = train(settings, second)
    by_itself = alone(settings, second)
    assert learned(taker) == learned(by_itself)

    [event] = told(taker, "taken_over")
    assert (event["from"], event["stages"]) == (first.name, ["read"])
    assert told(giver, "taken_over") == told(by_itself, "taken_over") == []
    cost = summary(taker)
    assert cost.pop("taken_over") == {key: value for key, value in event.items() if key not in ("kind", "time")}
    assert cost["seconds"] > event["seconds"] == pytest.approx(told(giver, "checkpoint")[0]["seconds"], rel=1)
    same = [name for name in cost if name not in ("seconds", "sam_time_share", "data")]
    assert {name: cost[name] for name in same} == {name: summary(by_itself)[name] for name in same}
    stages = [event["name"] for event in told(taker, "stage") if not event["done"]]
    assert stages == ["read", "again"]  # as if it had begun both itself


def test_longer_beginnings_are_taken_where_they_are(plan: Plan, tmp_path: Path) -> None:
    orders = [["read", "ask"], ["read", "again", "ask"], ["read", "again"], ["ask", "read"]]
    one, two, three, other = (train(*trial) for trial in plan(*({"train.order": order} for order in orders)).values())
    assert told(one, "taken_over") == told(other, "taken_over") == []
    assert told(two, "taken_over")[0]["stages"] == ["read"]
    assert told(three, "taken_over")[0]["stages"] == ["read", "again"]  # all of it
    assert told(three, "taken_over")[0]["from"] == two.path.name
    assert summary(three)["steps"] == summary(two)["steps"] - 2
    assert len(entries(tmp_path)) == 2
    assert learned(three) == learned(alone(*next(iter(plan({"train.order": ["read", "again"]}).values()))))


def test_trials_that_differ_in_what_they_are_asked_train_once(plan: Plan) -> None:
    one, two = (train(*trial) for trial in plan({"eval.limit": 3}, {"eval.limit": 5}).values())
    assert told(two, "taken_over")[0]["stages"] == ["read"]
    assert learned(one) == learned(two)


@pytest.mark.slow
def test_a_tokenizer_is_learned_once_for_models_of_all_sizes(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    base = {"model.tokenizer": "train", "model.vocabulary": 400}
    one, two, other = plan(base, {**base, "model.size": "300k"}, {**base, "data.seed": 1}).values()
    learned_here: list[int] = []
    real = scratch.train_tokenizer

    def count(*arguments: Any) -> Any:
        learned_here.append(1)
        return real(*arguments)

    monkeypatch.setattr("kinj.cli.trial.train_tokenizer", count)
    monkeypatch.setattr("kinj.models.tokenizers.train_tokenizer", count)
    runs = [train(*trial) for trial in (one, two, other)]
    assert len(learned_here) == 2
    assert [told(run, "taken_over") for run in runs] == [[], [], []]
    for run, trial in zip(runs, (one, two, other), strict=True):
        assert learned(run) == learned(alone(*trial))


def test_nothing_is_shared_unasked(plan: Plan, tmp_path: Path) -> None:
    trials = plan({"train.order": ["read"]}, {"train.order": ["read", "ask"]}, reuse=False)
    assert [told(train(*trial), "taken_over") for trial in trials.values()] == [[], []]
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.slow
def test_a_trial_that_has_begun_goes_on_by_itself_and_gives_what_it_can(plan: Plan, tmp_path: Path) -> None:
    orders = (["read", "again"], ["read", "again", "ask"])
    first, second = plan(*({"train.order": order, "train.checkpoint_every": 1} for order in orders)).values()
    with pytest.raises(StopError):
        train(*first, stop=2)
    assert entries(tmp_path) == []
    giver = train(*first)
    assert told(giver, "taken_over") == []
    assert len(entries(tmp_path)) == 2
    taker = train(*second)
    assert told(taker, "taken_over")[0]["stages"] == ["read", "again"]
    assert learned(taker) == learned(alone(*second))


@pytest.mark.slow
def test_a_trial_that_was_stopped_after_it_took_over_goes_on_from_there(plan: Plan) -> None:
    orders = (["read", "ask"], ["read", "again"])
    first, second = plan(*({"train.order": order} for order in orders)).values()
    train(*first)
    with pytest.raises(StopError):
        train(*second, stop=1)
    taker = train(*second)
    assert len(told(taker, "taken_over")) == 1
    assert summary(taker)["taken_over"]["stages"] == ["read"]
    assert learned(taker) == learned(alone(*second))


def test_trials_at_the_same_time_wait_for_the_first(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = plan({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]}).values()
    monkeypatch.setattr(store, "POLL_SECONDS", 0.01)
    began = threading.Event()

    def pause() -> None:
        """The first takes its steps once the second waits for it."""
        began.set()
        while not told(RunDir(second[1]), "waiting"):
            time.sleep(0.01)

    one = threading.Thread(target=train, args=first, kwargs={"pause": pause})
    one.start()
    began.wait()
    run = train(*second)
    one.join()
    assert told(run, "waiting")[0]["for"] == told(run, "taken_over")[0]["from"] == first[1].name
    assert told(run, "taken_over")[0]["waited"] > 0
    assert learned(run) == learned(alone(*second))


def test_what_is_damaged_is_trained_again(plan: Plan, tmp_path: Path) -> None:
    orders = (["read", "ask"], ["read", "again"])
    first, second = plan(*({"train.order": order} for order in orders)).values()
    train(*first)
    [entry] = entries(tmp_path)
    (entry / "metrics.jsonl").write_text("")
    run = train(*second)
    assert told(run, "taken_over") == []
    assert "taken_over" not in summary(run)
    assert learned(run) == learned(alone(*second))
    assert store.Store(tmp_path / FOLDER).get(entry.name) is not None


@pytest.mark.slow
def test_what_vanishes_while_it_is_taken_is_trained_again(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = plan({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]}).values()
    train(*first)

    def vanish(source: Path, target: Path) -> None:
        shutil.rmtree(source)
        raise FileNotFoundError(source)

    with monkeypatch.context() as patch:
        patch.setattr("kinj.train.handover.link_tree", vanish)
        run = train(*second)
    assert any("could not be taken over" in event["text"] for event in told(run, "notice"))
    assert "taken_over" not in summary(run)
    assert learned(run) == learned(alone(*second))


def test_another_environment_shares_nothing(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = plan({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]}).values()
    train(*first)
    monkeypatch.setattr("kinj.sweep.shared.environment", lambda: {"cpu": "another"})
    assert told(train(*second), "taken_over") == []


def test_a_full_disk_costs_the_others_and_not_the_trial(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = plan({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]}).values()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("kinj.train.handover.link_tree", full)
        run = train(*first)
    assert "could not be handed to other trials" in told(run, "notice")[-1]["text"]
    assert told(train(*second), "taken_over") == []


def test_what_nobody_needs_any_more_is_removed(plan: Plan, tmp_path: Path) -> None:
    trials = plan({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]})
    common = Common(tmp_path)
    common.plan(trials, reuse=True)
    first, second = trials
    train(*trials[first])
    common.done(first)
    assert len(entries(tmp_path)) == 1
    later = Common(tmp_path)  # another call of the sweep: one trial is left, and its beginning is there
    later.plan({second: trials[second]}, reuse=True)
    assert told(train(*trials[second]), "taken_over")
    later.done(second)
    assert not (tmp_path / FOLDER).exists()
    common.all_done()


def test_trials_that_would_only_wait_let_others_by(plan: Plan, tmp_path: Path) -> None:
    """Four trials begin alike in pairs: the second of a pair comes when its beginning is there, or nothing else is left."""
    orders = (["read", "ask"], ["read", "again"], ["again", "ask"], ["again", "read"])
    made = plan(*({"train.order": order} for order in orders))
    planned = {name: PlannedTrial(Trial(None, {}, {}), one, name, folder) for name, (one, folder) in made.items()}
    first, second, third, fourth = made
    ledger = FileLedger(tmp_path)
    ledger.plan(dict.fromkeys(made, False))
    jobs = (job.name for job in Work(ledger, planned)._jobs(tmp_path, "none:none"))
    assert [next(jobs), next(jobs)] == [first, third]
    with Store(tmp_path / FOLDER).put(f"{stage_keys(made[first][0])[0]}-here") as folder:
        (folder / "checkpoint").touch()
    assert [*jobs] == [second, fourth]
    for name in (second, fourth):
        assert would_wait(made[name][1], [made[first][1]]) is False
    assert would_wait(made[fourth][1], [made[third][1]]) is True


@pytest.mark.slow
def test_reuse_can_be_switched_off_later(plan: Plan) -> None:
    first, second = ({"train.order": ["read", "ask"]}, {"train.order": ["read", "again"]})
    train(*next(iter(plan(first, second).values())))
    [*_, (settings, folder)] = plan(first, second, reuse=False).values()
    assert json.loads((folder / COMMON).read_text()) == []
    assert told(train(settings, folder), "taken_over") == []


EARLIER = [
    {"seed": 1},
    {"data.seed": 1},
    {"model.size": "200k"},
    {"optim.lr": 0.1},
    {"train.threads": 2},
    {"train.stages.read.epochs": 3},
    {"train.stages.read.optim.sam.rho": 0.1},
    {"train.probe_every": 5},
    {"train.order": ["ask", "read"]},
]
LATER = [
    {"train.stages.again.steps": 9},
    {"train.stages.again.optim.lr": 0.5},
    {"train.order": ["read"]},
    {"train.order": ["read", "ask", "again"]},
    {"train.recipe": "other"},
    {"train.keep_checkpoints": 7},
    {"eval.probes": ["biographies"]},
    {"eval.max_new_tokens": 3},
    {"augment.formatting.families": ["json"]},
]
ON_THE_WAY = {"train.probe_every": 5, "train.probes": ["biographies"]}
READ_EARLY = [
    (ON_THE_WAY, {"eval.max_new_tokens": 3}),
    (ON_THE_WAY, {"augment.formatting.families": ["json"]}),
    ({"train.stages.read.data.train_questions.select.keep": ["unknown"]}, {"eval.normalizer": "light"}),
    ({"train.stages.read.data.documents.augment": ["formatting"]}, {"augment.formatting.families": ["json"]}),
    ({"model.tokenizer": "train"}, {"train.stages.again.data.train_documents.weight": 1}),
]


def first_key(staged: Loaded, *overs: Mapping[str, Any]) -> str:
    over = {"train.order": ["read", "again"]} | {key: value for one in overs for key, value in one.items()}
    return stage_keys(staged.override(over, "train").settings)[0]


@pytest.mark.parametrize("over", EARLIER, ids=str)
def test_what_decides_a_stage_is_in_its_key(over: dict[str, Any], staged: Loaded) -> None:
    assert first_key(staged, over) != first_key(staged)


@pytest.mark.parametrize("over", LATER, ids=str)
def test_what_comes_later_is_not(over: dict[str, Any], staged: Loaded) -> None:
    assert first_key(staged, over) == first_key(staged)


@pytest.mark.parametrize(("base", "over"), READ_EARLY, ids=str)
def test_what_is_read_early_is_in_it(base: dict[str, Any], over: dict[str, Any], staged: Loaded) -> None:
    assert first_key(staged, base, over) != first_key(staged, base)


def test_settings_of_all_stages_that_this_one_overrides_are_not(staged: Loaded) -> None:
    own = {"train.stages.read.optim.sam.rho": 0.05}
    assert first_key(staged, own, {"optim.sam.rho": 0.2}) == first_key(staged, own)
    assert first_key(staged, {"optim.sam.rho": 0.2}) != first_key(staged)


def test_contents_count_and_places_do_not(staged: Loaded, tmp_path: Path) -> None:
    keys = []
    for name, text in (("one", "same"), ("other", "same"), ("third", "different")):
        path = tmp_path / f"{name}.txt"
        path.write_text(text)
        keys.append(first_key(staged, {"train.stages.read.data.documents.path": str(path)}))
    assert keys[0] == keys[1] != keys[2]
