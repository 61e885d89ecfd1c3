"""What every ledger must do. An implementation inherits the tests and supplies the fixture `make`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from kinj.sweep.holder import Holder
from kinj.sweep.ledger import DONE, FAILED, INTERRUPTED, LEASE_SECONDS, PLANNED, PRUNED, RUNNING, Ledger

ELSEWHERE = Holder("another-machine", 1, "")


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


Make = Callable[..., Ledger]
"""`make(holder, clock)`: another view of the same ledger."""


def ended_process() -> Holder:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return replace(Holder.here(), pid=process.pid, started="1")


class LedgerContract:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def ledger(self, make: Make, clock: Clock) -> Ledger:
        ledger = make(Holder.here(), clock)
        ledger.plan({"a": False})
        ledger.plan({"b": False})
        return ledger

    def test_trials_are_planned_in_order_and_once(self, ledger: Ledger) -> None:
        ledger.plan({"a": False})
        assert [(s.trial, s.state, s.attempts) for s in ledger.states().values()] == [
            ("a", PLANNED, 0),
            ("b", PLANNED, 0),
        ]

    def test_unknown_trial_is_refused(self, ledger: Ledger) -> None:
        with pytest.raises(KeyError):
            ledger.take("c")

    def test_a_taken_trial_is_not_taken_again(self, ledger: Ledger) -> None:
        assert ledger.take("a")
        assert ledger.take("a") is None
        assert ledger.take("b")
        assert ledger.held("a")
        assert ledger.states()["a"].state == RUNNING

    def test_an_attempt_can_be_told_by_its_lease(self, make: Make, ledger: Ledger, clock: Clock) -> None:
        assert ledger.take("a", "mine") == "mine"
        assert make(Holder.here(), clock).states()["a"].lease == "mine"
        assert ledger.take("b") not in (None, "mine")

    def test_another_view_of_the_ledger_sees_what_is_new(self, make: Make, ledger: Ledger, clock: Clock) -> None:
        other = make(Holder.here(), clock)
        assert [status.state for status in other.states().values()] == [PLANNED, PLANNED]
        lease = ledger.take("a")
        assert lease
        assert other.states()["a"].state == RUNNING
        assert other.finish("a", lease, DONE)
        other.plan({"c": False})
        assert [status.state for status in ledger.states().values()] == [DONE, PLANNED, PLANNED]

    def test_done_is_done(self, ledger: Ledger) -> None:
        lease = ledger.take("a")
        assert lease
        assert ledger.finish("a", lease, DONE)
        assert ledger.states()["a"].state == DONE
        assert ledger.take("a") is None

    def test_a_pruned_trial_has_ended_until_it_is_opened_again(self, ledger: Ledger) -> None:
        lease = ledger.take("a")
        assert lease
        assert ledger.finish("a", lease, PRUNED, "far behind")
        ledger.plan({"a": False})
        assert ledger.take("a") is None
        status = ledger.states()["a"]
        assert (status.state, status.error) == (PRUNED, "far behind")
        ledger.plan({"a": False, "b": False}, reopen=True)
        assert [status.state for status in ledger.states().values()] == [INTERRUPTED, PLANNED]
        assert ledger.take("a")

    @pytest.mark.parametrize("state", [FAILED, INTERRUPTED])
    def test_failed_trial_stays_visible_and_can_be_taken_again(self, ledger: Ledger, state: str) -> None:
        lease = ledger.take("a")
        assert lease
        ledger.finish("a", lease, state, "no room left")
        status = ledger.states()["a"]
        assert (status.state, status.error, status.attempts) == (state, "no room left", 1)
        assert not ledger.held("a")
        assert ledger.take("a")
        assert (ledger.states()["a"].attempts, ledger.states()["a"].error) == (2, "")

    def test_a_lease_ends_once(self, ledger: Ledger) -> None:
        lease = ledger.take("a")
        assert lease
        assert ledger.finish("a", lease, FAILED)
        assert not ledger.finish("a", lease, DONE)
        assert not ledger.renew("a", lease)
        assert ledger.states()["a"].state == FAILED

    def test_lease_of_a_dead_process_is_taken_over_once(self, make: Make, ledger: Ledger, clock: Clock) -> None:
        dead = make(ended_process(), clock)
        old = dead.take("a")
        assert old
        assert not ledger.held("a")
        new = ledger.take("a")
        assert new
        assert ledger.take("a") is None
        assert not dead.finish("a", old, DONE)
        assert ledger.states()["a"].state == RUNNING

    def test_number_of_a_dead_process_given_to_another(self, make: Make, ledger: Ledger, clock: Clock) -> None:
        make(replace(Holder.here(), pid=os.getpid(), started="1"), clock).take("a")
        assert ledger.take("a")

    def test_expired_lease_is_taken_over_once(self, make: Make, ledger: Ledger, clock: Clock) -> None:
        far = make(ELSEWHERE, clock)
        old = far.take("a")
        assert old
        clock.now += LEASE_SECONDS - 1
        assert ledger.take("a") is None
        assert far.renew("a", old)
        clock.now += LEASE_SECONDS - 1
        assert ledger.take("a") is None
        clock.now += 2
        assert ledger.take("a")
        assert ledger.take("a") is None
        assert not far.renew("a", old)

    def test_a_living_process_keeps_its_lease_however_long_it_slept(self, ledger: Ledger, clock: Clock) -> None:
        ledger.take("a")
        clock.now += 100 * LEASE_SECONDS
        assert ledger.take("a") is None

    def test_the_folder_is_right_where_the_ledger_is_not(self, ledger: Ledger) -> None:
        ledger.plan({"a": True})
        assert ledger.states()["a"].state == DONE
        ledger.plan({"a": False})
        assert ledger.states()["a"].state == PLANNED
        ledger.take("b")
        ledger.plan({"b": True})  # its worker is alive and will say so itself
        assert ledger.states()["b"].state == RUNNING
