"""The search space of a sweep: what is a list, what is one value, and what does not fit."""

from __future__ import annotations

import pytest

from kinj.config import load
from kinj.config.errors import SettingsError, UsageError
from kinj.config.space import check_space, split_space, split_values

ROWS = [
    ("seed=0,1", ["0", "1"]),
    ("seed=0..3", ["0", "1", "2", "3"]),
    ("seed=-1..1", ["-1", "0", "1"]),
    ("optim.lr=1e-4, 1e-3", ["1e-4", "1e-3"]),
    ("data.documents=[a,b],[c]", ["[a,b]", "[c]"]),
    ("model.prompt='a, {prompt}',b {prompt}", ["'a, {prompt}'", "b {prompt}"]),
    ("train=pit,cpt", ["pit", "cpt"]),
    ("optim.lr=1e-4..1e-2:log3", ["0.0001", "0.001", "0.01"]),
    ("optim.sam.rho=0..0.1:lin3", ["0.0", "0.05", "0.1"]),
    ("augment.views=1..100:log3", ["1", "10", "100"]),
    ("optim.lr=1e-4..1e-2:log", ["1e-4..1e-2:log"]),
]
SINGLE = [
    "optim.lr=1e-4",
    "data.documents=[a,b]",
    "model.prompt='a, {prompt}'",
    "run.dir=../x",
    "run.dir=",
]


@pytest.mark.parametrize(("typed", "values"), ROWS, ids=[row[0] for row in ROWS])
def test_several_values_are_a_dimension(typed: str, values: list[str]) -> None:
    assert split_space([typed]) == ([], {typed.partition("=")[0]: values})


@pytest.mark.parametrize("typed", SINGLE)
def test_one_value_is_a_setting(typed: str) -> None:
    assert split_space([typed]) == ([typed], {})


TWICE = [
    ["optim.lr=1e-4,1e-3", "optim.lr=1e-2,1e-1"],
    ["optim.lr=1e-4,1e-3", "optim.lr=1e-2"],
    ["seed=3", "seed+data.seed=0..2"],
]


@pytest.mark.parametrize("typed", TWICE, ids=" ".join)
def test_values_of_a_key_that_is_given_twice_are_not_dropped_in_silence(typed: list[str]) -> None:
    with pytest.raises(UsageError, match=r"given twice|for the same key"):
        split_space(typed)


def test_joined_keys_take_their_values_together() -> None:
    loaded = load("sweep", environ={})
    assert split_space(["seed+data.seed=3"]) == ([], {"seed+data.seed": ["3"]})
    assert check_space(loaded, {"seed+data.seed": ["3", "4"]}) == {"seed+data.seed": [3, 4]}
    with pytest.raises(SettingsError) as caught:
        check_space(loaded, {"seed+optim.lr": ["3", "0.5"], "seed+no.such": ["1"]})
    assert [problem.key for problem in caught.value.problems] == ["seed", "no.such"]


def test_joined_keys_may_each_get_their_own_value() -> None:
    loaded = load("sweep", environ={})
    ((axis, texts),) = split_space(["augment.views+seed=[1,20],[5,4]"])[1].items()
    assert check_space(loaded, {axis: texts}) == {"augment.views+seed": [(1, 20), (5, 4)]}
    lists = {"data.documents+data.questions": ["[a,b]"]}
    assert check_space(loaded, lists) == {
        "data.documents+data.questions": [["a", "b"]]
    }  # keys that want a list share it
    with pytest.raises(SettingsError) as caught:
        check_space(loaded, {"augment.views+seed": ["[1,x]", "[1,2,3]"]})
    assert [problem.key for problem in caught.value.problems] == ["seed", "augment.views", "seed"]


def test_an_interval_is_for_samplers() -> None:
    loaded = load("sweep", environ={})
    found = check_space(loaded, split_space(["optim.lr=1e-4..1e-2:log", "augment.views=1..20:lin"])[1])
    (lr,), (views,) = found["optim.lr"], found["augment.views"]
    assert (lr.at(0), lr.at(0.5), lr.at(1)) == pytest.approx((1e-4, 1e-3, 1e-2))
    assert [views.at(share) for share in (0, 0.26, 1)] == [1, 6, 20]
    with pytest.raises(SettingsError, match="rho must be 0 or more"):
        check_space(loaded, split_space(["optim.sam.rho=-1..1:lin"])[1])


@pytest.mark.parametrize(
    ("typed", "phrase"),
    [
        ("optim.lr=1e-2..1e-4:log5", "is no range"),
        ("optim.lr=0..1:log5", "more than 0"),
        ("seed=3..1", "seed=3..1 is no range"),
        ("seed=3..3", "one value is written alone"),
        ("seed=0..99999", "asks for 100,000 values"),
        ("optim.lr=1e-4..1e-2:log1", "asks for 1 values"),
        ("augment.views=1..3:lin5", "holds 3 different whole numbers"),
    ],
)
def test_a_range_without_such_values(typed: str, phrase: str) -> None:
    with pytest.raises(UsageError) as caught:
        split_space([typed])
    assert phrase in f"{caught.value} {caught.value.hint}"


def test_unclosed_bracket_is_one_value() -> None:
    assert split_values("[a,b") == ["[a,b"]


def test_values_become_what_their_keys_want() -> None:
    loaded = load("sweep", environ={})
    _, space = split_space(
        ["seed=0..2", "optim.sam.rho=0,0.05", "train=inject,cpt", "data.limit=5,null", "model=tiny,org/m"]
    )
    assert check_space(loaded, space) == {
        "seed": [0, 1, 2],
        "optim.sam.rho": [0.0, 0.05],
        "train": ["inject", "cpt"],
        "data.limit": [5, None],
        "model": ["tiny", "org/m"],
    }


@pytest.mark.parametrize(
    ("typed", "phrase"),
    [
        ("seed=0,x", "x is not a whole number"),
        ("optim.sam.rho=0,-1", "rho must be 0 or more"),
        ("optim.sam.rhoo=0,1", "did you mean optim.sam.rho?"),
        ("optim.sam=0,1", "no such setting"),
        ("train=pit,pitt", "no such choice as pitt"),
        ("optim.betas=[0.9, 0.9],[", "not valid YAML"),
        ("train.order=[a],[b]", "no such stage as a"),
    ],
)
def test_value_that_does_not_fit(typed: str, phrase: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_space(load("sweep", environ={}), split_space([typed])[1])
    assert phrase in str(caught.value)


def test_a_mistake_about_a_key_is_said_once_for_all_its_values() -> None:
    with pytest.raises(SettingsError) as caught:
        check_space(load("sweep", [], environ={}), {"optim.lrr": ["1", "2"], "seed": ["x", "y"]})
    assert [problem.key for problem in caught.value.problems] == ["optim.lrr", "seed", "seed"]
